"""One room of metrics as the address names it: which runs, which metric, which of their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from engine import scoreboard
from engine.errors import NotBuiltError, UnknownNameError, counted
from engine.metrics.definitions import GENERAL
from engine.run_values import RunValues
from engine.runs import Run, differences
from engine.scoreboard import ROOMS, Scored
from engine.slicing import SLICES
from engine.workspace import Workspace
from pages.parts import cards, links, metrics_cache
from pages.parts.markup import html, show

EVALUATE = {
    "tags": "train_tags.py --workspace {} --model linear",
    "search": "build_search.py --workspace {}",
    "recommend": "train_recommender.py --workspace {}",
    "rank": "run_ranking.py --workspace {}",
}
OPENED = ("metric", "part", "bin", "tag", "page", "rows")


@dataclass(frozen=True)
class Room:
    """What is shown: a run, its baseline, the metric that is looked at, and the part of the rows."""

    workspace: Workspace
    kind: str
    runs: list[Run]
    run: Run
    baseline: Run | None
    lines: list[Scored]
    metric: str
    part: Mapping[str, object]

    @property
    def path(self) -> str:
        """The workspace's place, for keys of caches."""
        return str(self.workspace.path)

    @property
    def values(self) -> RunValues:
        """The run's flat table."""
        return metrics_cache.values(self.workspace, self.path, self.run.id)

    @property
    def beside(self) -> RunValues | None:
        """The baseline's flat table."""
        return None if self.baseline is None else metrics_cache.values(self.workspace, self.path, self.baseline.id)

    @property
    def line(self) -> Scored:
        """The metric that is looked at."""
        return next(line for line in self.lines if line.name == self.metric)

    @property
    def summable(self) -> bool:
        """Whether the metric can be told for a part of the rows."""
        return self.metric in self.values.metrics

    @property
    def part_key(self) -> metrics_cache.Part:
        """The part, for keys of caches."""
        return tuple(sorted(self.part.items()))


def named_runs(workspace: Workspace, kind: str) -> tuple[list[Run], Run, Run | None]:
    """The runs of a room, the one that the address names, and what that is compared with.

    Raises UnknownNameError for a run that doesn't exist, NotBuiltError with the command where nothing was measured yet.
    """
    runs = metrics_cache.runs(workspace, kind)
    if not runs:
        raise not_measured(workspace, kind)
    run = chosen(runs, links.get("run"), "run") or scoreboard.first_run(runs, kind) or runs[0]
    return runs, run, chosen(runs, links.get("beside"), "baseline") or scoreboard.baseline_of(runs, run)


def open_room(workspace: Workspace, kind: str, runs: list[Run], run: Run, baseline: Run | None) -> Room:
    """The room with these runs and what else the address names.

    Raises UnknownNameError for a metric that doesn't exist, WorkspaceError for a damaged run.
    """
    lines = metrics_cache.scores(workspace, str(workspace.path), run.id, baseline.id if baseline else None)
    names = [line.name for line in lines]
    metric = links.get("metric") or (ROOMS[kind].headline if ROOMS[kind].headline in names else names[0])
    if metric not in names:
        raise UnknownNameError(f"metric of {kind} runs", metric, names)
    return Room(workspace, kind, runs, run, baseline, lines, metric, _part(metric))


def not_measured(workspace: Workspace, kind: str) -> NotBuiltError:
    """Nothing was measured in this room yet: with the command that does."""
    command = f".venv/bin/python scripts/{EVALUATE[kind].format(workspace.name)}"
    return NotBuiltError(f"A run of {ROOMS[kind].label.lower()}", command)


def start_command(workspace: Workspace, run: Run) -> str:
    """The command that starts a run like this one."""
    scripts = {
        "tags": f"train_tags.py --workspace {workspace.name} --model {run.model}",
        "recommend": f"train_recommender.py --workspace {workspace.name} --model {run.model}",
        "rank": f"train_ranker.py --workspace {workspace.name} --model {run.model}",
    }
    whole = run.model == "pipeline" or run.model in ROOMS["rank"].baselines
    script = None if whole else scripts.get(run.kind)
    return f".venv/bin/python scripts/{script or EVALUATE[run.kind].format(workspace.name)}"


def first_room(workspace: Workspace, kinds: Sequence[str] = tuple(ROOMS)) -> str:
    """The first room that has a run."""
    measured = metrics_cache.rooms(workspace)
    return next((kind for kind in kinds if kind in measured), kinds[0])


def names_of(runs: Sequence[Run]) -> dict[str, str]:
    """What runs are called in selectors, by id."""
    return {run.id: f"{run.model} · {run.created[:16].replace('T', ' ')}" for run in runs}


def choose_kind(workspace: Workspace, kinds: Sequence[str], *, drop: Sequence[str]) -> str:
    """The control of rooms; a change drops what belongs to the old one from the address."""
    first = first_room(workspace, kinds)
    asked = links.get("room") if links.get("room") in kinds else first
    bound = links.bind("room", asked, first, drop=tuple(drop))
    names = {kind: ROOMS[kind].label for kind in kinds}
    st.segmented_control(
        "Room", list(kinds), format_func=names.get, required=True, label_visibility="collapsed", **bound
    )
    return asked


def choose(kind: str, runs: list[Run], run: Run, baseline: Run | None) -> None:
    """The selectors of the run and of what it is compared with."""
    names = names_of(runs)
    able = [one for one in runs if one.id != run.id and not differences(one, run)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = scoreboard.first_run(runs, kind)
        bound = links.bind("run", run.id, first.id if first else None, drop=("beside", *OPENED))
        st.selectbox("Run", list(names), format_func=names.get, width=330, **bound)
        usual = scoreboard.baseline_of(runs, run)
        bound = links.bind("beside", baseline and baseline.id, usual and usual.id, drop=("page",))
        st.selectbox(
            "Beside",
            [one.id for one in able],
            format_func=names.get,
            placeholder="No comparable run",
            width=330,
            **bound,
        )
    refused = len(runs) - 1 - len(able)
    if refused:
        said = f"{counted(refused, 'other run')} can’t be compared with it: data, split or eligibility differ."
        show(html('<p class="sw-note">{}</p>', said), key="refused")


def show_definitions(room: Room) -> None:
    """What holds for all metrics, and what made the run."""
    with st.popover("About these figures", icon=":material/info:"):
        show(html("<p>{}</p>", GENERAL), key="general")
        run = room.run
        st.code(
            f"run {run.id}\ndata {run.data_hash}\nsplit {run.split}\neligible {run.eligibility}\nseed {run.seed}",
            language=None,
            wrap_lines=True,
        )


def chosen(runs: list[Run], run_id: str, kind: str) -> Run | None:
    """The run called `run_id`; None when none is asked for. Raises UnknownNameError with the nearest one."""
    if not run_id:
        return None
    found = next((run for run in runs if run.id == run_id), None)
    if found is None:
        raise UnknownNameError(kind, run_id, [run.id for run in runs])
    return found


def _part(metric: str) -> dict[str, object]:
    """The part of the rows that the address names: a slice's value, a bar of the histogram."""
    part: dict[str, object] = {}
    column, _, value = links.get("part").partition(":")
    if column in SLICES:
        part[column] = value
    if links.get("bin"):
        low, high = links.span("bin")
        part[metric] = (low, high)
    return part


def part_words(slice_name: str, value: object) -> str:
    """A part of a slice as people read it; nothing where a row has none."""
    if pd.isna(value):
        return ""
    return cards.category(str(value)) if slice_name == "category" else str(value)
