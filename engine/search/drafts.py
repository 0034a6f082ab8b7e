"""What documents are made of, item by item: sellers' facts, what train reviews say, summaries and tags; streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from engine.data.splits import Split
from engine.decisions import Decisions, Labels
from engine.search.documents import Document
from engine.search.keyword_store import ReviewKeywords, read_keywords
from engine.search.keywords import meaning
from engine.search.plain_text import line, shortened
from engine.search.review_splits import part_sql
from engine.search.streams import TableViews, table_views
from engine.search.summaries import CachedSummaries
from engine.search.weighing import Heard, KeywordConfig, WordCounts, by_item
from engine.workspace import Workspace

# Which source's tags an item has, where several gave some: the agreed pool first, a model's free tags last.
TAG_SOURCES = ("pool", "human", "import", "llm", "extracted")
BATCH = 1000  # items whose summaries are looked up at once
_ROWS = """
SELECT i.item_id, i.title, i.category, i.description, i.features, i.brand, i.price, i.available,
    r.n AS n_reviews, r.rating, t.tags
FROM items i
LEFT JOIN (
    SELECT item_id, count(*) AS n, avg(rating) AS rating FROM reviews WHERE {train} GROUP BY item_id
) r USING (item_id)
LEFT JOIN (
    SELECT item_id, list(DISTINCT tag ORDER BY tag) AS tags FROM tags WHERE source = '{source}' GROUP BY item_id
) t USING (item_id)
ORDER BY i.item_id
"""


@dataclass(frozen=True)
class DocumentConfig:
    """How much goes into a document.

    title, summary: characters at most
    features:       facts at most, in the seller's order; feature: characters of one at most
    keywords:       which keywords of the reviews, and how many
    """

    title: int = 300
    summary: int = 300
    features: int = 12
    feature: int = 80
    keywords: KeywordConfig = field(default_factory=KeywordConfig)


@dataclass(frozen=True)
class Sources:
    """Whose reviews count (None: there are none), and which version of their keywords."""

    split: Split | None
    keywords: str | None


@dataclass(frozen=True)
class Draft:
    """An item's document, and the reviews whose keywords it holds."""

    document: Document
    heard: Heard
    reviews: Sequence[ReviewKeywords]

    def without(self, review: ReviewKeywords) -> Document:
        """The document as if `review`, one of `reviews`, had never been written."""
        kept = self.heard.best(known=meaning(self.document.title), without=review.keywords)
        return replace(self.document, keywords=kept)


@contextmanager
def drafts(
    workspace: Workspace, sources: Sources, summaries: CachedSummaries, config: DocumentConfig
) -> Iterator[Iterator[Draft]]:
    """The drafts of all items in the order of their ids. Memory doesn't grow with the number of reviews."""
    counts = WordCounts.of(_said(workspace, sources))
    with table_views(workspace) as views:
        train = f"({part_sql(sources.split)}) = 'train'" if sources.split else "false"
        rows = views.rows(_ROWS.format(train=train, source=_tag_source(views)))
        labels, said = Decisions(workspace).labels(), by_item(_said(workspace, sources))
        yield (
            _draft(_document(row, summary, labels, config), reviews, counts, config.keywords)
            for (row, summary), reviews in _joined(_summarised(rows, summaries), said)
        )


def _said(workspace: Workspace, sources: Sources) -> Iterable[ReviewKeywords]:
    return read_keywords(workspace, "train", sources.keywords) if sources.keywords else ()


def _summarised(
    rows: Iterable[Mapping[str, Any]], summaries: CachedSummaries
) -> Iterator[tuple[Mapping[str, Any], str]]:
    waiting = iter(rows)
    while some := list(islice(waiting, BATCH)):
        found = summaries.of({row["item_id"]: row["description"] or "" for row in some})
        yield from ((row, found[row["item_id"]]) for row in some)


def _joined(
    items: Iterable[tuple[Mapping[str, Any], str]], said: Iterator[tuple[str, Sequence[ReviewKeywords]]]
) -> Iterator[tuple[tuple[Mapping[str, Any], str], Sequence[ReviewKeywords]]]:
    """Each item with its reviews; both come in the order of their ids, and reviews of unknown items are left out."""
    spoken, reviews = next(said, (None, ()))
    for item in items:
        while spoken is not None and spoken < item[0]["item_id"]:
            spoken, reviews = next(said, (None, ()))
        yield item, reviews if spoken == item[0]["item_id"] else ()


def _draft(document: Document, reviews: Sequence[ReviewKeywords], counts: WordCounts, config: KeywordConfig) -> Draft:
    heard = Heard.of([review.keywords for review in reviews], counts, config)
    best = heard.best(known=meaning(document.title))
    return Draft(replace(document, keywords=best), heard, reviews)


def _document(row: Mapping[str, Any], summary: str, labels: Labels, config: DocumentConfig) -> Document:
    item, tags = row["item_id"], frozenset(row["tags"] or ())
    decided = (tags | labels.true.get(item, frozenset())) - labels.false.get(item, frozenset())
    features = dict.fromkeys(shortened(line(feature), config.feature) for feature in row["features"] or () if feature)
    return Document(
        item_id=item,
        title=shortened(line(row["title"]), config.title),
        summary=shortened(summary, config.summary),
        features=tuple(islice(filter(None, features), config.features)),
        category=row["category"],
        brand=row["brand"],
        price=row["price"],
        available=row["available"],
        rating=row["rating"],
        n_reviews=row["n_reviews"] or 0,
        tags=tuple(sorted(decided)),
    )


def _tag_source(views: TableViews) -> str:
    found = {row["source"] for row in views.rows("SELECT DISTINCT source FROM tags")}
    return next((source for source in TAG_SOURCES if source in found), "")
