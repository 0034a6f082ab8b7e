"""What joins the parts of search to a workspace: open a retriever, and train and measure the stages that learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.errors import NotBuiltError, SettingsError
from engine.metrics.significance import PairedDifference
from engine.recording import record_model, record_run
from engine.runs import Run, RunStore, aggregate, compare, new_run
from engine.search.base import Retriever
from engine.search.cross_encoder import CrossEncoder
from engine.search.dense import Dense
from engine.search.documents import Documents, read_documents
from engine.search.encoders import EMBEDDED, slug
from engine.search.evaluation import search_rows
from engine.search.features import Features
from engine.search.hybrid import CONFIG as HYBRID_FILE
from engine.search.hybrid import Hybrid
from engine.search.learning import Learned, learn
from engine.search.order import ORDER, Order, SecondStageConfig
from engine.search.popular import Popular
from engine.search.registry import RETRIEVERS
from engine.search.second_stage import SecondStage
from engine.search.words import build_words, open_words
from engine.search_asked import Asked, asked_queries
from engine.settings import load_settings
from engine.workspace import Workspace

KIND, CROSS = "search", "cross_encoder"
COMMAND = ".venv/bin/python scripts/train_search.py --workspace {name} --encoder {encoder}"
TABLES = ("items", "reviews", "tags", "judgments")
LIBRARIES = ("numpy", "lightgbm", "bm25s", "rapidfuzz")
METRICS = ("recall@10", "recall@100", "ndcg@10", "mrr")
Report = Callable[[str, int], None]


@dataclass(frozen=True)
class SearchReport:
    """What training gave: the saved card, runs of test by retriever, their figures, and steps that were compared.

    compared: (baseline, other, metric) -> the paired difference on test.
    """

    card: Card
    runs: dict[str, Run]
    figures: dict[str, dict[str, float]]
    compared: dict[tuple[str, str, str], PairedDifference] = field(default_factory=dict)


def open_retriever(workspace: Workspace, name: str, *, encoder: str = EMBEDDED) -> Retriever:
    """The retriever called `name` over the documents that serve.

    encoder: whose vectors dense, hybrid and second_stage search. A name such as "cross_encoder:MODEL" reads the best
    hits of hybrid with that model (a folder, or in hf_models/ or the cache of Hugging Face). Raises UnknownNameError,
    NotBuiltError with the exact command when a part is missing, ArtifactError when one is damaged.
    """
    kind, _, model = name.partition(":")
    if kind != CROSS:
        RETRIEVERS.load(name)
    documents = read_documents(workspace)
    if name == "popular":
        return Popular.build(documents.frame, documents.item_ids)
    if name == "bm25":
        return open_words(workspace, documents)
    dense = Dense.open(workspace, encoder)
    if name == "dense":
        return dense
    folder = _trained(workspace, encoder)
    hybrid = Hybrid.load(folder, open_words(workspace, documents), dense)
    if name == "hybrid":
        return hybrid
    if kind == CROSS:
        return _reading(hybrid, documents, model)
    if not (folder / ORDER).is_file():
        raise NotBuiltError(f"A second stage of workspace {workspace.name}", _command(workspace, encoder))
    return SecondStage(hybrid, Features(hybrid.bm25.fields, documents.frame, dense.vectors_of), Order.load(folder))


def _reading(hybrid: Hybrid, documents: Documents, model: str) -> CrossEncoder:
    if not model:
        raise SettingsError(f"{CROSS} needs a model; name one as {CROSS}:cross-encoder/ms-marco-MiniLM-L6-v2.")
    texts = documents.texts
    return CrossEncoder(hybrid, lambda rows: [texts[row] for row in rows], model)


def train_search(
    workspace: Workspace,
    *,
    encoder: str = EMBEDDED,
    config: SecondStageConfig | None = None,
    seed: int | None = None,
    report: Report = lambda step, done: None,
) -> SearchReport:
    """Fit fusion and second stage, measure every retriever once on test, and make what was learned serve.

    Queries are the judgments of the workspace with those of its people, split 80/10/10 by query; where there are none,
    later reviews, each of which should find its own product. Raises NotBuiltError when documents or the index are
    missing, DataError when there is nothing to learn from.
    """
    seed = load_settings().seed if seed is None else seed
    documents, dense = read_documents(workspace), Dense.open(workspace, encoder)
    asked = asked_queries(workspace, seed, encoder=encoder)
    bm25 = build_words(workspace)
    features = Features(bm25.fields, documents.frame, dense.vectors_of)
    learned = learn(
        Hybrid(bm25, dense), features, asked.parts["train"], asked.parts["valid"], config=config, report=report
    )
    runs = _measure(workspace, _retrievers(documents, learned), asked, seed, report)
    said = {"encoder": encoder, "documents": documents.version, "fusion": asdict(learned.hybrid.config)}
    if learned.second_stage:
        said["second_stage"] = asdict(learned.second_stage.order.config)
    metrics = {f"valid_{name}": figure for name, figure in learned.valid.items()}
    card = _card(KIND, slug(encoder), said, workspace.data_hash(*_tables(workspace)), asked.split, seed, metrics)
    return _report(workspace, record_model(workspace, card, lambda folder: _write(folder, learned)), runs, seed)


def _retrievers(documents: Documents, learned: Learned) -> dict[str, tuple[Retriever, dict[str, Any]]]:
    hybrid = learned.hybrid
    found: dict[str, tuple[Retriever, dict[str, Any]]] = {
        "popular": (Popular.build(documents.frame, documents.item_ids), {}),
        "bm25": (hybrid.bm25, asdict(hybrid.bm25.config)),
        "dense": (hybrid.dense, {}),
        "hybrid": (hybrid, asdict(hybrid.config)),
    }
    if learned.second_stage:
        found["second_stage"] = (learned.second_stage, asdict(learned.second_stage.order.config))
    return found


def _measure(
    workspace: Workspace,
    retrievers: dict[str, tuple[Retriever, dict[str, Any]]],
    asked: Asked,
    seed: int,
    report: Report,
) -> dict[str, Run]:
    """Read test once with each retriever: a run of kind "search" each."""
    runs = {}
    for name, (retriever, config) in retrievers.items():
        rows = search_rows(retriever, asked.parts["test"], report=partial(report, name))
        run = new_run(
            "search",
            name,
            config=config,
            data_hash=workspace.data_hash(*_tables(workspace)),
            split=asked.split,
            seed=seed,
            eligibility=asked.about,
        )
        runs[name] = record_run(workspace, run, rows, aggregate("search", rows, METRICS))
    return runs


def _report(workspace: Workspace, card: Card, runs: dict[str, Run], seed: int) -> SearchReport:
    store = RunStore(workspace)
    figures = {name: store.aggregate(run.id, METRICS) for name, run in runs.items()}
    steps = [("bm25", "hybrid"), ("dense", "hybrid"), ("hybrid", "second_stage")]
    compared = {
        (a, b, metric): compare(store, runs[a].id, runs[b].id, metric, seed=seed)
        for a, b in steps
        if b in runs
        for metric in METRICS
    }
    return SearchReport(card, runs, figures, compared)


def _write(folder: Path, learned: Learned) -> None:
    learned.hybrid.save(folder)
    if learned.second_stage:
        learned.second_stage.order.save(folder)


def _trained(workspace: Workspace, encoder: str) -> Path:
    store = ArtifactStore(workspace)
    version = store.current(KIND, slug(encoder), command=_command(workspace, encoder))
    folder = store.open(KIND, slug(encoder), version)
    if not (folder / HYBRID_FILE).is_file():
        raise NotBuiltError(f"The fusion of workspace {workspace.name}", _command(workspace, encoder))
    return folder


def _card(
    kind: str,
    name: str,
    config: dict[str, Any],
    data_hash: str,
    split: str,
    seed: int,
    metrics: dict[str, float] | None = None,
) -> Card:
    return Card(
        kind=kind,
        name=name,
        version=new_version(),
        config=config,
        data_hash=data_hash,
        split=split,
        seed=seed,
        metrics=metrics or {},
        libraries=library_versions(*LIBRARIES),
    )


def _tables(workspace: Workspace) -> list[str]:
    return [table for table in TABLES if table in workspace.tables]


def _command(workspace: Workspace, encoder: str) -> str:
    return COMMAND.format(name=workspace.name, encoder=encoder)
