"""The JSONL files of the beauty retrieval pipeline (BGE-M3 over All_Beauty), read and written, one object per line.

    keywords_{split}.jsonl               asin, parent_asin, title, review_text, rating, keywords: one line per review
    description_summaries_cache.jsonl    asin, summary (a list of phrases)
    items_for_embedding.jsonl            asin, title, review_keywords, description_summary, features, embedding_text,
                                         price, average_rating, store, categories, main_category
    training_pairs.jsonl                 query, positive, parent_asin; query_type; negative, negative_asin in triplets
    retrieval_candidates_{split}.jsonl   parent_asin, keywords, candidates: item_asin, score, title, price, …

An asin there is an item_id here; where a line has a parent_asin, that is the item. Fields that aren't listed are kept
when a file is read and ignored by what uses it. Written files appear whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.atomic import atomic_path
from engine.data.base import ImportReport
from engine.data.jsonfile import json_lines
from engine.errors import UnknownNameError

KEYWORDS, SUMMARIES, ITEMS, PAIRS, CANDIDATES = "keywords", "summaries", "items", "pairs", "candidates"
SUMMARIES_FILE, ITEMS_FILE = "description_summaries_cache.jsonl", "items_for_embedding.jsonl"
PAIRS_FILE = "training_pairs.jsonl"
KEYWORDS_FILE, CANDIDATES_FILE = "keywords_{split}.jsonl", "retrieval_candidates_{split}.jsonl"
MOST_REVIEW = 500  # characters of a review that keywords_{split}.jsonl holds
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """What each line of a file must hold: an id under one of `ids`, texts, and lists (of texts unless `entries`)."""

    ids: tuple[str, ...]
    texts: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    entries: str | None = None


LAYOUTS = {
    KEYWORDS: Layout(("parent_asin", "asin"), lists=("keywords",)),
    SUMMARIES: Layout(("parent_asin", "asin"), lists=("summary",)),
    ITEMS: Layout(("asin", "parent_asin"), texts=("embedding_text",)),
    PAIRS: Layout(("parent_asin", "asin"), texts=("query", "positive")),
    CANDIDATES: Layout(("parent_asin", "asin"), entries="candidates"),
}


def read_lines(kind: str, path: Path, report: ImportReport) -> Iterator[dict[str, Any]]:
    """The lines of a file of `kind` (a key of LAYOUTS), each with its `item_id`, and lists as lists of texts.

    Lines that can't be used are counted in `report` with file, line and reason; nulls in lists are left out. Raises
    DataError when the file is missing, empty or not UTF-8.
    """
    if kind not in LAYOUTS:
        raise UnknownNameError("kind of file", kind, LAYOUTS)
    layout = LAYOUTS[kind]
    for number, record in json_lines(path, report):
        reason, column, value = _misfit(layout, record)
        if reason:
            report.reject(reason, file=str(path), line=number, column=column, value=value)
            continue
        report.kept[kind] += 1
        lists = {name: _texts(record[name]) for name in layout.lists}
        yield {**record, **lists, "item_id": _id(layout, record)}


def write_lines(path: Path, records: Iterable[Record]) -> int:
    """Write one line per record, atomically and in memory that doesn't grow; how many there were."""
    count = 0
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for record in records:
            file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY))
            count += 1
    return count


def _misfit(layout: Layout, record: Record) -> tuple[str, str | None, object]:
    """What is wrong with a line: the reason ("" for nothing), its field and value."""
    checks: list[tuple[str, Callable[[Any], bool], str]] = [
        *((name, _is_text, "is missing or not a text") for name in layout.texts),
        *((name, _is_list, "is missing or not a list of texts") for name in layout.lists),
        *((name, _is_entries, "is missing or not a list of items with an item_asin") for name in _named(layout)),
    ]
    if not _id(layout, record):
        return f"has no {' or '.join(layout.ids)}", layout.ids[0], record.get(layout.ids[0])
    for name, fits, reason in checks:
        if not fits(record.get(name)):
            return reason, name, record.get(name)
    return "", None, None


def _named(layout: Layout) -> tuple[str, ...]:
    return (layout.entries,) if layout.entries else ()


def _id(layout: Layout, record: Record) -> str:
    return next((str(record[name]) for name in layout.ids if isinstance(record.get(name), str) and record[name]), "")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str | int | float | None) for part in value)


def _is_entries(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("item_asin"), str) for entry in value
    )


def _texts(values: Iterable[Any]) -> list[str]:
    """Models also answer with numbers and nulls where texts were asked for."""
    return [str(value).strip() for value in values if value is not None and str(value).strip()]
