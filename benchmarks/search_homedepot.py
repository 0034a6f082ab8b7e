"""Search over Home Depot's titles for its judged queries.

    .venv/bin/python benchmarks/search_homedepot.py [DATA] [--queries N] [--backend openvino] [--keep FOLDER]

DATA is the folder of the raw file (default: ../shared/data/homedepot_search). Queries are put in order by a hash of
their ids. Every other one of the first 60 % teaches the encoder, those beside it the second stage; the weight of fusion
is fitted on the last 20 %, on half of which the encoder's weights and the settings of the second stage were chosen as
well; those between are read once. Relevant are pairs with a relevance of 2.33 or more.

    recall@k    over all titles of the file (45,000), where few of the items that answer were judged
    ndcg@10     over all titles; gain is the relevance of a relevant pair, what wasn't judged gains nothing
    judged      NDCG@10 where only the judged items of a query are put in order; gain is the relevance (1 to 3)
    judged exp  the same with a gain of 2^relevance - 1, which tells apart what the even gain of 1 to 3 hardly does

Dense is measured with the embedded encoder as it is and fine-tuned; hybrid and the second stage search with the tuned
one. Intervals: paired bootstrap over the queries of test. About half an hour on two cores, most of it for the vectors,
fewer with --backend openvino; --queries N draws so many queries and their titles, for a look. What --keep names holds
vectors and encoder between runs, so that a run that was stopped goes on.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from engine.artifacts import ArtifactStore, Card, new_version
from engine.data.importer import import_files
from engine.data.splits import PARTS, split_by_item
from engine.metrics.measures import measures
from engine.metrics.ranking import top_k
from engine.metrics.significance import paired_bootstrap
from engine.search.base import Retriever
from engine.search.bm25 import Bm25
from engine.search.dense import Dense
from engine.search.documents import KIND, NAME, Document, read_documents, save_documents
from engine.search.encoders import ARTIFACT, EMBEDDED, EncoderConfig
from engine.search.encoders import KIND as ENCODERS
from engine.search.evaluation import Queries, judged_queries, search_rows
from engine.search.features import Features
from engine.search.fields import read_fields
from engine.search.finetune import finetune
from engine.search.finetune_config import FinetuneConfig
from engine.search.hybrid import Candidates, Hybrid
from engine.search.index import build_index
from engine.search.judged_pairs import JudgedPairConfig, halves, judged_pairs
from engine.search.learning import Learned, learn
from engine.search.popular import Popular
from engine.settings import DEFAULT_SEED
from engine.workspace import Workspace

RELEVANT = 2.33
METRICS = ("recall@10", "recall@100", "ndcg@10")
JUDGED, EXPONENTIAL = "judged", "judged exp"
SEED, SHARES = 4, (0.6, 0.2, 0.2)
STEPS = (("dense", "dense, tuned"), ("bm25", "hybrid"), ("dense, tuned", "hybrid"), ("hybrid", "second stage"))
PAIRS = JudgedPairConfig(per_query=3)
TUNING = FinetuneConfig(
    rate=1e-4, query_tokens=24, document_tokens=40, train_layers=3, valid_queries=300, valid_documents=1000
)
Rows = dict[str, dict[str, pd.DataFrame]]


class Parts(NamedTuple):
    """Queries by what they are for."""

    encoder: Queries
    stage: Queries
    valid: Queries
    test: Queries


def main(argv: Sequence[str] | None = None) -> None:
    """Import into a workspace that is thrown away, learn, measure, print."""
    arguments = ArgumentParser(description=__doc__)
    default = Path(__file__).parents[2] / "shared/data/homedepot_search"
    arguments.add_argument("data", nargs="?", type=Path, default=default)
    arguments.add_argument("--queries", type=int, metavar="N", help="draw so many queries (default: all)")
    arguments.add_argument("--backend", default="torch", help="what computes vectors: torch or openvino")
    arguments.add_argument("--keep", type=Path, metavar="FOLDER", help="a folder for what takes long to make")
    chosen = arguments.parse_args(argv)
    with TemporaryDirectory() as place:
        folder = (chosen.keep or Path(place)) / "homedepot"
        workspace = Workspace.open(folder) if folder.exists() else Workspace.create(folder)
        judgments = _told("import", lambda: _import(workspace, chosen.data, chosen.queries))
        asked = _parts(judgments)
        encoding = EncoderConfig(backend=chosen.backend)
        _told("vectors and index", lambda: build_index(workspace, encoding=encoding))
        tuned = _told("fine-tuning", lambda: _tuned(workspace, asked))
        _told("vectors and index of the tuned encoder", lambda: build_index(workspace, tuned, encoding=encoding))
        measured = _measure(workspace, judgments, asked, tuned, encoding)
    _print(measured)


def _told(what: str, work: Callable[[], Any]) -> Any:
    start = perf_counter()
    done = work()
    print(f"{what}: {perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return done


def _import(workspace: Workspace, data: Path, most: int | None) -> pd.DataFrame:
    """The judgments; the titles are documents of the workspace then."""
    if "judgments" not in workspace.tables:
        import_files(workspace, "homedepot", [data])
    judgments, items = workspace.read("judgments"), workspace.read("items")
    if most:
        ids = np.sort(judgments["query_id"].unique())
        judgments = judgments[judgments["query_id"].isin(np.random.default_rng(0).choice(ids, most, replace=False))]
        items = items[items["item_id"].isin(judgments["item_id"])]
    items = items.sort_values("item_id")
    documents = [Document(item, title) for item, title in zip(items["item_id"], items["title"], strict=True)]
    if not ArtifactStore(workspace).names(KIND):
        card = Card(KIND, NAME, new_version(), config={}, data_hash="", split="", seed=0)
        save_documents(workspace, card, documents)
    return judgments


def _parts(judgments: pd.DataFrame) -> Parts:
    """The queries that teach the encoder and those that teach the second stage, those of valid and of test."""
    queries = judged_queries(judgments, least=RELEVANT)
    part = split_by_item(queries.ids, seed=SEED, fractions=SHARES).part_of(pd.Series(queries.ids))
    train, test, valid = (queries.choose(part == name) for name in PARTS)  # the last part is the one that was looked at
    return Parts(*halves(train), valid, test)


def _tuned(workspace: Workspace, asked: Parts) -> str:
    """The name of the encoder that learned from its queries; one that is kept is taken."""
    kept = ArtifactStore(workspace).names(ENCODERS)
    if kept:
        return f"{ARTIFACT}{kept[-1]}"
    documents = read_documents(workspace)
    chosen = asked.valid.choose(np.arange(len(asked.valid)) % 2 == 0)
    train, valid = (judged_pairs(queries, documents, PAIRS) for queries in (asked.encoder, chosen))
    return f"{ARTIFACT}{finetune(workspace, train, valid, config=TUNING).name}"


def _measure(workspace: Workspace, judgments: pd.DataFrame, asked: Parts, tuned: str, encoding: EncoderConfig) -> Rows:
    """For each retriever its rows of a run over all titles, and over the judged items only."""
    documents = read_documents(workspace)
    plain, dense = (Dense.open(workspace, name, config=encoding) for name in (EMBEDDED, tuned))
    fields = _told("terms", lambda: read_fields(documents.frame, documents.version))
    bm25 = Bm25.build(fields, documents.item_ids)
    train, valid, test = asked.stage, asked.valid, asked.test
    features = Features(fields, documents.frame, dense.vectors_of)
    learned: Learned = _told("learning", lambda: learn(Hybrid(bm25, dense), features, train, valid))
    if learned.second_stage is None:
        raise SystemExit("There are too few queries to learn the second stage; draw more.")
    print(f"{len(train)} queries of train, {len(valid)} of valid, {len(test)} of test; {fields.n_items} titles")
    print(f"Weight of words, fitted on valid: {learned.hybrid.config.weight:.2f}; NDCG@10 there {learned.valid}")
    retrievers: dict[str, Retriever] = {
        "popular": Popular.build(documents.frame, documents.item_ids),
        "bm25": bm25,
        "dense": plain,
        "dense, tuned": dense,
        "hybrid": learned.hybrid,
        "second stage": learned.second_stage,
    }
    everywhere = {name: _told(name, lambda r=r: search_rows(r, test)) for name, r in retrievers.items()}
    among = _judged_rows(learned, features, plain, judgments[judgments["query_id"].isin(test.ids)])
    return {name: {"all": rows, "judged": among.get(name)} for name, rows in everywhere.items()}


def _judged_rows(
    learned: Learned, features: Features, plain: Dense, judgments: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Rows in which each retriever puts the judged items of a query, and no others, in order."""
    groups = [(query, of) for query, of in judgments.groupby("query_id")]
    ids = learned.hybrid.item_ids
    place = {item: row for row, item in enumerate(ids.tolist())}
    extra = [np.array([place[item] for item in of["item_id"]], dtype=np.int64) for _, of in groups]
    found = learned.hybrid.candidates([of["query"].iloc[0] for _, of in groups], extra=extra)
    vectors = plain.encoder.encode_queries([one.query.text for one in found])
    made: dict[str, list[dict[str, Any]]] = {}
    for (query, of), one, rows, vector in zip(groups, found, extra, vectors, strict=True):
        at = np.argsort(one.rows)[np.searchsorted(np.sort(one.rows), rows)]
        scored = {"dense": plain.vectors_of(rows) @ vector, **_scores(learned, features, one, at)}
        for name, scores in scored.items():
            order = top_k(scores[None, :], len(rows), row_ids=[query], column_ids=of["item_id"].tolist())[0]
            said = {"relevant": of["item_id"].tolist(), "gains": of["relevance"].tolist()}
            made.setdefault(name, []).append({"query_id": query, "hits": ids[rows[order]].tolist(), **said})
    return {name: pd.DataFrame(rows) for name, rows in made.items()}


def _scores(learned: Learned, features: Features, one: Candidates, at: np.ndarray) -> dict[str, np.ndarray]:
    assert learned.second_stage is not None
    ordered = learned.second_stage.order.scores(features.of(one))
    scores = {"bm25": one.lexical, "dense, tuned": one.cosine, "hybrid": one.fused, "second stage": ordered}
    return {name: values[at] for name, values in scores.items()}


def _print(measured: Rows) -> None:
    found = {}
    for name, rows in measured.items():
        found[name] = measures("search", rows["all"], METRICS)
        if rows["judged"] is not None:
            exponential = rows["judged"].assign(
                gains=[[2.0**gain - 1 for gain in of] for of in rows["judged"]["gains"]]
            )
            for kind, judged in ((JUDGED, rows["judged"]), (EXPONENTIAL, exponential)):
                found[name][kind] = measures("search", judged, ["ndcg@10"])["ndcg@10"]
    names = (*METRICS, JUDGED, EXPONENTIAL)
    print(" " * 14 + "".join(name.rjust(12) for name in names))
    for name, figures in found.items():
        print(f"{name:<14}" + "".join(f"{figures[m].total:12.4f}" if m in figures else " " * 12 for m in names))
    for baseline, other in STEPS:
        for metric in names:
            difference = paired_bootstrap(found[baseline][metric], found[other][metric], seed=DEFAULT_SEED)
            verdict = "clear" if difference.clear else "within chance"
            gap, low, high = difference.difference, difference.low, difference.high
            said = (
                f"{gap:+.4f} ({low:+.4f} to {high:+.4f}), {difference.wins} queries better, {difference.losses} worse"
            )
            print(f"{other} against {baseline}, {metric}: {said}: {verdict}")


if __name__ == "__main__":
    main()
