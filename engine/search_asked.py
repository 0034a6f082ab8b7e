"""The queries that search learns from and is measured by: judged ones, or later reviews where nobody judged."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from engine.artifacts import ArtifactStore
from engine.data.splits import PARTS, Split, save_split, split_by_item
from engine.errors import DataError
from engine.judging import Judging, with_people
from engine.search.documents import read_documents
from engine.search.encoders import ARTIFACT, EMBEDDED
from engine.search.encoders import KIND as ENCODERS
from engine.search.evaluation import Queries, judged_queries, review_queries
from engine.search.judged_pairs import JudgedPairConfig, halves, judged_pairs
from engine.search.pair_batches import Pairs
from engine.search.review_splits import current_split, read_part
from engine.workspace import Workspace

JUDGED = "half of train, query "  # before the hash of the split
FEWEST = 10  # judged queries, below which later reviews ask
MOST_REVIEWS = 2000  # queries drawn from reviews


@dataclass(frozen=True)
class Asked:
    """Queries with known answers, in three parts; about: what they are, in words; split: its name for runs."""

    parts: dict[str, Queries]
    about: str
    split: str


@dataclass(frozen=True)
class LearningPairs:
    """What an encoder learns from, and what its weights are chosen by; split: of the queries, for its card."""

    train: Pairs
    valid: Pairs
    split: str


def asked_queries(workspace: Workspace, seed: int, *, encoder: str = EMBEDDED) -> Asked:
    """The judgments of the workspace with those of its people, split 80/10/10 by query with `seed`.

    encoder: whose vectors are searched; those queries of train that it learned from are left out. Where fewer than ten
    queries are judged, later reviews ask, each of which should find its own product. Raises DataError when there are
    too few of those as well, or when the encoder learned from queries of another split, which may be in test now.
    """
    judged = _judged(workspace, seed)
    if judged is None:
        return _reviews(workspace, seed)
    parts, split = judged
    save_split(workspace, split)
    learned_from = _learned_from(workspace, encoder)
    if learned_from.startswith(JUDGED) and learned_from != f"{JUDGED}{split.hash}":
        raise DataError(
            f"The encoder {encoder} learned from judged queries of another split; fine-tune it again with: "
            f".venv/bin/python scripts/finetune_encoder.py --workspace {workspace.name} --judged --seed {seed}"
        )
    if learned_from.startswith(JUDGED):
        parts = {**parts, "train": halves(parts["train"])[1]}
    return Asked(parts, "judged queries, among all documents", f"query {split.hash} test")


def judged_parts(workspace: Workspace, seed: int, config: JudgedPairConfig | None = None) -> LearningPairs:
    """Pairs of half of the judged queries of train, and of those of valid, by the split of `asked_queries`.

    Raises DataError when fewer than ten queries are judged.
    """
    judged = _judged(workspace, seed)
    if judged is None:
        raise DataError(
            f"Fewer than {FEWEST} queries of workspace {workspace.name} are judged; import judgments, judge hits on "
            "the page Product search, or learn from reviews."
        )
    documents, (parts, split) = read_documents(workspace), judged
    train, valid = (judged_pairs(of, documents, config) for of in (halves(parts["train"])[0], parts["valid"]))
    return LearningPairs(train, valid, f"{JUDGED}{split.hash}")


def _learned_from(workspace: Workspace, encoder: str) -> str:
    """The split of what a fine-tuned encoder learned from; empty for others."""
    if not encoder.startswith(ARTIFACT):
        return ""
    store, name = ArtifactStore(workspace), encoder.removeprefix(ARTIFACT)
    return store.card(ENCODERS, name, store.current(ENCODERS, name, command="")).split


def _judged(workspace: Workspace, seed: int) -> tuple[dict[str, Queries], Split] | None:
    """The judged queries by part and their split; None when they are too few."""
    imported = workspace.read("judgments") if "judgments" in workspace.tables else None
    people = Judging(workspace).judgments(imported)
    judgments = people if imported is None else with_people(imported, people)
    queries = judged_queries(judgments, least=_least(judgments)) if len(judgments) else Queries([], [], [])
    if len(queries) < FEWEST:
        return None
    split = split_by_item(queries.ids, seed=seed)
    part_of = split.part_of(pd.Series(queries.ids, dtype=str))
    return {part: queries.choose(part_of == part) for part in PARTS}, split


def _least(judgments: pd.DataFrame) -> float:
    """The relevance from which an item counts as relevant: the upper half of the grades that were given."""
    grades = judgments["relevance"]
    return float(grades.min() + (grades.max() - grades.min()) / 2 + 1e-9)


def _reviews(workspace: Workspace, seed: int) -> Asked:
    """Reviews of valid to learn from, a fifth of them to choose by, and those of test to measure."""
    split = current_split(workspace)
    later, last = (
        review_queries(read_part(workspace, part), most=MOST_REVIEWS, seed=seed) for part in ("valid", "test")
    )
    if len(later) < FEWEST or not len(last):
        raise DataError(
            f"Workspace {workspace.name} has {len(later)} later reviews and fewer than {FEWEST} judged queries; "
            "import judgments, or judge hits on the page Product search."
        )
    choosing = pd.Series(range(len(later))).mod(5).eq(4).to_numpy(dtype=bool)
    parts = {"train": later.choose(~choosing), "valid": later.choose(choosing), "test": last}
    about = f"reviews as queries for their product, at most {MOST_REVIEWS:,}, among all documents"
    return Asked(parts, about, f"{split.method} {split.hash} test")
