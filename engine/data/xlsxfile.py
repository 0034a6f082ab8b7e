"""Excel workbooks row by row, without loading their sheets."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from engine.data.base import ImportReport
from engine.errors import DataError


def xlsx_sheets(path: Path, report: ImportReport) -> Iterator[tuple[str, Iterator[tuple[int, dict[str, Any]]]]]:
    """Yield (name, rows) of each sheet with a header; rows are (row number, record) with Python's own values.

    Rows whose cells are all empty are left out, the others counted in `report.read`. Raises DataError when the file is
    missing or isn't a whole .xlsx.
    """
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # some writers store a wrong size, which would cut rows off
                cells = sheet.iter_rows(values_only=True)
                header = [str(cell).strip() if cell is not None else "" for cell in next(cells, ())]
                if any(header):
                    yield sheet.title, _records(header, cells, report)
        finally:
            book.close()
    except FileNotFoundError:
        raise DataError("does not exist", file=path) from None
    except PermissionError:
        raise DataError("may not be read; check who owns it", file=path) from None
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, EOFError) as error:
        raise DataError(f"isn't a whole .xlsx workbook ({error}); save it again as .xlsx", file=path) from None


def _records(
    header: list[str], rows: Iterator[tuple[Any, ...]], report: ImportReport
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, row in enumerate(rows, start=2):
        cells = [*row, *[None] * (len(header) - len(row))]
        if any(cell is not None for cell in cells):
            report.read += 1
            yield number, {name: cell for name, cell in zip(header, cells, strict=False) if name}
