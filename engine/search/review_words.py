"""What train reviews say of each document, for the index of words: no text of it is stored twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from engine.artifacts import ArtifactStore
from engine.data.splits import load_split
from engine.search.documents import KIND, NAME, Documents
from engine.search.review_splits import review_batches
from engine.workspace import Workspace

MOST_LETTERS = 100_000  # of one item's reviews, the oldest first


def read_reviews(workspace: Workspace, documents: Documents) -> Iterator[str]:
    """For each document, in order, its reviews of train, one per line; "" for those without any.

    Train is that of the split which the documents were made by, so nothing is read here that they may not know. Memory
    doesn't grow with the number of reviews. Raises UnknownNameError when that split is gone.
    """
    name = ArtifactStore(workspace).card(KIND, NAME, documents.version).split.rpartition(" ")[2]
    if not name or "reviews" not in workspace.tables:
        return
    spoken = groupby(_reviews(workspace, name), key=lambda review: review[0])
    item, reviews = next(spoken, (None, iter(())))
    for wanted in documents.item_ids.tolist():
        while item is not None and item < wanted:
            item, reviews = next(spoken, (None, iter(())))
        yield _joined(reviews) if item == wanted else ""


def _reviews(workspace: Workspace, split: str) -> Iterator[tuple[str, str]]:
    for batch in review_batches(workspace, load_split(workspace, split), "train"):
        for row in batch.select(["item_id", "title", "text"]).to_pylist():
            yield row["item_id"], f"{row['title'] or ''} . {row['text'] or ''}"


def _joined(reviews: Iterator[tuple[str, str]]) -> str:
    taken, letters = list[str](), 0
    for _, text in reviews:
        if letters < MOST_LETTERS:
            taken.append(text)
            letters += len(text) + 1
    return "\n".join(taken)[:MOST_LETTERS]
