"""From a workspace's tables to what taggers read: items with their reviews, and the tags that a source gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from engine.decisions import Labels
from engine.errors import DataError, UnknownNameError
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.workspace import Workspace


@dataclass(frozen=True)
class Corpus:
    """Every item of a workspace in the order of its table, and the true tags by item_id, from one source."""

    items: list[ItemText]
    tags: Mapping[str, frozenset[str]]
    source: str

    @property
    def tagged(self) -> list[str]:
        """Ids of the items that have tags, in order."""
        return [item.item_id for item in self.items if item.item_id in self.tags]

    def choose(self, item_ids: object) -> TaggedItems:
        """The tagged items whose id is in `item_ids`, in the order of the table."""
        wanted = set(np.asarray(item_ids, dtype=object).tolist())
        items = [item for item in self.items if item.item_id in wanted]
        return TaggedItems(items, [self.tags[item.item_id] for item in items])

    def amended(self, labels: Labels) -> Corpus:
        """The corpus with people's decisions on top: what they say an item has is added, what it hasn't is removed.

        An item without tags from the source joins once people gave it one; decisions on items that aren't in the
        table any more are left out.
        """
        if not labels.count:
            return self
        here = {item.item_id for item in self.items}
        decided = [item for item in (*self.tags, *labels.true) if item in here]
        none: frozenset[str] = frozenset()
        tags = {
            item: (self.tags.get(item, none) | labels.true.get(item, none)) - labels.false.get(item, none)
            for item in decided
        }
        return replace(self, tags=tags, source=f"{self.source} with {labels.count} decisions ({labels.digest})")


def read_items(workspace: Workspace) -> list[ItemText]:
    """Every item with its reviews' texts, both in the order of their tables. NotBuiltError when there are no items."""
    texts: dict[str, list[str]] = {}
    if "reviews" in workspace.tables:
        reviews = workspace.read("reviews", ["item_id", "text"])
        for item_id, text in zip(reviews["item_id"].tolist(), reviews["text"].tolist(), strict=True):
            texts.setdefault(item_id, []).append(text)
    items = workspace.read("items", ["item_id", "category"])
    return [
        ItemText(item_id, category, tuple(texts.get(item_id, ())))
        for item_id, category in zip(items["item_id"].tolist(), items["category"].tolist(), strict=True)
    ]


def read_corpus(workspace: Workspace, source: str | None = None) -> Corpus:
    """The items and the tags of `source` (None: the one with the most rows, the first by name of equals).

    Raises NotBuiltError when a table is missing, UnknownNameError for a source that gave no tags.
    """
    rows = workspace.read("tags", ["item_id", "tag", "source"])
    chosen = _source(rows, source)
    given = rows[rows["source"] == chosen]
    tags: dict[str, set[str]] = {}
    for item_id, tag in zip(given["item_id"].tolist(), given["tag"].tolist(), strict=True):
        tags.setdefault(item_id, set()).add(tag)
    return Corpus(read_items(workspace), {item: frozenset(found) for item, found in tags.items()}, chosen)


def _source(rows: pd.DataFrame, source: str | None) -> str:
    counts = rows["source"].value_counts().to_dict()
    if not counts:
        raise DataError("The table of tags is empty, so there is nothing to learn; import tags first.")
    if source is not None and source not in counts:
        raise UnknownNameError("source of tags", source, counts)
    return source if source is not None else min(counts, key=lambda name: (-counts[name], name))
