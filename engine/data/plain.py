"""Plain files that hold one table: CSV, JSON lines or Parquet, with a column map where names differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.data.base import ImportReport, Row
from engine.data.csvfile import csv_rows, detect_delimiter
from engine.data.jsonfile import json_lines
from engine.data.parquetfile import parquet_rows
from engine.errors import DataError, SettingsError, UnknownNameError
from engine.schema import TABLES

CSV, JSON, PARQUET = {".csv", ".tsv", ".txt"}, {".json", ".jsonl", ".ndjson"}, {".parquet", ".pq"}
Records = Iterator[tuple[int, Mapping[str, Any]]]


class PlainReader:
    """Reads files as rows of `table`; `columns` gives the file's column for each canonical column named otherwise.

    Two columns are filled in where the file has none: review_id from the file's name and line, source with "import".
    Raises SettingsError without a table, UnknownNameError for a table or a mapped column that doesn't exist.
    """

    def __init__(self, table: str | None, columns: Mapping[str, str] | None = None) -> None:
        if table is None:
            raise SettingsError(f"Plain files need --table with what they hold: {', '.join(TABLES)}.")
        if table not in TABLES:
            raise UnknownNameError("table", table, TABLES)
        names = TABLES[table].arrow.names
        for name in columns or {}:
            if name not in names:
                raise UnknownNameError(f"column of {table}", name, names)
        self._table = table
        self._columns = {name: (columns or {}).get(name, name) for name in names}

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """Yield each record of each file as one row."""
        for path in paths:
            for line, record in self._records(path, report):
                values = {name: record.get(column) for name, column in self._columns.items()}
                if self._table == "reviews" and values["review_id"] is None:
                    values["review_id"] = f"{path.stem}-{line}"
                if self._table in ("tags", "judgments") and values["source"] is None:
                    values["source"] = "import"
                yield Row(self._table, values, str(path), line)

    def _records(self, path: Path, report: ImportReport) -> Records:
        suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
        if suffix in CSV:
            return csv_rows(path, report, delimiter=detect_delimiter(path), required=self._required())
        if suffix in JSON:
            return json_lines(path, report)
        if suffix in PARQUET:
            return parquet_rows(path, report, required=self._required(), optional=list(self._columns.values()))
        known = ", ".join(sorted(CSV | JSON | PARQUET))
        raise DataError(f"has an ending that says nothing about its format; known: {known}, also with .gz", file=path)

    def _required(self) -> list[str]:
        """The file's columns that must be there: those of required ones, and those that the map names."""
        must = set(TABLES[self._table].required) - {"review_id" if self._table == "reviews" else "source"}
        return [column for name, column in self._columns.items() if name in must or name != column]
