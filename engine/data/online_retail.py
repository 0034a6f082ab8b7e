"""Online Retail (archive.ics.uci.edu/dataset/352) and Online Retail II (…/502): the invoice lines of a gift shop.

The lines mix sales with cancellations, postage, bank charges and stock corrections. What becomes of each:

- a line of an invoice is an event "transaction"; a line of an invoice that begins with C takes a sale back and is an
  event "cancellation", its quantity made positive. Netting the two is left to whoever learns from them: a file doesn't
  say which sale a cancellation belongs to.
- a line without a customer is rejected as an event, and still tells its item's title and price.
- postage, fees, vouchers, samples, tests and manual entries are rejected: they aren't products.
- stock codes are made upper case (85123a is 85123A), because both spellings name the same product.

Times have no zone in the files and are taken as UTC, which the shop's British clock equals in winter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.data.base import ImportReport, Row
from engine.data.csvfile import csv_rows, require_columns
from engine.data.layout import find_files, renamed
from engine.data.parquetfile import parquet_rows
from engine.data.xlsxfile import xlsx_sheets
from engine.schema import UNCATEGORISED

PARQUET = (".parquet", ".pq")
FILES = {"lines": tuple(f"online*retail*{suffix}" for suffix in (".csv", ".xlsx", *PARQUET))}
NAMES = {"Invoice": "InvoiceNo", "Price": "UnitPrice", "Customer ID": "CustomerID"}  # Online Retail II -> the first
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
NO_PRODUCT = re.compile(
    r"POST|DOT|M|D|S|B|C2|C3|CRUK|PADS|BANK CHARGES|AMAZONFEE|GIFT(_.*)?|ADJUST\d*|TEST\d*", re.IGNORECASE
)
_DATES = ("%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%m/%d/%Y %H:%M:%S")  # what spreadsheets make of it in a CSV


@dataclass
class _Item:
    """What lines said about one product: how often each title and unit price, and where it stood first."""

    file: str
    line: int
    titles: Counter[str] = field(default_factory=Counter)
    prices: Counter[float] = field(default_factory=Counter)


class OnlineRetailReader:
    """Reads the set as CSV, Parquet or .xlsx (every sheet that has its columns).

    An item's title and price are its most frequent ones; the set has no categories, so that it is "Uncategorised".
    """

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """Rows of events in the order of the file, then one of items per product that was sold."""
        items: dict[str, _Item] = {}
        for path in find_files(paths, FILES, otherwise="lines")["lines"]:
            for place, line, record in _records(path, report):
                code = _code(record["StockCode"])
                price = _number(record["UnitPrice"])
                problem = _problem(record, code, price)
                if price and price > 0 and code and not NO_PRODUCT.fullmatch(code):
                    _tell(items.setdefault(code, _Item(place, line)), record["Description"], price)
                if problem:
                    reason, column = problem
                    report.reject(reason, file=place, line=line, column=column, value=record[column])
                    continue
                if code not in items:
                    _tell(items.setdefault(code, _Item(place, line)), record["Description"], None)
                yield Row("events", _event(record, code, price), place, line)
        for code, item in items.items():
            yield Row("items", _item(code, item), item.file, item.line)


def _records(path: Path, report: ImportReport) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(place, line, record) of every line of a file, whatever its format, with the columns of the first release."""
    if path.suffix.lower() == ".xlsx":
        yield from _sheet_records(path, report)
        return
    parquet = path.suffix.lower() in PARQUET
    rows = parquet_rows(path, report) if parquet else csv_rows(path, report, fallback="latin-1")
    for line, record in renamed(path, rows, NAMES, COLUMNS):
        yield str(path), line, record


def _sheet_records(path: Path, report: ImportReport) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(place, line, record) of every sheet with the columns; a workbook may hold notes beside them, but not alone."""
    headers, skipped = [], []
    for sheet, header, rows in xlsx_sheets(path, report):
        headers.append([NAMES.get(name, name) for name in header])
        if not set(COLUMNS) <= set(headers[-1]):
            skipped.append(sheet)
            continue
        for line, record in renamed(path, rows, NAMES, COLUMNS):
            yield f"{path} [{sheet}]", line, record
    if len(skipped) == len(headers):
        require_columns(path, headers[0] if headers else [], COLUMNS)
    elif skipped:
        report.notes.append(f"{path}: sheets without the columns of invoice lines were left out: {', '.join(skipped)}")


def _problem(record: Mapping[str, Any], code: str, price: float | None) -> tuple[str, str] | None:
    """(reason, column) why a line is no event, None when it is one."""
    quantity = _number(record["Quantity"])
    if not code:
        return "isn't a stock code", "StockCode"
    if NO_PRODUCT.fullmatch(code):
        return "isn't a product but postage, a fee, a voucher, a sample or a manual entry", "StockCode"
    if quantity is None or quantity == 0:
        return "isn't a quantity", "Quantity"
    if price is None or price < 0:
        return "isn't a price", "UnitPrice"
    if not _customer(record["CustomerID"]):
        kind = "a stock correction" if not price else "a sale"
        return f"names no customer: {kind} that can't be an event", "CustomerID"
    if quantity < 0 and not _cancels(record["InvoiceNo"]):
        return "is below zero outside a cancellation", "Quantity"
    return None


def _event(record: Mapping[str, Any], code: str, price: float | None) -> dict[str, Any]:
    return {
        "user_id": _customer(record["CustomerID"]),
        "item_id": code,
        "event": "cancellation" if _cancels(record["InvoiceNo"]) else "transaction",
        "timestamp": _moment(record["InvoiceDate"]),
        "quantity": abs(_number(record["Quantity"]) or 0.0),
        "price": price,
    }


def _tell(item: _Item, description: Any, price: float | None) -> None:
    title = " ".join(str(description or "").split())
    if title:
        item.titles[title] += 1
    if price is not None:
        item.prices[price] += 1


def _item(code: str, item: _Item) -> dict[str, Any]:
    return {
        "item_id": code,
        "title": next((title for title, _ in item.titles.most_common(1)), code),
        "category": UNCATEGORISED,
        "price": next((price for price, _ in item.prices.most_common(1)), None),
    }


def _cancels(invoice: Any) -> bool:
    return str(invoice).strip().upper().startswith("C")


def _code(value: Any) -> str:
    return "" if value is None else str(value).strip().upper()


def _customer(value: Any) -> str:
    """The customer's number; spreadsheets and data frames with gaps turn 17850 into 17850.0."""
    text = "" if value is None else str(value).strip().removesuffix(".0")
    return "" if text.lower() == "nan" else text


def _number(value: Any) -> float | None:
    """`value` as a finite number, None when it isn't one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) != float("inf") and number == number else None


def _moment(value: Any) -> datetime | Any:
    """`value` as a time in UTC; text that is no known form stays as it is, for the validation to judge."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    for form in _DATES:
        try:
            return datetime.strptime(str(value), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return value
