"""What pages keep between reruns: the only place with Streamlit's caches.

Keys hold versions (the tables' hash, an artifact's version), so a new import or training is seen at once and old
entries age out. Large read-only things are resources; small results are data, copied at each hit.
"""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from engine import explore, overview
from engine.artifacts import ArtifactStore, Card
from engine.runs import Run, RunStore, compare, differences
from engine.schema import Evidence, ItemText
from engine.sql import Queries
from engine.workspace import Workspace

TAGGERS = {"prior": "the baseline", "linear": ""}
TRAIN_COMMAND = "train-tags --workspace {workspace} --model {model}"


@dataclass(frozen=True)
class Tagger:
    """A trained tagger that pages may use: its name, the version that serves, and that version's card."""

    name: str
    version: str
    card: Card


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
    names = sorted(store.names("taggers"), key=lambda name: (name == "prior", name))
    versions = {name: store.current("taggers", name, command="") for name in names}
    return {name: Tagger(name, version, store.card("taggers", name, version)) for name, version in versions.items()}


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


def evidence(workspace: Workspace, tagger: Tagger, item: ItemText, tag: str) -> Evidence:
    """The sentences behind one tag of one SKU. Loads the model the first time."""
    return _evidence(workspace, tagger.name, item, tag, (str(workspace.path), tagger.version))


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
    from engine.workflows import catalogue_predictions

    return catalogue_predictions(_workspace, name)


@st.cache_resource(max_entries=6, show_spinner="Preparing the catalogue…")
def _catalogue(_workspace: Workspace, _tagger: Tagger | None, version: tuple[object, ...]) -> explore.Catalogue:
    predicted = predictions(_workspace, _tagger) if _tagger else None
    return explore.catalogue(queries(_workspace), predicted, _test_ids(_workspace, _tagger) if _tagger else None)


def _test_ids(workspace: Workspace, tagger: Tagger) -> list[str] | None:
    """The SKUs that the tagger was tested on: those of its run on the same data and split. None when there is none."""
    store = RunStore(workspace)
    for run in store.list("tags"):
        card = tagger.card
        if (run.model, run.data_hash, run.split, run.seed) == (card.name, card.data_hash, card.split, card.seed):
            return [str(sku) for sku in store.rows(run.id, columns=["item_id"])["item_id"]]
    return None


@st.cache_data(max_entries=8, show_spinner="Measuring runs…")
def _run_lines(_workspace: Workspace, path: str, run_ids: tuple[str, ...]) -> list[RunLine]:
    store = RunStore(_workspace)
    runs = [store.get(run_id) for run_id in run_ids]
    prior = next((run for run in runs if run.model == "prior"), None)
    return sorted((_run_line(store, run, prior) for run in runs), key=lambda line: -line.figure)


def _run_line(store: RunStore, run: Run, prior: Run | None) -> RunLine:
    figure, rows = store.aggregate(run.id, ["micro_f1"])["micro_f1"], len(store.rows(run.id, columns=["item_id"]))
    if prior is None or run.id == prior.id:
        return RunLine(run.id, run.model, figure, rows, "the baseline" if prior else "no run of the prior yet")
    reasons = differences(prior, run)
    if reasons:
        return RunLine(run.id, run.model, figure, rows, f"not comparable: {'; '.join(reasons)}")
    found = compare(store, prior.id, run.id, "micro_f1")
    better = (1 if found.difference > 0 else -1) if found.clear else 0
    return RunLine(run.id, run.model, figure, rows, found.words(), better)


@st.cache_data(max_entries=8, show_spinner="Reading the run…")
def _run_rows(_workspace: Workspace, path: str, run_id: str) -> pd.DataFrame:
    return RunStore(_workspace).rows(run_id)


@st.cache_resource(max_entries=2, show_spinner="Loading the tagger…")
def _predictor(_workspace: Workspace, name: str, version: tuple[str, str]) -> object:
    from engine.tags.predictor import TagPredictor

    return TagPredictor.load(_workspace, name)


@st.cache_data(max_entries=256, show_spinner="Weighing each sentence…")
def _evidence(_workspace: Workspace, name: str, item: ItemText, tag: str, version: tuple[str, str]) -> Evidence:
    return _predictor(_workspace, name, version).evidence(item, [tag])[0]
