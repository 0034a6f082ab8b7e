"""Documents out of a workspace's tables, streamed: items, what train reviews say of them, and their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.artifacts import Card, library_versions, new_version
from engine.data.splits import Split
from engine.decisions import Decisions, Labels
from engine.search.documents import KIND, NAME, Document, save_documents
from engine.search.plain_text import lead, line, plain, shortened
from engine.search.review_splits import current_split, part_sql
from engine.search.streams import TableViews, table_views
from engine.workspace import Workspace

# Which source's tags an item has, where several gave some: the agreed pool first, the model's free tags last.
TAG_SOURCES = ("pool", "human", "import", "llm", "extracted")
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
    """

    title: int = 300
    summary: int = 300
    features: int = 12
    feature: int = 80


def build_documents(
    workspace: Workspace, *, config: DocumentConfig | None = None, on_done: Callable[[int], None] | None = None
) -> Card:
    """Write one document per item as a new version that serves.

    on_done(n) is called after every document. Raises NotBuiltError when items or the split of reviews are missing.
    """
    config, step = config or DocumentConfig(), on_done or (lambda _: None)
    split = current_split(workspace) if "reviews" in workspace.tables else None
    workspace.table_path("items")
    card = Card(
        kind=KIND,
        name=NAME,
        version=new_version(),
        config=asdict(config),
        data_hash=workspace.data_hash("items", "reviews", "tags"),
        split=f"{split.method} {split.hash}" if split else "",
        seed=(split.seed or 0) if split else 0,
        libraries=library_versions("pyarrow", "duckdb"),
    )
    with table_views(workspace) as views:
        rows = views.rows(_ROWS.format(train=_train(split), source=_tag_source(views)))
        return save_documents(workspace, card, _composed(rows, Decisions(workspace).labels(), config, step))


def _composed(
    rows: Iterable[Mapping[str, Any]], labels: Labels, config: DocumentConfig, step: Callable[[int], None]
) -> Iterator[Document]:
    for row in rows:
        item, tags = row["item_id"], frozenset(row["tags"] or ())
        decided = (tags | labels.true.get(item, frozenset())) - labels.false.get(item, frozenset())
        yield Document(
            item_id=item,
            title=shortened(line(row["title"]), config.title),
            summary=lead(plain(row["description"] or ""), config.summary),
            features=_features(row["features"] or (), config),
            category=row["category"],
            brand=row["brand"],
            price=row["price"],
            available=row["available"],
            rating=row["rating"],
            n_reviews=row["n_reviews"] or 0,
            tags=tuple(sorted(decided)),
        )
        step(1)


def _features(features: Iterable[str], config: DocumentConfig) -> tuple[str, ...]:
    said = dict.fromkeys(shortened(line(feature), config.feature) for feature in features if feature)
    return tuple(feature for feature in said if feature)[: config.features]


def _train(split: Split | None) -> str:
    return f"({part_sql(split)}) = 'train'" if split else "false"


def _tag_source(views: TableViews) -> str:
    found = {row["source"] for row in views.rows("SELECT DISTINCT source FROM tags")}
    return next((source for source in TAG_SOURCES if source in found), "")
