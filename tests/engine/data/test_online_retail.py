"""Online Retail: invoice lines in three formats, and which of them are events."""

from datetime import UTC, datetime
from zipfile import ZipFile

import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook

from engine.data.online_retail import NO_PRODUCT, OnlineRetailReader
from engine.errors import DataError

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
AT = datetime(2010, 12, 1, 8, 26)
LINES = [
    ("536365", "85123A", "WHITE HANGING  HEART ", 6, AT, 2.55, 17850, "United Kingdom"),
    ("536366", "85123a", "HEART", 2, AT, 2.55, None, "United Kingdom"),
    ("536367", "85123A", "HEART", 1, AT, 3.0, 13047, "United Kingdom"),
    ("C536379", "85123A", "HEART", -1, AT, 3.0, 13047, "United Kingdom"),
    ("536370", "POST", "POSTAGE", 3, AT, 18.0, 12583, "France"),
    ("536589", "21777", None, -10, AT, 0.0, None, "United Kingdom"),
    ("536590", "71053", "LANTERN £5", 0, AT, 1.0, 12583, "France"),
    ("536591", "71053", "LANTERN £5", -2, AT, 1.0, 12583, "France"),
    ("536592", "71053", "LANTERN £5", 2, AT, -1.0, 12583, "France"),
    ("536593", "22000", "FREE GIFT", 2, AT, 0.0, 12583, "France"),
]
EVENTS = [
    ("17850", "85123A", "transaction", 6.0, 2.55),
    ("13047", "85123A", "transaction", 1.0, 3.0),
    ("13047", "85123A", "cancellation", 1.0, 3.0),
    ("12583", "22000", "transaction", 2.0, 0.0),
]
ITEMS = [
    {"item_id": "85123A", "title": "HEART", "category": "Uncategorised", "price": 2.55},
    {"item_id": "71053", "title": "LANTERN £5", "category": "Uncategorised", "price": 1.0},
    {"item_id": "22000", "title": "FREE GIFT", "category": "Uncategorised", "price": None},
]
REJECTED = {
    "names no customer: a sale that can't be an event": 1,
    "names no customer: a stock correction that can't be an event": 1,
    "isn't a product but postage, a fee, a voucher, a sample or a manual entry": 1,
    "isn't a quantity": 1,
    "is below zero outside a cancellation": 1,
    "isn't a price": 1,
}


def frame(lines=LINES):
    return pd.DataFrame(lines, columns=COLUMNS)


def as_parquet(path):
    frame().to_parquet(path.with_suffix(".parquet"))


def as_csv(path):
    """With customers as floats and the month first, in Latin-1, as a copy of the set has it."""
    frame().to_csv(path.with_suffix(".csv"), index=False, encoding="latin-1", date_format="%m/%d/%Y %H:%M")


def as_csv_of_the_second_release(path):
    names = {"InvoiceNo": "Invoice", "UnitPrice": "Price", "CustomerID": "Customer ID"}
    frame().rename(columns=names).to_csv(path.with_suffix(".csv"), index=False)


def as_xlsx(path):
    """Two sheets, numbers as numbers, as the original has it."""
    book = Workbook()
    for sheet, part in ((book.active, LINES[:3]), (book.create_sheet("2011"), LINES[3:])):
        sheet.append(COLUMNS)
        for line in part:
            sheet.append([int(cell) if str(cell).isdigit() else cell for cell in line])
        sheet.append([None] * len(COLUMNS))
    book.save(path.with_suffix(".xlsx"))


@pytest.mark.parametrize("write", [as_parquet, as_csv, as_csv_of_the_second_release, as_xlsx])
def test_every_format_gives_the_same_rows(tmp_path, collect, write):
    write(tmp_path / "online_retail")
    tables, report = collect(OnlineRetailReader(), tmp_path)
    keys = ("user_id", "item_id", "event", "quantity", "price")
    assert [tuple(event[key] for key in keys) for event in tables["events"]] == EVENTS
    times = {event["timestamp"] for event in tables["events"]}
    assert times <= {AT.replace(tzinfo=UTC), "2010-12-01 08:26:00"}
    assert tables["items"] == ITEMS
    assert report.read == len(LINES)
    assert report.rejected == REJECTED


@pytest.mark.parametrize("code", ["POST", "DOT", "M", "m", "D", "C2", "BANK CHARGES", "gift_0001_20", "TEST001"])
def test_what_is_no_product(code):
    assert NO_PRODUCT.fullmatch(code)


@pytest.mark.parametrize("code", ["85123A", "DCGS0003", "15056BL", "POSTER1", "SP1002"])
def test_what_is_a_product(code):
    assert not NO_PRODUCT.fullmatch(code)


def test_rejected_lines_name_their_place(tmp_path, collect):
    as_xlsx(tmp_path / "online_retail")
    _, report = collect(OnlineRetailReader(), tmp_path)
    (example,) = report.examples["is below zero outside a cancellation"]
    assert example.endswith(
        "online_retail.xlsx [2011], line 6, column 'Quantity': '-2' is below zero outside a cancellation"
    )


def test_other_columns_are_refused_in_every_format(tmp_path, collect):
    odd = frame().rename(columns={"StockCode": "Stock_Code"})
    odd.to_csv(tmp_path / "a.csv", index=False)
    odd.to_parquet(tmp_path / "a.parquet")
    book = Workbook()
    book.active.append(list(odd.columns))
    book.active.append(["536365"])
    book.save(tmp_path / "a.xlsx")
    for suffix in ("csv", "parquet", "xlsx"):
        with pytest.raises(DataError, match=r"lacks column 'StockCode' \(is it 'Stock_Code'\?\)"):
            collect(OnlineRetailReader(), tmp_path / f"a.{suffix}")


def test_a_sheet_of_notes_beside_the_lines_is_left_out(tmp_path, collect):
    as_xlsx(tmp_path / "a")
    book = load_workbook(tmp_path / "a.xlsx")
    book.create_sheet("Notes", 0).append(["made by", "someone"])
    book.create_sheet("Nothing")
    book.save(tmp_path / "a.xlsx")
    tables, report = collect(OnlineRetailReader(), tmp_path / "a.xlsx")
    assert len(tables["events"]) == len(EVENTS)
    assert report.notes == [f"{tmp_path}/a.xlsx: sheets without the columns of invoice lines were left out: Notes"]


def test_a_workbook_torn_inside_a_sheet_is_refused(tmp_path, collect):
    as_xlsx(tmp_path / "a")
    with ZipFile(tmp_path / "a.xlsx") as whole, ZipFile(tmp_path / "b.xlsx", "w") as torn:
        for name in whole.namelist():
            content = whole.read(name)
            torn.writestr(name, content[: len(content) * 3 // 4] if name.endswith("sheet2.xml") else content)
    with pytest.raises(DataError, match=r"b\.xlsx: isn't a whole \.xlsx workbook"):
        collect(OnlineRetailReader(), tmp_path / "b.xlsx")


@pytest.mark.parametrize("content", [b"", b"InvoiceNo,StockCode\n1,2\n", b"PK\x03\x04 torn"])
def test_a_file_that_is_no_workbook_is_refused(tmp_path, collect, content):
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.xlsx: isn't a whole \.xlsx workbook"):
        collect(OnlineRetailReader(), tmp_path / "a.xlsx")


def test_the_real_set(real_data, collect):
    tables, report = collect(OnlineRetailReader(), real_data / "online_retail")
    events = pd.DataFrame(tables["events"])
    assert report.read == 541_909
    assert len(events) + sum(report.rejected.values()) == 541_909
    assert events["event"].value_counts().to_dict() == {"transaction": 396_370, "cancellation": 8_539}
    assert set(events["item_id"]) <= {item["item_id"] for item in tables["items"]}
    assert (events["quantity"] > 0).all()
