"""Pairs to fine-tune an encoder with: what a shopper said, and the document of the product that they said it of.

A pair's positive is the document as if the review asked with had never been written: it counts for no keyword, and
what only this review says isn't in it, so that nothing is learned from a query that finds its own words. Negatives of
triplets are mined from an index: what a retriever finds for the query, without what may be right too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from engine.errors import ArtifactError, SettingsError, UnknownNameError
from engine.search.base import Retriever
from engine.search.beauty_files import Record
from engine.search.building import find_sources
from engine.search.documents import Documents
from engine.search.drafts import DocumentConfig, Draft, drafts
from engine.search.embeddings import Embeddings
from engine.search.keyword_store import ReviewKeywords
from engine.search.plain_text import line, shortened
from engine.search.review_splits import part_sql
from engine.search.streams import table_views
from engine.search.summaries import CachedSummaries
from engine.state import State
from engine.text import normalise
from engine.workspace import Workspace

QUERY_TYPES = ("keywords", "review_text", "both")
FORMATS = ("pair", "triplet")
BATCH = 256  # queries that negatives are mined for at once


@dataclass(frozen=True)
class PairConfig:
    """Which pairs are made.

    query_type:   what asks: the review's "keywords", its "review_text", or "both", one pair each
    max_keywords: of a query at most
    min_text:     characters that a review's text must have to ask; max_text: that are taken of it
    per_item:     pairs of one item at most, those of its first reviews by their ids; None: all
    depth:        how many items the retriever is asked for when negatives are mined
    skip:         how many of the best are passed over, as too likely to be right
    nearest:      the cosine to the positive from which an item counts as right too (near twins)
    """

    query_type: str = "keywords"
    max_keywords: int = 20
    min_text: int = 20
    max_text: int = 2000
    per_item: int | None = None
    depth: int = 50
    skip: int = 0
    nearest: float = 0.95

    def __post_init__(self) -> None:
        if self.query_type not in QUERY_TYPES:
            raise UnknownNameError("query type", self.query_type, QUERY_TYPES)
        for name in ("max_keywords", "min_text", "max_text", "depth"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 1 or more.")


def build_pairs(workspace: Workspace, *, config: PairConfig | None = None) -> Iterator[Record]:
    """The (query, positive) pairs of train reviews, as training_pairs.jsonl has them, streamed in the items' order.

    Raises NotBuiltError with the command when the split, its keywords or the items are missing.
    """
    config, sources = config or PairConfig(), find_sources(workspace)
    if sources.split is None:
        return
    texts = _ReviewTexts(workspace, f"({part_sql(sources.split)}) = 'train'")
    with (
        State.open(workspace) as state,
        drafts(workspace, sources, CachedSummaries(state), DocumentConfig()) as made,
    ):
        for draft in made:
            if draft.reviews:
                yield from islice(_pairs(draft, texts.of(draft.document.item_id), config), config.per_item)


def with_negatives(
    pairs: Iterable[Record],
    retriever: Retriever,
    documents: Documents,
    *,
    embeddings: Embeddings | None = None,
    config: PairConfig | None = None,
) -> Iterator[Record]:
    """Triplets: each pair with the best item that the retriever finds for its query and that isn't right too.

    Right too are the item itself, its variants (the same title), and items whose vector has a cosine of
    `config.nearest` or more to the positive's (without `embeddings`, this isn't checked). A pair for which nothing is
    left is dropped. Raises ArtifactError when the embeddings are of other items than `documents`.
    """
    config = config or PairConfig()
    if embeddings is not None and embeddings.item_ids.tolist() != documents.item_ids.tolist():
        raise ArtifactError(
            f"The embeddings {embeddings.version} are of other items than the documents; build them again."
        )
    rows = {item: row for row, item in enumerate(documents.item_ids.tolist())}
    titles = [normalise(str(title)) for title in documents.frame["title"].tolist()]
    waiting = (pair for pair in pairs if pair["parent_asin"] in rows)
    while some := list(islice(waiting, BATCH)):
        found = retriever.search([pair["query"] for pair in some], config.depth)
        for pair, hits in zip(some, found.rows, strict=True):
            positive = rows[pair["parent_asin"]]
            for row in hits[hits >= 0][config.skip :].tolist():
                twin = embeddings is not None and _cosine(embeddings, row, positive) >= config.nearest
                if row != positive and titles[row] != titles[positive] and documents.texts[row] and not twin:
                    negative = {"negative": documents.texts[row], "negative_asin": documents.item_ids[row]}
                    yield {**pair, **negative}
                    break


def _cosine(embeddings: Embeddings, row: int, other: int) -> float:
    return float(embeddings.vectors[row] @ embeddings.vectors[other])


def _pairs(draft: Draft, texts: Mapping[str, str], config: PairConfig) -> Iterator[Record]:
    for review in draft.reviews:
        positive = draft.without(review).text
        for kind, query in _queries(review, texts.get(review.review_id, ""), config) if positive else ():
            yield {"query": query, "positive": positive, "parent_asin": draft.document.item_id, "query_type": kind}


def _queries(review: ReviewKeywords, text: str, config: PairConfig) -> Iterator[tuple[str, str]]:
    keywords = review.keywords.all[: config.max_keywords]
    if keywords and config.query_type in ("keywords", "both"):
        yield "keywords", ", ".join(keywords)
    if len(text) >= config.min_text and config.query_type in ("review_text", "both"):
        yield "review_text", shortened(text, config.max_text)


class _ReviewTexts:
    """The texts of train reviews, read along with items that come in the order of their ids."""

    def __init__(self, workspace: Workspace, train: str) -> None:
        sql = f"SELECT item_id, review_id, text FROM reviews WHERE {train} ORDER BY item_id"
        self._rows = self._read(workspace, sql)
        self._next: Mapping[str, Any] | None = next(self._rows, None)

    def of(self, item: str) -> dict[str, str]:
        """The plain texts of the item's reviews by review_id; items before it are passed over."""
        found = {}
        while self._next is not None and self._next["item_id"] <= item:
            if self._next["item_id"] == item:
                found[self._next["review_id"]] = line(self._next["text"])
            self._next = next(self._rows, None)
        return found

    @staticmethod
    def _read(workspace: Workspace, sql: str) -> Iterator[Mapping[str, Any]]:
        with table_views(workspace) as views:
            yield from views.rows(sql)
