"""What every reader of a published data set does, on files whose content is known by construction."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter, defaultdict

import pandas as pd
import pytest

from engine.data.base import ImportReport
from engine.data.readers import READERS
from engine.data.validate import validated
from engine.errors import DataError
from engine.schema import TABLES

ITEMS = 10


def retailrocket(folder, n):
    events = (f"{1433193132535 + row},{row % 50},view,{row % ITEMS}," for row in range(n))
    (folder / "events.csv").write_text("\n".join(["timestamp,visitorid,event,itemid,transactionid", *events]))
    log = (f"{1433193132535 + row},{row % ITEMS},categoryid,{row % 7}" for row in range(n))
    (folder / "item_properties_part1.csv").write_text("\n".join(["timestamp,itemid,property,value", *log]))
    (folder / "category_tree.csv").write_text("categoryid,parentid\n3,\n5,3\n")
    return {"events": n, "properties": n, "items": ITEMS}, 2 * n + 2


def online_retail(folder, n):
    lines = (
        f"{536365 + row},{71053 + row % ITEMS},LAMP,2,2010-12-01 08:26:00,2.5,{17850 + row % 50}" for row in range(n)
    )
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID"
    (folder / "online_retail.csv").write_text("\n".join([header, *lines]))
    return {"events": n, "items": ITEMS}, n


def stokman(folder, n):
    catalogue = {"product_id": [str(row) for row in range(ITEMS)], "category_id": "1", "price": 10, "title": "7 8"}
    pd.DataFrame(catalogue).to_parquet(folder / "stokman_catalog_preprocessed.pq")
    rows = [(f"u{row % 50}", "2024-08-01 10:00:00", row % 10, [row % ITEMS]) for row in range(n)]
    actions = pd.DataFrame(rows, columns=["user_id", "date", "action", "products"])
    actions.to_parquet(folder / "train_actions.pq", row_group_size=1000)
    return {"events": n, "items": ITEMS}, n + ITEMS


def homedepot(folder, n):
    rows = (f"{row},{row % ITEMS},Lamp,query {row},2.33" for row in range(n))
    (folder / "train.csv").write_text("\n".join(["id,product_uid,product_title,search_term,relevance", *rows]))
    return {"judgments": n, "items": ITEMS}, n


def movielens(folder, n):
    rows = (f"{row % 50},{row % ITEMS},4.5,{881250949 + row}" for row in range(n))
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *rows]))
    movies = (f"{row},Film {row} (1995),Action|Comedy" for row in range(ITEMS))
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies]))
    return {"events": n, "items": ITEMS}, n + ITEMS


def lamoda(folder, n):
    rows = (f"{row},A{row % ITEMS},Soft and warm,Hat,Accs,HATS" for row in range(n))
    header = "comment_id,product_sku,comment_text,name,good_type,good_subtype"
    (folder / "lamoda_reviews.csv").write_text("\n".join([header, *rows]))
    return {"reviews": n, "items": ITEMS}, n


def amazon(folder, n):
    record = {"text": "Fine", "rating": 5.0, "title": "Good", "asin": "B1"}
    records = (record | {"parent_asin": f"P{row % ITEMS}", "user_id": f"U{row}", "timestamp": row} for row in range(n))
    (folder / "Toys.jsonl").write_text("\n".join(map(json.dumps, records)))
    return {"reviews": n, "items": ITEMS}, n


SAMPLES = {
    "lamoda": lamoda,
    "amazon": amazon,
    "retailrocket": retailrocket,
    "online-retail": online_retail,
    "stokman": stokman,
    "homedepot": homedepot,
    "movielens": movielens,
}


@pytest.fixture(params=SAMPLES)
def kind(request):
    return request.param


def test_every_row_fits_the_schema_and_none_is_lost(kind, tmp_path):
    counts, read = SAMPLES[kind](tmp_path, 60)
    report, tables = ImportReport(), defaultdict(list)
    for row in READERS.load(kind)().rows([tmp_path], report):
        assert set(row.values) <= set(TABLES[row.table].arrow.names)
        assert row.file.startswith(str(tmp_path))
        tables[row.table].append(row)
    kept = {name: validated(TABLES[name], rows, report).num_rows for name, rows in tables.items()}
    assert kept == counts
    assert report.read == read
    assert not report.rejected


def test_events_come_in_the_order_of_the_file(kind, tmp_path):
    SAMPLES[kind](tmp_path, 60)
    places = defaultdict(list)
    for row in READERS.load(kind)().rows([tmp_path], ImportReport()):
        places[row.table, row.file].append(row.line)
    assert all(lines == sorted(lines) for lines in places.values())


def test_a_path_that_is_not_there_is_named(kind, tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv: does not exist"):
        list(READERS.load(kind)().rows([tmp_path / "nowhere.csv"], ImportReport()))


def test_a_folder_of_other_things_is_refused(kind, tmp_path):
    (tmp_path / "notes.txt").write_text("none of this")
    with pytest.raises(DataError, match="holds none of the known files"):
        list(READERS.load(kind)().rows([tmp_path], ImportReport()))


def test_each_empty_or_torn_file_is_refused(kind, tmp_path):
    SAMPLES[kind](tmp_path, 60)
    for file in sorted(tmp_path.iterdir()):
        whole = file.read_bytes()
        for content in (b"", b"\xff\xfe" + whole[:100]):
            file.write_bytes(content)
            with pytest.raises(DataError, match=f"{file.name}: is|{file.name}, line 1: is"):
                list(READERS.load(kind)().rows([tmp_path], ImportReport()))
        file.write_bytes(whole)


def test_memory_does_not_grow_with_the_file(kind, tmp_path):
    peaks = {}
    for n in (10_000, 30_000):
        SAMPLES[kind](tmp_path, n)
        tracemalloc.start()
        counts = Counter(row.table for row in READERS.load(kind)().rows([tmp_path], ImportReport()))
        peaks[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert counts["items"] == ITEMS
    assert peaks[30_000] < peaks[10_000] * 1.2 + 100_000
