"""RetailRocket: a log of properties becomes what items are, now or at a moment."""

from datetime import UTC, datetime

import pytest

from engine.data.retailrocket import RetailRocketReader
from engine.errors import DataError

EVENTS = """timestamp,visitorid,event,itemid,transactionid
1433193132535,1134473,view,396045,
1433194696771,1314862,transaction,344224,99
"""
PROPERTIES = "timestamp,itemid,property,value\n"
PART_1 = f"""{PROPERTIES}2000,344224,categoryid,1338
1000,344224,categoryid,1114
3000,344224,available,0
1000,500,888,1116713 960601 n277.200
"""
PART_2 = f"""{PROPERTIES}4000,344224,available,1
1500,344224,categoryid,7
2500,600,categoryid,42
"""
TREE = "categoryid,parentid\n1338,1278.0\n1278,378\n378,\n7,8\n8,7\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "events.csv").write_text(EVENTS)
    (tmp_path / "item_properties_part1.csv").write_text(PART_1)
    (tmp_path / "item_properties_part2.csv").write_text(PART_2)
    (tmp_path / "category_tree.csv").write_text(TREE)
    return tmp_path


def by_id(tables):
    return {item["item_id"]: item for item in tables["items"]}


def test_events_keep_user_item_kind_and_utc_time(folder, collect):
    tables, report = collect(RetailRocketReader(), folder)
    assert tables["events"] == [
        {
            "user_id": "1134473",
            "item_id": "396045",
            "event": "view",
            "timestamp": datetime(2015, 6, 1, 21, 12, 12, 535000, tzinfo=UTC),
        },
        {
            "user_id": "1314862",
            "item_id": "344224",
            "event": "transaction",
            "timestamp": datetime(2015, 6, 1, 21, 38, 16, 771000, tzinfo=UTC),
        },
    ]
    assert report.read == 2 + 4 + 3 + 5
    assert not report.rejected


def test_items_have_their_latest_category_and_availability_across_files_in_any_order(folder, collect):
    tables, _ = collect(RetailRocketReader(), folder)
    items = by_id(tables)
    assert items["344224"] == {
        "item_id": "344224",
        "title": "Item 344224",
        "category": "1338",
        "category_path": ["378", "1278", "1338"],
        "available": True,
    }
    assert items["500"]["category"] == "Uncategorised"  # only hashed properties
    assert items["396045"]["category"] == "Uncategorised"  # only events
    assert items["600"]["category_path"] == ["42"]  # not in the tree
    assert len(tables["items"]) == 4


def test_the_log_of_categories_and_availability_is_kept_with_paths_as_text(folder, collect):
    tables, _ = collect(RetailRocketReader(), folder)
    rows = [
        (row["item_id"], row["timestamp"].microsecond // 1000 + row["timestamp"].second * 1000)
        for row in tables["properties"]
    ]
    assert sorted(rows) == [("344224", ms) for ms in (1000, 1500, 2000, 3000, 4000)] + [("600", 2500)]
    values = {(row["property"], row["timestamp"].second): row["value"] for row in tables["properties"]}
    assert values["category", 2] == "42" and values["available", 3] == "0" and values["available", 4] == "1"
    assert {row["value"] for row in tables["properties"]} >= {"378 / 1278 / 1338", "1114", "8 / 7"}
    early, _ = collect(RetailRocketReader(as_of=datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)), folder)
    assert len(early["properties"]) == 3


@pytest.mark.parametrize("zone", [UTC, None])
def test_items_as_of_a_moment(folder, collect, zone):
    tables, report = collect(RetailRocketReader(as_of=datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=zone)), folder)
    items = by_id(tables)
    assert items["344224"]["category"] == "7"
    assert items["344224"]["category_path"] == ["8", "7"]  # a cycle in the tree ends the path
    assert items["344224"]["available"] is None
    assert "600" not in items
    assert len(tables["events"]) == 2
    assert report.notes == ["item properties: 4 rows from after 1970-01-01 00:00:01 were left out"]


def test_of_two_values_at_one_moment_the_later_line_counts(tmp_path, collect):
    (tmp_path / "item_properties.csv").write_text(f"{PROPERTIES}5,1,available,1\n5,1,available,0\n")
    tables, _ = collect(RetailRocketReader(), tmp_path)
    assert tables["items"][0]["available"] is False
    assert tables["items"][0]["category_path"] is None


def test_events_alone_make_items(folder, collect):
    tables, _ = collect(RetailRocketReader(), folder / "events.csv")
    assert set(by_id(tables)) == {"396045", "344224"}
    assert {item["category"] for item in tables["items"]} == {"Uncategorised"}


def test_bad_rows_are_rejected_with_their_place(folder, collect):
    (folder / "events.csv").write_text(EVENTS + "yesterday,1,view,2,\n" + "9" * 30 + ",1,view,2,\n1,1\n")
    (folder / "item_properties_part2.csv").write_text(f"{PROPERTIES}-5,1,available,1\n5,,available,1\n")
    (folder / "category_tree.csv").write_text(TREE + ",5\n")
    tables, report = collect(RetailRocketReader(), folder)
    assert len(tables["events"]) == 2
    assert report.rejected == {
        "isn't a time in milliseconds since 1970": 3,
        "too few fields: the header has 5": 1,
        "isn't an item": 1,
        "isn't a category": 1,
    }
    examples = report.examples["isn't a time in milliseconds since 1970"]
    assert examples[0].endswith("part2.csv, line 2, column 'timestamp': '-5' isn't a time in milliseconds since 1970")
    assert "events.csv, line 4, column 'timestamp': 'yesterday'" in examples[1]


def test_a_file_with_other_columns_is_refused_with_the_nearest_name(folder, collect):
    (folder / "events.csv").write_text("timestamp,visitor_id,event,itemid\n")
    with pytest.raises(DataError, match=r"lacks column 'visitorid' \(is it 'visitor_id'\?\)"):
        collect(RetailRocketReader(), folder)


def test_the_real_set(real_data, collect):
    tables, report = collect(RetailRocketReader(), real_data / "retailrocket")
    assert len(tables["events"]) == 9385
    assert len(tables["items"]) == len({event["item_id"] for event in tables["events"]})
    assert report.read == 9385 + 1669
    assert not report.rejected
