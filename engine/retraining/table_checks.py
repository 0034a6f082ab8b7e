"""Checks of the tables and of new events by themselves: what no training could use, whatever the days before were."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pyarrow.parquet as pq

from engine.retraining.checks import Check, judged, not_judged
from engine.retraining.limits import Limits
from engine.retraining.stored import Batch
from engine.schema import TABLES
from engine.workspace import Workspace

READ = ("items", "events")
IMPORT = "Import the table again; what was there before is in your own copy of the source"


def check_schema(workspace: Workspace) -> Iterator[Check]:
    """Whether each table has its columns with their types, and a value wherever there must be one."""
    for name in READ:
        if name not in workspace.tables:
            continue
        table = TABLES[name]
        file = pq.ParquetFile(workspace.table_path(name))
        stored = {field.name: field.type for field in file.schema_arrow}
        wrong = [
            {"column": field.name, "is": str(stored.get(field.name, "missing")), "should be": str(field.type)}
            for field in table.arrow
            if stored.get(field.name) != field.type
        ]
        yield _hard(f"{name}: columns", wrong, "columns that are missing or of another type")
        if not wrong:
            empty = [{"column": column, "rows": n} for column, n in _nulls(file, table.required).items() if n]
            yield _hard(f"{name}: required values", empty, "columns that lack values which every row must have")


def check_catalogue(items: pd.DataFrame) -> Check:
    """Whether each item of the catalogue (with the column item_id) is there once."""
    repeated = items.loc[items["item_id"].duplicated(), "item_id"]
    rows = [{"item_id": one} for one in repeated.head(Limits.shown)]
    return _hard("items: ids", rows, "items that stand in the catalogue more than once", n=len(repeated))


def check_rejected(batch: Batch, limits: Limits) -> Check:
    """Whether so many new events are unusable that something is wrong with whoever sends them."""
    n, read = sum(batch.report.rejected.values()), batch.report.read
    name = "new events: unusable"
    if read < limits.least:
        return not_judged(name, f"{n:,} of {read:,} new events can't be used, too few to judge")
    share = n / read
    rows = [{"reason": why, "events": n} for why, n in batch.report.rejected.most_common(limits.shown)]
    words = f"{n:,} of {read:,} new events can't be used"
    advice = "Look at what sends them; they stay in the service's database and are left out of the table"
    return judged(name, share > limits.rejected, words, value=share, limit=limits.rejected, rows=rows, advice=advice)


def _hard(name: str, rows: list[dict[str, object]], what: str, *, n: int | None = None) -> Check:
    count = len(rows) if n is None else n
    words = f"{count:,} {what}" if count else "as they should be"
    return judged(name, count > 0, words, value=count, limit=0, rows=rows, advice=IMPORT, by_person=False)


def _nulls(file: pq.ParquetFile, columns: list[str]) -> dict[str, int]:
    """How many values each column lacks, without reading more than those columns."""
    found = dict.fromkeys(columns, 0)
    for number in range(file.num_row_groups):
        part = file.read_row_group(number, columns=columns)
        for column in columns:
            found[column] += part.column(column).null_count
    return found
