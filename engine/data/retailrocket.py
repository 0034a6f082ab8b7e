"""RetailRocket (kaggle.com/datasets/retailrocket/ecommerce-dataset): events, time-stamped properties, category tree.

Item properties are a log: each line says which value a property had from a moment on. Two of them have a plain
meaning, `categoryid` and `available`: items get their newest values, and the log itself becomes the table properties,
so that the shop can be seen as it was. The others are hashed and left out. Titles aren't published, so that an item is
called by its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.data.base import ImportReport, Row
from engine.data.csvfile import csv_rows
from engine.data.epoch import EPOCH, from_epoch
from engine.data.layout import find_files
from engine.schema import PATH_SEPARATOR, UNCATEGORISED

FILES = {
    "tree": ("category_tree.csv",),
    "properties": ("item_properties*.csv",),
    "events": ("events*.csv",),
}
_NO_TIME = "isn't a time in milliseconds since 1970"
_MS = re.compile(r"[0-9]{1,15}")
_AVAILABLE = {"0": False, "1": True}
_NAMES = {"categoryid": "category", "available": "available"}  # the properties that are kept, as the tables call them


@dataclass
class _Property:
    """The value that one property of each item had last: item -> (ms, value)."""

    latest: dict[str, tuple[int, str]] = field(default_factory=dict)

    def see(self, item: str, ms: int, value: str) -> None:
        """Keep `value` when it is the newest; of two at the same moment, the one further down in the files."""
        if item not in self.latest or ms >= self.latest[item][0]:
            self.latest[item] = ms, value

    def get(self, item: str) -> str | None:
        """The newest value of `item`, None when it has none."""
        return self.latest[item][1] if item in self.latest else None


@dataclass
class _Shelf:
    """What is known about items so far; it grows with them, not with the lines read."""

    category: _Property = field(default_factory=_Property)
    available: _Property = field(default_factory=_Property)
    paths: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class RetailRocketReader:
    """Reads events.csv, item_properties_part1.csv, item_properties_part2.csv and category_tree.csv, or some of them.

    as_of: items get the category and availability they had at this moment (None: the latest in the files; UTC where it
    has no zone). Events are all kept.

    An item's category is its category id; where there is a tree, category_path leads to it from the root. An item that
    only events name has the category "Uncategorised".
    """

    as_of: datetime | None = None

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """Rows of properties and of events in the order of their files, then of items in that of their first line."""
        files = find_files(paths, FILES)
        parents = _parents(files["tree"], report)
        shelf = _Shelf()
        yield from self._properties(files["properties"], parents, report, shelf)
        yield from _events(files["events"], report, shelf)
        for item, (file, line) in shelf.places.items():
            category = shelf.category.get(item)
            values = {
                "item_id": item,
                "title": f"Item {item}",
                "category": category or UNCATEGORISED,
                "category_path": _path(category, parents) if category and parents else None,
                "available": _AVAILABLE.get(shelf.available.get(item) or ""),
            }
            yield Row("items", values, file, line)

    def _properties(
        self, files: Sequence[Path], parents: Mapping[str, str], report: ImportReport, shelf: _Shelf
    ) -> Iterator[Row]:
        kinds = {"categoryid": shelf.category, "available": shelf.available}
        bound = None if self.as_of is None else _ms(self.as_of)
        later = 0
        for path in files:
            for line, record in csv_rows(path, report, required=("timestamp", "itemid", "property", "value")):
                item, stamp = record["itemid"], record["timestamp"]
                if not item or not _MS.fullmatch(stamp):
                    column, reason = ("timestamp", _NO_TIME) if item else ("itemid", "isn't an item")
                    report.reject(reason, file=str(path), line=line, column=column, value=record[column])
                elif bound is not None and int(stamp) > bound:
                    later += 1
                else:
                    shelf.places.setdefault(item, (str(path), line))
                    if record["property"] in kinds:
                        kinds[record["property"]].see(item, int(stamp), record["value"])
                        yield Row("properties", _values(record, parents, shelf.paths), str(path), line)
        if later:
            report.notes.append(
                f"item properties: {later:,} rows from after {self.as_of:%Y-%m-%d %H:%M:%S} were left out"
            )


def _values(record: Mapping[str, str], parents: Mapping[str, str], paths: dict[str, list[str]]) -> dict[str, object]:
    """A line of the log as a row of properties; `paths` remembers where categories are in the tree."""
    value = record["value"]
    if record["property"] == "categoryid" and value:
        if value not in paths:
            paths[value] = _path(value, parents)
        value = PATH_SEPARATOR.join(paths[value])
    moment = from_epoch(record["timestamp"], per_second=1000)
    return {"item_id": record["itemid"], "timestamp": moment, "property": _NAMES[record["property"]], "value": value}


def _events(files: Sequence[Path], report: ImportReport, shelf: _Shelf) -> Iterator[Row]:
    for path in files:
        for line, record in csv_rows(path, report, required=("timestamp", "visitorid", "event", "itemid")):
            moment = from_epoch(record["timestamp"], per_second=1000)
            if moment is None:
                stamp = record["timestamp"]
                report.reject(_NO_TIME, file=str(path), line=line, column="timestamp", value=stamp)
                continue
            item = record["itemid"]
            if item:
                shelf.places.setdefault(item, (str(path), line))
            values = {"user_id": record["visitorid"], "item_id": item, "event": record["event"], "timestamp": moment}
            yield Row("events", values, str(path), line)


def _parents(files: Sequence[Path], report: ImportReport) -> dict[str, str]:
    """category -> its parent, "" for a root."""
    parents = {}
    for path in files:
        for line, record in csv_rows(path, report, required=("categoryid", "parentid")):
            if record["categoryid"]:
                parents[_whole(record["categoryid"])] = _whole(record["parentid"])
            else:
                report.reject("isn't a category", file=str(path), line=line, column="categoryid", value="")
    return parents


def _path(category: str, parents: Mapping[str, str]) -> list[str]:
    """Categories from the root to `category`; a tree that bites its tail is cut where it does."""
    path = [category]
    while (parent := parents.get(path[-1])) and parent not in path:
        path.append(parent)
    return path[::-1]


def _ms(moment: datetime) -> int:
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - EPOCH) // timedelta(milliseconds=1)


def _whole(number: str) -> str:
    """`number` without the ".0" that a table with gaps gets when it is saved as floats."""
    return number.removesuffix(".0")
