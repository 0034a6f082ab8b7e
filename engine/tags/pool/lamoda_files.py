"""The Lamoda pipeline's own files, written as it writes them: one SKU per row, pools, and the map old -> new.

lamoda_reviews_sampled_with_tags.csv, …_with_pull_tags.csv   JSON arrays of ids and texts, tags joined by "; "
tag_pulls_raw.csv, tag_pulls_best.csv                        good_type, tags
tag_mappings.csv                                             good_type, old_tags, new_tag

engine.data.lamoda reads them all. A cell that a spreadsheet would run as a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from engine.atomic import atomic_path
from engine.data.lamoda import MAPPING_COLUMNS, POOL_COLUMNS
from engine.workspace import Workspace

TAGGED_COLUMNS = ("product_sku", "comment_id", "comment_text", "name", "good_type", "good_subtype", "tags")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_tagged_reviews(workspace: Workspace, path: Path, *, sources: Sequence[str]) -> int:
    """Write every SKU that has tags of `sources`, with its reviews; the number of SKUs written."""
    tags = workspace.read("tags", ["item_id", "tag", "source"])
    chosen = tags[tags["source"].isin(list(sources))].groupby("item_id", sort=False)["tag"].agg(list)
    reviews = (
        workspace.read("reviews", ["item_id", "review_id", "text"]).groupby("item_id")[["review_id", "text"]].agg(list)
    )
    items = workspace.read("items").set_index("item_id")
    rows = (
        (
            item,
            json.dumps(reviews.at[item, "review_id"] if item in reviews.index else []),
            json.dumps(reviews.at[item, "text"] if item in reviews.index else [], ensure_ascii=False),
            items.at[item, "title"],
            items.at[item, "category"],
            _text(items.at[item, "subcategory"]),
            "; ".join(dict.fromkeys(found)),
        )
        for item, found in chosen.items()
        if item in items.index
    )
    return _write(path, TAGGED_COLUMNS, rows)


def write_pools(path: Path, pools: Mapping[str, Iterable[str]]) -> int:
    """Write the tags of each good type; the number of good types."""
    return _write(path, POOL_COLUMNS, ((name, "; ".join(tags)) for name, tags in sorted(pools.items())))


def write_mappings(path: Path, mappings: Mapping[str, Mapping[str, str]]) -> int:
    """Write, for each good type and new tag, the old tags that it stands for; the number of rows."""
    rows: dict[tuple[str, str], list[str]] = {}
    for name, mapping in sorted(mappings.items()):
        for old, new in sorted(mapping.items()):
            if old != new:
                rows.setdefault((name, new), []).append(old)
    return _write(path, MAPPING_COLUMNS, ((name, "; ".join(old), new) for (name, new), old in rows.items()))


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_harmless(cell) for cell in row])
            count += 1
    return count


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
