"""Raw rows in, typed Arrow columns out: whole batches at a time, and a reason for every row that can't be used.

Ids are text as written ("00123", "1e5" and "2020-01-01" stay what they are), text is NFC, blanks are null, times are
UTC. One value that can't be used rejects its row: a wrong price or date is more often a shifted column than a detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.data.base import ImportReport, Row
from engine.data.convert import Problems, converter, where
from engine.schema import Column, Table

FILE, LINE = "_file", "_line"  # where a row stood, beside the schema's columns
MISSING = "is missing"


def validated(table: Table, rows: Sequence[Row], report: ImportReport, *, now: datetime | None = None) -> pa.Table:
    """The usable `rows` as columns of `table`, with their places in the columns FILE and LINE.

    The others go to `report` with the first thing that is wrong with them. `now` bounds times (default: the clock).
    """
    problems: Problems = {}
    columns = [_column(column, rows, problems, now or datetime.now(UTC)) for column in table.columns]
    places = [pa.array([row.file for row in rows], pa.string()), pa.array([row.line for row in rows], pa.int64())]
    made = pa.table([*columns, *places], names=[*table.arrow.names, FILE, LINE])
    if not problems:
        return made
    for index in sorted(problems):
        column, _, reason = problems[index].partition(" ")
        _reject(rows[index], column, reason, report)
    keep = np.ones(len(rows), dtype=bool)
    keep[list(problems)] = False
    return made.filter(pa.array(keep))


def _reject(row: Row, column: str, reason: str, report: ImportReport) -> None:
    value = row.values.get(column)
    if reason == MISSING:
        report.reject(f"{column} {MISSING}", file=row.file, line=row.line)
    else:
        report.reject(f"{reason}, as {column}", file=row.file, line=row.line, column=column, value=_start(value))


def _start(value: Any) -> str:
    """The beginning of a value for a message; a value may be megabytes long."""
    return str(value)[:200].encode("utf-8", "backslashreplace").decode()


def _column(column: Column, rows: Sequence[Row], problems: Problems, now: datetime) -> pa.Array:
    values = [row.values.get(column.name) for row in rows]
    found: Problems = {}
    if any(value is not None for value in values):
        array = converter(column.type, now)(values, column, found)
    else:
        array = pa.nulls(len(values), column.type)
    if column.required:
        for index in where(pc.is_null(array)):
            found.setdefault(index, MISSING)
    for index, reason in found.items():
        problems.setdefault(index, f"{column.name} {reason}")
    return array
