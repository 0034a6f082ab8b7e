"""What joins rooms: train a tagger, measure it on test, and lay its predictions for the catalogue beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.data.splits import PARTS, Split, save_split, split_by_item
from engine.decisions import Decisions
from engine.metrics.ranking import top_k
from engine.metrics.significance import PairedDifference
from engine.recording import record_model, record_run
from engine.runs import LIBRARIES, Run, RunStore, aggregate, compare, differences, new_run
from engine.schema import ItemText
from engine.settings import load_settings
from engine.tags.base import TaggedItems, Tagger
from engine.tags.corpus import Corpus, read_corpus
from engine.tags.predictor import KIND, train_command
from engine.tags.registry import TAGGERS
from engine.workspace import Workspace

BASELINE = "prior"
TABLES = ("items", "reviews", "tags")
PREDICTIONS, SPLIT = "predictions.parquet", "split.json"
LIKELY, TOP, RANKED = 0.01, 30, 50
BATCH = 2000


@dataclass(frozen=True)
class TaggerReport:
    """A tagger's figures on test beside the baseline's on the same SKUs; `difference` is None for the baseline."""

    run: Run
    figures: dict[str, float]
    n_items: int
    baseline: dict[str, float] | None
    difference: PairedDifference | None


def train_tagger(
    workspace: Workspace,
    model: str,
    *,
    config: Any = None,
    seed: int | None = None,
    source: str | None = None,
    with_decisions: bool = False,
) -> Card:
    """Train `model` on the tags of `source`, measure it once on test, and make it the version that serves.

    Tagged items are split 80/10/10 by item; the rest of the catalogue only gets predictions. The run is saved and
    logged first, the artifact last, so a stop at any moment leaves the version that served before. Where the prior
    hasn't been measured on this data and split, that is done too: no figure without its baseline.

    config: an instance of the tagger's Config (default: its defaults); source: default is the one with the most rows;
    with_decisions: put people's decisions on top of the source's tags, in train, valid and test.
    Raises UnknownNameError, NotBuiltError or DataError when model, tables or tags are missing or too few.
    """
    seed = load_settings().seed if seed is None else seed
    make, corpus = TAGGERS.load(model), read_corpus(workspace, source)
    if with_decisions:
        corpus = corpus.amended(Decisions(workspace).labels())
    split = split_by_item(corpus.tagged, seed=seed)
    save_split(workspace, split)
    tagger = _fit(make(config), corpus, split)
    run = _measure(workspace, model, tagger, corpus, split)
    if model != BASELINE and _baseline_of(workspace, run) is None:
        _measure(workspace, BASELINE, _fit(TAGGERS.load(BASELINE)(), corpus, split), corpus, split)
    card = Card(
        kind=KIND,
        name=model,
        version=new_version(),
        config=run.config,
        data_hash=run.data_hash,
        split=run.split,
        seed=seed,
        metrics={"valid_micro_f1": tagger.valid_f1},
        libraries=library_versions(*LIBRARIES, "PyStemmer"),
    )
    return record_model(workspace, card, lambda folder: _write(folder, tagger, corpus, split))


def tagger_report(workspace: Workspace, card: Card) -> TaggerReport:
    """What test said about the tagger of `card`, from the rows of its run and of the baseline's."""
    store = RunStore(workspace)
    run = next(run for run in store.list("tags") if _made(run, card))
    rows = store.rows(run.id)
    baseline = _baseline_of(workspace, run)
    if run.model == BASELINE or baseline is None:
        return TaggerReport(run, aggregate("tags", rows), len(rows), None, None)
    difference = compare(store, baseline.id, run.id, "micro_f1", seed=card.seed)
    return TaggerReport(run, aggregate("tags", rows), len(rows), store.aggregate(baseline.id), difference)


def catalogue_predictions(workspace: Workspace, model: str) -> pd.DataFrame:
    """The stored predictions of the version of `model` that serves: item_id, tag, probability, threshold.

    Every item of the catalogue as it was at training, with its 30 most probable tags and whatever has a probability
    of 0.01 or more. Raises NotBuiltError with the training command, or ArtifactError when files are damaged.
    """
    store = ArtifactStore(workspace)
    version = store.current(KIND, model, command=train_command(workspace, model))
    return pq.read_table(store.open(KIND, model, version) / PREDICTIONS, partitioning=None).to_pandas()


def trained_on(workspace: Workspace, model: str) -> dict[str, list[str]]:
    """Which items the version of `model` that serves had in train, valid and test, by part."""
    store = ArtifactStore(workspace)
    version = store.current(KIND, model, command=train_command(workspace, model))
    parts = json.loads((store.open(KIND, model, version) / SPLIT).read_text(encoding="utf-8"))
    return {part: list(parts[part]) for part in PARTS}


def tag_rows(tagger: Tagger, test: TaggedItems) -> pd.DataFrame:
    """The rows of a run of kind "tags": one per item of `test`; what was predicted, what was true, the hit rank."""
    tags, vocabulary = np.array(tagger.tags, dtype=object), frozenset(tagger.tags)
    probabilities = tagger.probabilities(test.items)
    orders = top_k(probabilities, len(tags), row_ids=[item.item_id for item in test.items], column_ids=tagger.tags)
    rows = []
    for item, true, row, order in zip(test.items, test.tags, probabilities, orders, strict=True):
        ranked = [place for place in order[:RANKED] if row[place] > 0]
        hits = [rank for rank, place in enumerate(ranked, start=1) if tags[place] in true]
        rows.append(
            {
                "item_id": item.item_id,
                "category": item.category,
                "predicted": tags[[place for place in order if row[place] >= tagger.thresholds[place]]].tolist(),
                "ranked": tags[ranked].tolist(),
                "scores": row[ranked].tolist(),
                "true": sorted(true),
                "known": sorted(vocabulary.intersection(true)),
                "hit_rank": hits[0] if hits else None,
            }
        )
    return pd.DataFrame(rows).astype({"hit_rank": "Int64"})


def predictions(tagger: Tagger, items: Sequence[ItemText]) -> pd.DataFrame:
    """What the tagger says of each of `items`, as `catalogue_predictions` returns it."""
    frames = [_likely(tagger, items[start : start + BATCH]) for start in range(0, max(len(items), 1), BATCH)]
    return pd.concat(frames, ignore_index=True)


def _likely(tagger: Tagger, items: Sequence[ItemText]) -> pd.DataFrame:
    probabilities = tagger.probabilities(items)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, order, axis=1)
    shown = (ordered > 0) & ((ordered >= LIKELY) | (np.arange(ordered.shape[1]) < TOP))
    rows, _ = np.nonzero(shown)
    columns: NDArray[np.int64] = order[shown]
    return pd.DataFrame(
        {
            "item_id": pd.array([items[int(row)].item_id for row in rows], dtype="str"),
            "tag": pd.array([tagger.tags[column] for column in columns], dtype="str"),
            "probability": ordered[shown],
            "threshold": tagger.thresholds[columns],
        }
    )


def _fit(tagger: Tagger, corpus: Corpus, split: Split) -> Tagger:
    return tagger.fit(corpus.choose(split.parts["train"]), corpus.choose(split.parts["valid"]))


def _measure(workspace: Workspace, model: str, tagger: Tagger, corpus: Corpus, split: Split) -> Run:
    """Read test once: save the rows as a run and log its figures."""
    rows = tag_rows(tagger, corpus.choose(split.parts["test"]))
    run = new_run(
        "tags",
        model,
        config=asdict(tagger.config),
        data_hash=workspace.data_hash(*TABLES),
        split=f"item {split.hash}",
        seed=split.seed or 0,
        eligibility=f"items of test with tags from {corpus.source}, all tags of the vocabulary",
    )
    record_run(workspace, run, rows)
    return run


def _baseline_of(workspace: Workspace, run: Run) -> Run | None:
    """The newest run of the baseline that `run` may be compared with."""
    runs = RunStore(workspace).list("tags")
    return next((other for other in runs if other.model == BASELINE and not differences(other, run)), None)


def _made(run: Run, card: Card) -> bool:
    """Whether `run` measured the artifact of `card`, or one that is the same in all that it was made from."""
    return (run.model, run.data_hash, run.split, run.seed) == (card.name, card.data_hash, card.split, card.seed)


def _write(folder: Path, tagger: Tagger, corpus: Corpus, split: Split) -> None:
    tagger.save(folder)
    parts = {part: split.parts[part].tolist() for part in PARTS}
    (folder / SPLIT).write_text(json.dumps(parts, ensure_ascii=False), encoding="utf-8")
    predictions(tagger, corpus.items).to_parquet(folder / PREDICTIONS, index=False)
