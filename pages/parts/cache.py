"""What pages keep between reruns: beside search_cache.py and recommend_cache.py the only place with Streamlit's caches.

Keys hold versions (the tables' hash, an artifact's version), so a new import or training is seen at once and old
entries age out. Large read-only things are resources; small results are data, copied at each hit.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from engine import explore, overview, review, workflows
from engine import gold as golden
from engine.artifacts import ArtifactStore, Card
from engine.decisions import Decisions
from engine.errors import ShelfwiseError
from engine.masking import Masks, open_masks
from engine.runs import Run, RunStore, compare, differences
from engine.schema import Evidence, ItemText, TagScore
from engine.sql import Queries
from engine.tags.predictor import KIND, TagPredictor, train_command
from engine.tags.rerank import Reranked, Reranker
from engine.workspace import Workspace

_ITEMS = """
SELECT item_id, title, category, subcategory, price, available, image, reviews, rating
FROM facts WHERE item_id IN (SELECT unnest(?))
"""
FIRST = "lora"  # the tagger that pages open with where it is trained


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
class Taggers:
    """The trained taggers that are whole, and for each that can't be used what is wrong with it and the way out."""

    whole: dict[str, Tagger]
    damaged: dict[str, ShelfwiseError]


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


def masks(workspace: Workspace) -> Masks:
    """What people are called where they are masked; shared between sessions."""
    runs = workspace.path / "runs"
    changed = runs.stat().st_mtime_ns if runs.exists() else 0  # when a run came or went
    return _masks(workspace, (str(workspace.path), workspace.data_hash(), changed))


def summary(workspace: Workspace) -> overview.Overview:
    """The overview's figures."""
    return _summary(workspace, str(workspace.path), workspace.data_hash())


def rows(workspace: Workspace, key: str, limit: int) -> pd.DataFrame:
    """The first `limit` rows behind a figure."""
    return _rows(workspace, key, limit, (str(workspace.path), workspace.data_hash()))


def items(workspace: Workspace, item_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What cards show of each item, by id; those that the catalogue doesn't have are left out."""
    return _items(workspace, tuple(item_ids), (str(workspace.path), workspace.data_hash()))


def taggers(workspace: Workspace) -> Taggers:
    """The trained taggers by name, the baseline last, and those that can't be used; their files are looked at once."""
    store, data_hash = ArtifactStore(workspace), workspace.data_hash(*workflows.TABLES)
    whole: dict[str, Tagger] = {}
    damaged: dict[str, ShelfwiseError] = {}
    for name in sorted(store.names(KIND), key=lambda name: (name == workflows.BASELINE, name != FIRST, name)):
        try:
            version = store.current(KIND, name, command=train_command(workspace, name))
            card = _intact_card(workspace, name, (str(workspace.path), version))
            whole[name] = Tagger(name, version, card, card.data_hash == data_hash)
        except ShelfwiseError as error:
            damaged[name] = error
    return Taggers(whole, damaged)


def predictions(workspace: Workspace, tagger: Tagger) -> pd.DataFrame:
    """The tagger's stored predictions for the catalogue; shared between sessions, so never change it."""
    return _predictions(workspace, tagger.name, (str(workspace.path), tagger.version))


def catalogue(workspace: Workspace, tagger: Tagger | None) -> explore.Catalogue:
    """The searchable catalogue with the tagger's predictions; shared between sessions, so never change it."""
    version = (str(workspace.path), workspace.data_hash(), tagger and (tagger.name, tagger.version))
    return _catalogue(workspace, tagger, version)


def tag_runs(workspace: Workspace) -> list[RunLine]:
    """The newest run of each tagger on a test part, best first."""
    newest: dict[str, Run] = {}
    for run in RunStore(workspace).list("tags"):
        if not golden.is_gold(run):
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


def decided(workspace: Workspace) -> pd.DataFrame:
    """The decisions that count; shared between sessions, so never change it."""
    return _decided(workspace, str(workspace.path), Decisions(workspace).version())


def candidates(workspace: Workspace, tagger: Tagger, others: Collection[Tagger]) -> review.Candidates:
    """What the review's queues are made from; shared between sessions, so never change it.

    Only SKUs of the present catalogue with reviews, as without any nobody could tell. The baseline is compared with
    the tagger only where no other one is trained.
    """
    better = [other for other in others if other.name != workflows.BASELINE]
    compared = {one.name: one for one in (tagger, *(better if len(better) > 1 else others))}
    versions = tuple((one.name, one.version) for one in compared.values())
    return _candidates(workspace, tuple(compared.values()), (str(workspace.path), workspace.data_hash(), versions))


def gold(workspace: Workspace, tagger: Tagger) -> pd.DataFrame:
    """What the tagger says of the pairs that people decided, one row per SKU; `seen`: whether it learned from it."""
    version = (str(workspace.path), workspace.data_hash(), tagger.version, Decisions(workspace).version())
    return _gold(workspace, tagger, version)


@st.cache_data(max_entries=8, show_spinner="Measuring on decisions…")
def _gold(_workspace: Workspace, _tagger: Tagger, version: tuple[str, ...]) -> pd.DataFrame:
    parts = workflows.trained_on(_workspace, _tagger.name)
    items = queries(_workspace).frame("SELECT item_id, category FROM items")
    rows = golden.gold_rows(
        predictions(_workspace, _tagger),
        Decisions(_workspace).labels(),
        dict(zip(items["item_id"], items["category"], strict=True)),
        {item: part for part, ids in parts.items() for item in ids},
    )
    return rows.assign(seen=rows["part"].isin(("train", "valid")))


@st.cache_resource(max_entries=4, show_spinner="Reading decisions…")
def _decided(_workspace: Workspace, path: str, version: str) -> pd.DataFrame:
    return Decisions(_workspace).current()


@st.cache_resource(max_entries=4, show_spinner="Preparing the queues…")
def _candidates(_workspace: Workspace, _taggers: tuple[Tagger, ...], version: tuple[object, ...]) -> review.Candidates:
    items = queries(_workspace).frame("SELECT item_id FROM facts WHERE reviews > 0")["item_id"]
    frames = {one.name: predictions(_workspace, one) for one in _taggers}
    here = {name: frame[frame["item_id"].isin(items)] for name, frame in frames.items()}
    return review.candidates(_taggers[0].name, here)


def reranked(
    workspace: Workspace, tagger: Tagger, item: ItemText, scores: tuple[TagScore, ...], reranker: Reranker
) -> Reranked:
    """What the reranker makes of the tagger's best tags of an SKU; one that failed is tried again each time."""
    asked = time.monotonic()
    try:
        version = (str(workspace.path), tagger.name, tagger.version, reranker.checker.name)
        found, finished = _reranked(reranker, item, scores, version)
    except _NotRerankedError as error:
        return error.reranked
    if finished >= asked:
        return found
    return replace(found, check=replace(found.check, cached=True, seconds=time.monotonic() - asked))


class _NotRerankedError(Exception):
    """Carries a rerank that failed past the cache, which keeps only what a function returns."""

    def __init__(self, reranked: Reranked) -> None:
        self.reranked = reranked


@st.cache_data(max_entries=256, show_spinner="Checking the best tags against the reviews…")
def _reranked(
    _reranker: Reranker, item: ItemText, scores: tuple[TagScore, ...], version: tuple[str, ...]
) -> tuple[Reranked, float]:
    found = _reranker.rerank(item, scores)
    if found.failed is not None:
        raise _NotRerankedError(found)
    return found, time.monotonic()


@st.cache_resource(max_entries=32, show_spinner="Checking the taggers…")
def _intact_card(_workspace: Workspace, name: str, version: tuple[str, str]) -> Card:
    """The card of a tagger whose files are whole; a damaged one raises, and is looked at again the next time."""
    store = ArtifactStore(_workspace)
    store.open(KIND, name, version[1])
    return store.card(KIND, name, version[1])


@st.cache_resource(max_entries=4, show_spinner="Reading the tables…")
def _queries(_workspace: Workspace, path: str, data_hash: str) -> Queries:
    return Queries(_workspace)


@st.cache_resource(max_entries=2, show_spinner="Masking people…")
def _masks(_workspace: Workspace, version: tuple[object, ...]) -> Masks:
    return open_masks(queries(_workspace))


@st.cache_data(max_entries=8, show_spinner="Counting…")
def _summary(_workspace: Workspace, path: str, data_hash: str) -> overview.Overview:
    return overview.summarise(queries(_workspace))


@st.cache_data(max_entries=128, show_spinner=False)
def _items(_workspace: Workspace, item_ids: tuple[str, ...], version: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    frame = queries(_workspace).frame(_ITEMS, list(item_ids))
    rows = {row["item_id"]: row for row in frame.astype(object).where(frame.notna(), None).to_dict("records")}
    return {item_id: rows[item_id] for item_id in item_ids if item_id in rows}


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
