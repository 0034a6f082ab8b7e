"""Retrievers of a workspace over its later reviews: candidates of a part, and recall beside popularity and BM25."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.artifacts import ArtifactStore
from engine.recall import RecallReport, later_reviews, measure_recall
from engine.search.candidates import Made, retrieve_candidates
from engine.search.documents import KIND, NAME
from engine.search.encoders import EMBEDDED
from engine.searching import open_retriever
from engine.workspace import Workspace

BASELINES = ("popular", "bm25")
RETRIEVERS = (*BASELINES, "dense", "hybrid")
OnDone = Callable[[int], None]


def retrieve_for_part(
    workspace: Workspace,
    name: str,
    part: str,
    *,
    encoder: str = EMBEDDED,
    kind: str = "reviews",
    config: Mapping[str, Any],
    on_done: OnDone = lambda n: None,
) -> None:
    """Keep the best items that the retriever `name` finds for each later review of `part`."""
    asked = later_reviews(workspace, part, kind=kind)
    made = Made(part, name, {**config, "kind": kind}, asked.split, asked.data_hash)
    retriever = open_retriever(workspace, name, encoder=encoder)
    retrieve_candidates(workspace, retriever, asked.queries, made, report=added(on_done))


def recall_of_part(
    workspace: Workspace,
    part: str,
    *,
    encoder: str = EMBEDDED,
    names: tuple[str, ...] = RETRIEVERS,
    kind: str = "reviews",
    most: int | None = None,
    on_done: OnDone = lambda n: None,
) -> RecallReport:
    """Measure the retrievers `names` over the later reviews of `part`; popularity and BM25 are always among them."""
    chosen = tuple(dict.fromkeys((*BASELINES, *names)))
    retrievers = {name: open_retriever(workspace, name, encoder=encoder) for name in chosen}
    version = ArtifactStore(workspace).current(KIND, NAME, command="")
    configs = {name: {"encoder": encoder, "documents": version} for name in chosen}
    steps = {name: added(on_done) for name in chosen}
    return measure_recall(
        workspace,
        retrievers,
        later_reviews(workspace, part, kind=kind, most=most),
        configs=configs,
        baselines=BASELINES,
        report=lambda name, done: steps[name](done),
    )


def added(on_done: OnDone) -> OnDone:
    """From a function that takes how many more are done to one that takes how many are done in all."""
    before = 0

    def done(n: int) -> None:
        nonlocal before
        on_done(n - before)
        before = n

    return done
