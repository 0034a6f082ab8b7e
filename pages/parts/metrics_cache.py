"""What the dashboards of metrics keep between reruns: runs never change, so a run's id is a key that never ages.

Beside cache.py, search_cache.py and recommend_cache.py one of the places with Streamlit's caches.
"""

import pandas as pd
import streamlit as st

from engine import flips as flip_book
from engine import scoreboard, tag_figures
from engine.comparing import Compared, compare_runs
from engine.gold import is_gold
from engine.leaks import LeakMap, leak_map
from engine.metrics.definitions import label
from engine.metrics.significance import PairedDifference
from engine.rescue import rescue_queue
from engine.review import Candidates
from engine.run_values import Figure, RunValues, open_values
from engine.runs import Run, RunStore
from engine.tour import Story
from engine.tour import stories as tour_stories
from engine.workspace import Workspace
from pages.parts import cache, recommend_cache

Part = tuple[tuple[str, object], ...]  # a filter of rows as the keys of caches hold it


def runs(workspace: Workspace, kind: str) -> list[Run]:
    """The runs of a room, newest first; the folder of runs is looked at every time, because runs come and go."""
    return scoreboard.runs_of(RunStore(workspace), kind)


def rooms(workspace: Workspace) -> set[str]:
    """The rooms that have a run to show."""
    return scoreboard.rooms_of(RunStore(workspace))


@st.cache_resource(max_entries=24, show_spinner="Reading the run …")
def values(_workspace: Workspace, path: str, run_id: str) -> RunValues:
    """The flat table of a run; shared between sessions."""
    return open_values(RunStore(_workspace), run_id)


@st.cache_data(max_entries=512, show_spinner=False)
def headline(_workspace: Workspace, path: str, run_id: str) -> str:
    """A run's headline metric in words; empty for runs on people's decisions, which have figures of their own."""
    store = RunStore(_workspace)
    run = store.get(run_id)
    metric = scoreboard.ROOMS[run.kind].headline
    found = values(_workspace, path, run_id)
    if is_gold(run) or metric not in found.metrics:
        return ""
    return f"{label(metric)} {found.measure(metric).total:.3f}"


@st.cache_data(max_entries=64, show_spinner="Comparing with the baseline …")
def scores(_workspace: Workspace, path: str, run_id: str, baseline: str | None) -> list[scoreboard.Scored]:
    """Every metric of a run beside its baseline's."""
    return scoreboard.scores(RunStore(_workspace), run_id, baseline)


@st.cache_data(max_entries=512, show_spinner=False)
def figure(_values: RunValues, run_id: str, path: str, metric: str, part: Part) -> Figure:
    """A metric over the rows of a part."""
    return _values.figure(metric, dict(part))


@st.cache_data(max_entries=512, show_spinner=False)
def groups(_values: RunValues, run_id: str, path: str, column: str, metric: str) -> list[tuple[str, Figure]]:
    """A metric for each part of a slice."""
    return _values.groups(column, metric)


@st.cache_data(max_entries=512, show_spinner=False)
def difference(
    _baseline: RunValues, _values: RunValues, ids: tuple[str, str], path: str, metric: str, part: Part
) -> PairedDifference:
    """How far a run is above its baseline over the rows of a part."""
    return scoreboard.difference_of(_baseline, _values, metric, dict(part))


@st.cache_data(max_entries=64, show_spinner=False)
def listed(_values: RunValues, run_id: str, path: str, k: int) -> pd.DataFrame:
    """The items among the first k of any list, and of how many."""
    return _values.listed(k)


@st.cache_data(max_entries=64, show_spinner=False)
def catalogue(_workspace: Workspace, path: str, run_id: str) -> int:
    """How many items could have been recommended."""
    return int(RunStore(_workspace).rows(run_id, columns=["n_items"])["n_items"].max())


@st.cache_data(max_entries=64, show_spinner="Comparing runs …")
def compared(_workspace: Workspace, path: str, baseline: str, run_id: str, margin: float) -> dict[str, Compared]:
    """Every metric of a run beside the baseline's, with tests and verdicts."""
    return dict(compare_runs(RunStore(_workspace), baseline, run_id, margin=margin).metrics)


@st.cache_data(max_entries=64, show_spinner="Comparing runs …")
def verdicts(_workspace: Workspace, path: str, baseline: str, run_id: str, margin: float) -> dict[str, Compared]:
    """The same without the tests, which take most of the time."""
    return dict(compare_runs(RunStore(_workspace), baseline, run_id, margin=margin, n_permutations=0).metrics)


def as_table(found: dict[str, Compared]) -> pd.DataFrame:
    """A comparison as a table to export."""
    return pd.DataFrame(
        {
            "metric": name,
            "baseline": one.test.a,
            "run": one.test.b,
            "difference": one.test.difference,
            "low": one.test.low,
            "high": one.test.high,
            "wins": one.test.wins,
            "ties": one.test.ties,
            "losses": one.test.losses,
            "p": one.p,
            "effect": one.effect,
            "verdict": one.verdict,
        }
        for name, one in found.items()
    )


@st.cache_data(max_entries=64, show_spinner=False)
def flips(_baseline: RunValues, _values: RunValues, ids: tuple[str, str], path: str, metric: str) -> pd.DataFrame:
    """The rows that became better or worse."""
    return flip_book.flips(_baseline, _values, metric)


@st.cache_data(max_entries=32, show_spinner="Looking where the missed ones were lost …")
def leaks(_workspace: Workspace, path: str, run_id: str, k: int) -> LeakMap:
    """Which stage lost each wanted item of a run."""
    return leak_map(RunStore(_workspace), run_id, k)


@st.cache_data(max_entries=16, show_spinner=False)
def tag_rows(_workspace: Workspace, path: str, run_id: str) -> pd.DataFrame:
    """What a tag run predicted, with what tables of single tags need."""
    columns = ["item_id", "category", "ranked", "scores", "known", "predicted"]
    return RunStore(_workspace).rows(run_id, columns=columns)


@st.cache_data(max_entries=16, show_spinner=False)
def per_tag(_rows: pd.DataFrame, path: str, run_id: str) -> pd.DataFrame:
    """One line per tag."""
    return tag_figures.per_tag(_rows)


@st.cache_resource(max_entries=16, show_spinner=False)
def chances(_rows: pd.DataFrame, path: str, run_id: str) -> tag_figures.Chances:
    """The tags that a tagger ranked, with their probabilities."""
    return tag_figures.chances_of(_rows)


def rescue(
    workspace: Workspace,
    served: recommend_cache.Served | None,
    tags: Candidates | None,
    decided: pd.DataFrame,
    troubled: pd.DataFrame,
) -> pd.DataFrame:
    """The tasks of the rescue queue; everybody's lists, which take longest, are kept with the recommender."""
    lists = None if served is None else recommend_cache.everybody(served)
    return rescue_queue(
        cache.queries(workspace),
        lists=lists,
        pipeline=None if served is None else served.pipeline,
        tags=tags,
        decided=decided,
        troubled=troubled,
    )


def stories(workspace: Workspace, served: recommend_cache.Served | None, llm: bool) -> list[Story]:
    """The tour's stories; kept until data, runs or the recommender change. llm: whether an LLM answers here."""
    known = tuple(run.id for run in RunStore(workspace).list())
    version = (str(workspace.path), workspace.data_hash(), known, None if served is None else served.version)
    return _stories(workspace, served, llm, version)


@st.cache_data(max_entries=4, show_spinner="Looking for stories …")
def _stories(
    _workspace: Workspace, _served: recommend_cache.Served | None, llm: bool, version: tuple[object, ...]
) -> list[Story]:
    queries = cache.queries(_workspace)
    tasks = None
    if _served is not None:
        tasks = rescue_queue(queries, lists=recommend_cache.everybody(_served), pipeline=_served.pipeline)
    return tour_stories(queries, tasks, llm=llm)
