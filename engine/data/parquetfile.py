"""Parquet files row by row, in memory that depends on a batch and not on the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.data.base import ImportReport
from engine.data.csvfile import require_columns
from engine.errors import DataError

BATCH_ROWS = 8192


def parquet_rows(
    path: Path, report: ImportReport, *, required: Sequence[str] = (), optional: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number from 1, record) of a Parquet file; values are Python's own, missing ones None.

    Only the columns of `required` and `optional` are read, or all of them when `optional` is None. Counts every row
    in `report.read`. Raises DataError when the file is missing, empty, not Parquet, damaged, or lacks a `required`
    column.
    """
    with parquet_errors(path), pq.ParquetFile(path) as file:
        present = file.schema_arrow.names
        require_columns(path, present, required)
        if len(set(present)) < len(present):
            raise DataError("has two columns of one name; rename one", file=path)
        wanted = list(dict.fromkeys([*required, *(name for name in optional or () if name in present)]))
        number = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=None if optional is None else wanted):
            for record in without_nanoseconds(batch).to_pylist():
                number += 1
                report.read += 1
                yield number, record


@contextmanager
def parquet_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a Parquet file is read into a DataError that says it in words."""
    if path.is_dir():
        raise DataError("is a folder; name a file in it", file=path)
    try:
        yield
    except FileNotFoundError:
        raise DataError("does not exist", file=path) from None
    except PermissionError:
        raise DataError("may not be read; check who owns it", file=path) from None
    except (pa.ArrowException, OSError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"isn't a whole Parquet file ({said}); fetch or write it again", file=path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"holds text that isn't UTF-8 ({error.reason}); write it again", file=path) from None


def without_nanoseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` with its times cut to microseconds, so that they become datetime and not the slow pandas.Timestamp."""
    fields = [
        field.with_type(pa.timestamp("us", tz=field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in batch.schema
    ]
    return batch.cast(pa.schema(fields), safe=False)
