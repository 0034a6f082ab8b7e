"""Lamoda reviews and their tags, in every file that the tag pipeline writes.

lamoda_reviews.csv, test_examples.csv   one review per row, commas or semicolons
lamoda_reviews_sampled.csv              one SKU per row: JSON arrays of ids and texts in cells
…_with_tags.csv, …_with_pull_tags.csv   the same with tags joined by "; ": free ones ("llm"), or pooled ("pool")
etalon_<good type>.csv                  labelled examples: text (JSON array or one review a line), tags (JSON array)
tag_pulls_*.csv, tag_mappings.csv       pools and synonyms: no tables, read by `read_pools` and `read_mappings`
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.data.base import ImportReport, Row
from engine.data.csvfile import csv_header, csv_rows, detect_delimiter, require_columns
from engine.data.jsonfile import list_from_text
from engine.data.layout import find_files
from engine.data.recent import Recent
from engine.errors import DataError, counted, shown
from engine.schema import GOOD_TYPES

REVIEW_COLUMNS = ("product_sku", "comment_id", "comment_text", "name", "good_type")
ETALON_COLUMNS = ("text", "tags")
POOL_COLUMNS = ("good_type", "tags")
MAPPING_COLUMNS = ("good_type", "old_tags", "new_tag")
MAX_UNKNOWN = 50  # different unknown good types that are counted; more of them mean a wrong column
Record = Mapping[str, str]


class LamodaReader:
    """Reads review files and labelled examples; a folder stands for its lamoda_reviews*.csv."""

    def __init__(self) -> None:
        self._skus = Recent()
        self._unknown: Counter[str] = Counter()

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """Yield items, reviews and tags; notes good types that aren't among the known ones."""
        files = find_files(paths, {"reviews": ("lamoda_reviews*.csv",)}, otherwise="reviews")["reviews"]
        for path in files:
            yield from self._file(path, report)
        for good_type, count in self._unknown.most_common():
            near = difflib.get_close_matches(good_type, GOOD_TYPES, n=1)
            hint = f"did you mean {shown(near[0])}?" if near else f"known: {', '.join(GOOD_TYPES)}."
            kept = f"kept for {counted(count, 'SKU')}"
            report.notes.append(f"good type {shown(good_type)} isn't a known one, {kept}; {hint}")

    def _file(self, path: Path, report: ImportReport) -> Iterator[Row]:
        header = csv_header(path, delimiter=detect_delimiter(path))
        if set(POOL_COLUMNS) == set(header) or set(MAPPING_COLUMNS) <= set(header):
            what = "a map of synonyms" if "new_tag" in header else "pools of tags"
            way_out = "import the review files, and give this one to the scripts that work on tags"
            raise DataError(f"holds {what}, which are no table; {way_out}", file=path)
        etalon = set(ETALON_COLUMNS) == set(header)
        if not etalon:
            require_columns(path, header, REVIEW_COLUMNS)
        good_type, source = _good_type_of(path) if etalon else "", "pool" if "pull" in path.name else "llm"
        for number, (line, record) in enumerate(_records(path, report), start=1):
            try:
                rows = _labelled(record, good_type, number) if etalon else self._reviewed(record, source)
            except ValueError as error:
                report.reject(str(error), file=str(path), line=line)
                continue
            for table, values in rows:
                yield Row(table, values, str(path), line)

    def _reviewed(self, record: Record, source: str) -> list[tuple[str, Record]]:
        """The rows of one SKU or of one review."""
        sku, name = record["product_sku"].strip(), record["name"].strip()
        ids, texts = [record["comment_id"]], [record["comment_text"]]
        if ids[0].lstrip().startswith("["):
            ids, texts = _array(record, "comment_id"), _array(record, "comment_text")
        if len(ids) != len(texts):
            raise ValueError("comment_id and comment_text hold different numbers of values")
        rows: list[tuple[str, Record]] = []
        if self._skus.is_new(f"{sku}\0{name}"):
            self._count_unknown(record["good_type"].strip())
            subtype = record.get("good_subtype", "")
            item = {"item_id": sku, "title": name or sku, "category": record["good_type"], "subcategory": subtype}
            rows.append(("items", item))
        rows += [
            ("reviews", {"review_id": id_, "item_id": sku, "text": text}) for id_, text in zip(ids, texts, strict=True)
        ]
        return rows + _tag_rows(sku, split_tags(record.get("tags", "")), source)

    def _count_unknown(self, good_type: str) -> None:
        if (
            good_type
            and good_type not in GOOD_TYPES
            and (good_type in self._unknown or len(self._unknown) < MAX_UNKNOWN)
        ):
            self._unknown[good_type] += 1


def read_pools(path: Path) -> dict[str, list[str]]:
    """The agreed tags of each good type, from a tag_pulls file. Raises DataError naming what is wrong with it."""
    report = ImportReport()
    pools = {r["good_type"].strip(): split_tags(r["tags"]) for _, r in _records(path, report, POOL_COLUMNS)}
    _raise_rejected(path, report)
    return pools


def read_mappings(path: Path) -> dict[str, dict[str, str]]:
    """For each good type, the pooled tag that stands for each free tag, from a tag_mappings file. Raises DataError."""
    report = ImportReport()
    mappings: dict[str, dict[str, str]] = {}
    for _, record in _records(path, report, MAPPING_COLUMNS):
        known = mappings.setdefault(record["good_type"].strip(), {})
        known |= dict.fromkeys(split_tags(record["old_tags"]), record["new_tag"].strip())
    _raise_rejected(path, report)
    return mappings


def split_tags(cell: str) -> list[str]:
    """The tags of a cell that joins them by ";", blanks left out."""
    return [tag.strip() for tag in cell.split(";") if tag.strip()]


def _labelled(record: Record, good_type: str, number: int) -> list[tuple[str, Record]]:
    """The rows of one labelled example. It has no SKU or name of its own, so it is called by its number in the file."""
    sku = f"etalon-{good_type}-{number:05}"
    texts = _array(record, "text") if record["text"].lstrip().startswith("[") else record["text"].splitlines()
    reviews = [text for text in texts if text.strip()]
    rows: list[tuple[str, Record]] = [
        ("items", {"item_id": sku, "title": f"{good_type}, labelled example {number}", "category": good_type})
    ]
    rows += [
        ("reviews", {"review_id": f"{sku}-{n}", "item_id": sku, "text": text}) for n, text in enumerate(reviews, 1)
    ]
    return rows + _tag_rows(sku, _array(record, "tags"), "import")


def _tag_rows(sku: str, tags: Sequence[str], source: str) -> list[tuple[str, Record]]:
    return [("tags", {"item_id": sku, "tag": tag, "source": source}) for tag in dict.fromkeys(tags)]


def _array(record: Record, column: str) -> list[str]:
    """The texts of a list in a cell, blanks left out of tags only: ids and texts are paired by place."""
    try:
        values = [str(value) for value in list_from_text(record[column])]
    except ValueError:
        raise ValueError(f"{column} starts like a JSON array and isn't one") from None
    return [value for value in values if value.strip()] if column == "tags" else values


def _good_type_of(path: Path) -> str:
    word = path.name.lower().removeprefix("etalon_").split(".")[0]
    for good_type in GOOD_TYPES:
        if word and good_type.lower().startswith(word):
            return good_type
    raise DataError("doesn't say its good type; name it like etalon_shoes.csv", file=path)


def _records(path: Path, report: ImportReport, required: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    return csv_rows(path, report, delimiter=detect_delimiter(path), required=required)


def _raise_rejected(path: Path, report: ImportReport) -> None:
    for examples in report.examples.values():
        raise DataError(f"has rows that can't be read: {examples[0]}", file=path)
