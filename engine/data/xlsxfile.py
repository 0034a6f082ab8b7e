"""Excel workbooks row by row, without loading their sheets."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from engine.data.base import ImportReport
from engine.errors import DataError

Rows = Iterator[tuple[int, dict[str, Any]]]


def xlsx_sheets(path: Path, report: ImportReport) -> Iterator[tuple[str, list[str], Rows]]:
    """Yield (name, column names, rows) of each sheet with a header; rows are (row number, record).

    Values are Python's own. Rows whose cells are all empty are left out, the others counted in `report.read`. Raises
    DataError when the file is missing or isn't a whole .xlsx.
    """
    with _whole_workbook(path), closing(load_workbook(path, read_only=True, data_only=True)) as book:
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some writers store a wrong size, which would cut rows off
            cells = sheet.iter_rows(values_only=True)
            header = [str(cell).strip() if cell is not None else "" for cell in next(cells, ())]
            if any(header):
                yield sheet.title, header, _records(path, header, cells, report)


def _records(path: Path, header: list[str], rows: Iterator[tuple[Any, ...]], report: ImportReport) -> Rows:
    with _whole_workbook(path):
        for number, row in enumerate(rows, start=2):
            if any(cell is not None for cell in row):
                report.read += 1
                cells = [*row, *[None] * (len(header) - len(row))]
                yield number, {name: cell for name, cell in zip(header, cells, strict=False) if name}


@contextmanager
def _whole_workbook(path: Path) -> Iterator[None]:
    """Say what is wrong with a file that isn't a workbook, also when that shows only halfway."""
    try:
        yield
    except FileNotFoundError:
        raise DataError("does not exist", file=path) from None
    except PermissionError:
        raise DataError("may not be read; check who owns it", file=path) from None
    except (zipfile.BadZipFile, zlib.error, InvalidFileException, SyntaxError, KeyError, EOFError) as error:
        # the errors of both XML parsers that openpyxl may use are SyntaxErrors
        raise DataError(f"isn't a whole .xlsx workbook ({error}); save it again as .xlsx", file=path) from None
