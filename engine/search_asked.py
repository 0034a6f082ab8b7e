"""The queries that search learns from and is measured by: judged ones, or later reviews where nobody judged."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from engine.data.splits import PARTS, Split, save_split, split_by_item
from engine.errors import DataError
from engine.judging import Judging, with_people
from engine.search.documents import read_documents
from engine.search.evaluation import Queries, judged_queries, review_queries
from engine.search.judged_pairs import JudgedPairConfig, judged_pairs
from engine.search.pair_batches import Pairs
from engine.search.review_splits import current_split, read_part
from engine.workspace import Workspace

FEWEST = 10  # judged queries, below which later reviews ask
MOST_REVIEWS = 2000  # queries drawn from reviews


@dataclass(frozen=True)
class Asked:
    """Queries with known answers, in three parts; about: what they are, in words; split: its name for runs."""

    parts: dict[str, Queries]
    about: str
    split: str


def asked_queries(workspace: Workspace, seed: int) -> Asked:
    """The judgments of the workspace with those of its people, split 80/10/10 by query with `seed`.

    Where fewer than ten queries are judged, later reviews, each of which should find its own product. Raises DataError
    when there are too few of those as well.
    """
    judged = _judged(workspace, seed)
    if judged is None:
        return _reviews(workspace, seed)
    parts, split = judged
    save_split(workspace, split)
    return Asked(parts, "judged queries, among all documents", f"query {split.hash} test")


def judged_parts(workspace: Workspace, seed: int, config: JudgedPairConfig | None = None) -> tuple[Pairs, Pairs]:
    """What an encoder learns from and what its weights are chosen by: pairs of the judged queries of train and valid.

    The parts are those of `asked_queries`. Raises DataError when fewer than ten queries are judged.
    """
    judged = _judged(workspace, seed)
    if judged is None:
        raise DataError(
            f"Fewer than {FEWEST} queries of workspace {workspace.name} are judged; import judgments, judge hits on "
            "the page Product search, or learn from reviews."
        )
    documents = read_documents(workspace)
    train, valid = (judged_pairs(judged[0][part], documents, config) for part in ("train", "valid"))
    return train, valid


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
