"""What pages keep between reruns: the only place with Streamlit's caches.

Keys hold versions (the tables' hash, an artifact's version), so a new import or training is seen at once and old
entries age out. Large read-only things are resources; small results are data, copied at each hit.
"""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from engine import explore, overview, workflows
from engine.artifacts import ArtifactStore, Card
from engine.runs import Run, RunStore, compare, differences
from engine.schema import Evidence, ItemText
from engine.sql import Queries
from engine.tags.predictor import KIND, TagPredictor, train_command
from engine.workspace import Workspace


@dataclass(frozen=True)
class Tagger:
    """A trained tagger that pages may use: its name, the version that serves, and that version's card.

    current: whether it learned from the tables as they are now.
    """

    name: str
    version: str
    card: Card
    current: bool


@dataclass(frozen=True)
class RunLine:
    """A tagger's newest run in one line: its micro-F1, how many SKUs it measured, and how it does beside the prior.

    better: 1 or -1 where the interval leaves out 0, 0 where it doesn't, None where there is nothing to compare.
    """

    id: str
    model: str
    figure: float
    rows: int
    words: str
    better: int | None = None


def queries(workspace: Workspace) -> Queries:
    """SQL over the workspace's present tables."""
    return _queries(workspace, str(workspace.path), workspace.data_hash())


def summary(workspace: Workspace) -> overview.Overview:
    """The overview's figures."""
    return _summary(workspace, str(workspace.path), workspace.data_hash())


def rows(workspace: Workspace, key: str, limit: int) -> pd.DataFrame:
    """The first `limit` rows behind a figure."""
    return _rows(workspace, key, limit, (str(workspace.path), workspace.data_hash()))


def taggers(workspace: Workspace) -> dict[str, Tagger]:
    """Trained taggers by name, the baseline last."""
    store = ArtifactStore(workspace)
    found, data_hash = {}, workspace.data_hash(*workflows.TABLES)
    for name in sorted(store.names(KIND), key=lambda name: (name == workflows.BASELINE, name)):
        card = store.card(KIND, name, store.current(KIND, name, command=train_command(workspace, name)))
        found[name] = Tagger(name, card.version, card, card.data_hash == data_hash)
    return found


def predictions(workspace: Workspace, tagger: Tagger) -> pd.DataFrame:
    """The tagger's stored predictions for the catalogue; shared between sessions, so never change it."""
    return _predictions(workspace, tagger.name, (str(workspace.path), tagger.version))


def catalogue(workspace: Workspace, tagger: Tagger | None) -> explore.Catalogue:
    """The searchable catalogue with the tagger's predictions; shared between sessions, so never change it."""
    version = (str(workspace.path), workspace.data_hash(), tagger and (tagger.name, tagger.version))
    return _catalogue(workspace, tagger, version)


def tag_runs(workspace: Workspace) -> list[RunLine]:
    """The newest run of each tagger, best first."""
    newest: dict[str, Run] = {}
    for run in RunStore(workspace).list("tags"):
        newest.setdefault(run.model, run)
    return _run_lines(workspace, str(workspace.path), tuple(sorted(run.id for run in newest.values())))


def run_rows(workspace: Workspace, run_id: str) -> pd.DataFrame:
    """What a run predicted, one row per SKU. Raises UnknownNameError for a run that doesn't exist."""
    return _run_rows(workspace, str(workspace.path), run_id)


def evidence(workspace: Workspace, tagger: Tagger, item: ItemText, tags: tuple[str, ...]) -> dict[str, Evidence]:
    """The sentences behind each of the SKU's tags: all at once, because that takes no longer than one.

    Loads the model the first time.
    """
    return _evidence(workspace, tagger.name, item, tags, (str(workspace.path), tagger.version))


@st.cache_resource(max_entries=4, show_spinner="Reading the tables…")
def _queries(_workspace: Workspace, path: str, data_hash: str) -> Queries:
    return Queries(_workspace)


@st.cache_data(max_entries=8, show_spinner="Counting…")
def _summary(_workspace: Workspace, path: str, data_hash: str) -> overview.Overview:
    return overview.summarise(queries(_workspace))


@st.cache_data(max_entries=32, show_spinner="Reading the rows…")
def _rows(_workspace: Workspace, key: str, limit: int, version: tuple[str, str]) -> pd.DataFrame:
    return overview.open_rows(queries(_workspace), key, limit=limit)


@st.cache_resource(max_entries=6, show_spinner="Reading predictions…")
def _predictions(_workspace: Workspace, name: str, version: tuple[str, str]) -> pd.DataFrame:
    return workflows.catalogue_predictions(_workspace, name)


@st.cache_resource(max_entries=6, show_spinner="Preparing the catalogue…")
def _catalogue(_workspace: Workspace, _tagger: Tagger | None, version: tuple[object, ...]) -> explore.Catalogue:
    if _tagger is None:
        return explore.catalogue(queries(_workspace))
    parts = workflows.trained_on(_workspace, _tagger.name)
    return explore.catalogue(queries(_workspace), predictions(_workspace, _tagger), parts)


@st.cache_data(max_entries=8, show_spinner="Measuring runs…")
def _run_lines(_workspace: Workspace, path: str, run_ids: tuple[str, ...]) -> list[RunLine]:
    store = RunStore(_workspace)
    lines = [_run_line(store, store.get(run_id)) for run_id in run_ids]
    return sorted(lines, key=lambda line: -line.figure)


def _run_line(store: RunStore, run: Run) -> RunLine:
    figure, rows = store.aggregate(run.id, ["micro_f1"])["micro_f1"], len(store.rows(run.id, columns=["item_id"]))
    if run.model == workflows.BASELINE:
        return RunLine(run.id, run.model, figure, rows, "the baseline")
    priors = (other for other in store.list("tags") if other.model == workflows.BASELINE)
    prior = next((other for other in priors if not differences(other, run)), None)
    if prior is None:
        return RunLine(run.id, run.model, figure, rows, "no run of the prior on the same data and split")
    found = compare(store, prior.id, run.id, "micro_f1")
    better = (1 if found.difference > 0 else -1) if found.clear else 0
    return RunLine(run.id, run.model, figure, rows, found.words(), better)


@st.cache_data(max_entries=8, show_spinner="Reading the run…")
def _run_rows(_workspace: Workspace, path: str, run_id: str) -> pd.DataFrame:
    return RunStore(_workspace).rows(run_id)


@st.cache_resource(max_entries=2, show_spinner="Loading the tagger…")
def _predictor(_workspace: Workspace, name: str, version: tuple[str, str]) -> TagPredictor:
    return TagPredictor.load(_workspace, name, version=version[1])


@st.cache_data(max_entries=256, show_spinner="Weighing each sentence…")
def _evidence(
    _workspace: Workspace, name: str, item: ItemText, tags: tuple[str, ...], version: tuple[str, str]
) -> dict[str, Evidence]:
    found = _predictor(_workspace, name, version).evidence(item, tags)
    return {one.tag: one for one in found}
