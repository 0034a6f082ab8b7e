from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.base import ImportReport, Row
from engine.data.textfile import MAX_CELL
from engine.data.validate import FILE, LINE, validated
from engine.schema import TABLES

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def check(table, *records):
    """The kept rows as dicts, and the report."""
    rows = [Row(table, record, "file.csv", number) for number, record in enumerate(records, start=2)]
    report = ImportReport()
    return validated(TABLES[table], rows, report, now=NOW).to_pylist(), report


def item(**values):
    return {"item_id": "1", "title": "Tote", "category": "Bags"} | values


def one(table, record, column):
    """The value of one column of one row, which must be kept."""
    kept, report = check(table, record)
    assert not report.rejected
    return kept[0][column]


def refused(table, record):
    """The message for one row, which must be rejected."""
    kept, report = check(table, record)
    assert kept == []
    ((message,),) = report.examples.values()
    return message


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("00123", "00123"),
        ("1e5", "1e5"),
        ("2020-01-01", "2020-01-01"),
        ("TRUE", "TRUE"),
        ("nan", "nan"),
        (" 7 ", "7"),
        (123, "123"),
        (123.0, "123"),
        (1.5, "1.5"),
        (date(2020, 1, 1), "2020-01-01"),
        (b"abc", "abc"),
        ("и\u0306", "й"),
    ],
)
def test_ids_are_text_as_written(value, kept):
    assert one("items", item(item_id=value), "item_id") == kept


def test_ids_of_different_types_in_one_batch_stay_apart():
    kept, _ = check("items", item(item_id=7), item(item_id="007"), item(item_id=7.0))
    assert [row["item_id"] for row in kept] == ["7", "007", "7"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "line 2: item_id is missing"),
        ("", "item_id is missing"),
        (" \u00a0", "item_id is missing"),
        (float("nan"), "item_id is missing"),
        (2.0**60, "too large to be exact"),
        ("a\ud800", "half of a surrogate pair"),
        (b"\xff", "half of a surrogate pair"),
        ("a\0b", "a value holds a NUL byte"),
        ("x" * (MAX_CELL + 1), "longer than 1,000,000 characters"),
        ([1], "is a list or an object"),
    ],
)
def test_what_can_not_be_an_id(value, said):
    message = refused("items", item(item_id=value))
    assert said in message
    assert message.startswith("file.csv, line 2")
    assert len(message) < 300


def test_the_place_is_kept_and_only_bad_rows_go():
    kept, report = check("items", item(), item(title=None), item(price="x"), item(item_id="2"))
    assert [(row["item_id"], row[FILE], row[LINE]) for row in kept] == [("1", "file.csv", 2), ("2", "file.csv", 5)]
    assert report.rejected == {"title is missing": 1, "is not a number, as price": 1}
    assert report.examples["is not a number, as price"] == [
        "file.csv, line 4, column 'price': 'x' is not a number, as price"
    ]


def test_text_of_reviews_keeps_its_ends_and_blank_optional_text_is_null():
    review = {"review_id": "1", "item_id": "1", "text": " <b>two</b> \n", "title": "  "}
    kept, _ = check("reviews", review)
    assert (kept[0]["text"], kept[0]["title"]) == (" <b>two</b> \n", None)


@pytest.mark.parametrize(
    ("value", "kept"),
    [("9.5", 9.5), (3, 3.0), ("1e2", 100.0), ("", None), (None, None), (float("nan"), None), (" 4 ", 4.0)],
)
def test_numbers(value, kept):
    assert one("items", item(price=value), "price") == kept


@pytest.mark.parametrize(
    ("value", "said"),
    [("-1", "is below 0, as price"), (-0.01, "is below 0"), ("inf", "is not finite"), ("9,50", "is not a number")],
)
def test_what_can_not_be_a_price(value, said):
    assert said in refused("items", item(price=value))


def test_ratings_have_a_range_and_whole_numbers_are_whole():
    assert "outside 0 to 10" in refused("reviews", {"review_id": "1", "item_id": "1", "text": "a", "rating": 11})
    mention = {"review_id": "1", "item_id": "1", "start": 0, "end": 5, "tag": "soft", "polarity": 1}
    assert one("mentions", mention, "end") == 5
    assert "not whole" in refused("mentions", mention | {"end": 1.5})
    assert "outside -1 to 1" in refused("mentions", mention | {"polarity": 2})
    assert "start is missing" in refused("mentions", mention | {"start": ""})


@pytest.mark.parametrize(
    ("value", "kept"), [("true", True), ("No", False), (1, True), (0.0, False), (True, True), ("", None), ("nan", None)]
)
def test_booleans(value, kept):
    assert one("items", item(available=value), "available") is kept


def test_what_is_no_boolean():
    assert "'perhaps' is neither true nor false" in refused("items", item(available="perhaps"))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (["a", " b ", "", None], ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ("['a', \"b's\"]", ["a", "b's"]),
        ("cotton", ["cotton"]),
        ("[]", []),
        ("", None),
        (np.array(["a"]), ["a"]),
        ("[1, 2.0]", ["1", "2"]),
    ],
)
def test_lists_also_stored_as_text(value, kept):
    assert one("items", item(features=value), "features") == kept


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('["a', "starts like a list and isn't one"),
        ("[__import__('os').getcwd()]", "starts like a list and isn't one"),
        (3, "is not a list"),
        ("[" * 100_000, "starts like a list and isn't one"),
        (["a\0"], "NUL byte"),
        ([["a"]], "is a list or an object"),
    ],
)
def test_what_is_no_list(value, said):
    assert said in refused("items", item(features=value))


def event(timestamp):
    return {"user_id": "u", "item_id": "1", "event": "view", "timestamp": timestamp}


@pytest.mark.parametrize(
    "value",
    [
        "2020-09-13T12:26:40Z",
        "2020-09-13 12:26:40",
        "2020-09-13T15:26:40+03:00",
        1_600_000_000,
        1_600_000_000.0,
        1_600_000_000_000,
        1_600_000_000_000_000,
        1_600_000_000_000_000_000,
        "1600000000",
        "1600000000000",
        datetime(2020, 9, 13, 12, 26, 40),
        datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC),
    ],
)
def test_times_are_utc_from_iso_and_any_epoch(value):
    assert one("events", event(value), "timestamp") == datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)


def test_dates_and_milliseconds():
    assert one("events", event(date(2020, 1, 2)), "timestamp") == datetime(2020, 1, 2, tzinfo=UTC)
    assert one("events", event(1_602_133_857_705), "timestamp").microsecond == 705_000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-1, "'-1' is before 1970, as timestamp"),
        ("1969-12-31", "is before 1970"),
        ("2026-06-03", "is in the future"),
        (9_999_999_999, "is in the future"),
        ("yesterday", "is not a time"),
        ("2020-02-30", "is not a time"),
        (20200131, "a date written as a number"),
        ("20200131", "a date written as a number"),
        ("inf", "is in the future"),
        (1e308, "is in the future"),
        ("", "timestamp is missing"),
    ],
)
def test_what_can_not_be_a_time(value, said):
    assert said in refused("events", event(value))


def test_a_clock_may_be_a_little_ahead():
    assert one("events", event(NOW + timedelta(hours=20)), "timestamp") == NOW + timedelta(hours=20)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.lists(st.text(max_size=3), max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(TABLES["items"].arrow.names, anything)), min_size=1, max_size=6))
def test_whatever_comes_each_row_is_kept_or_rejected(records):
    kept, report = check("items", *records)
    assert len(kept) + sum(report.rejected.values()) == len(records)
    assert all(row[name] for row in kept for name in TABLES["items"].required)


@settings(max_examples=150, deadline=None)
@given(st.lists(anything, min_size=1, max_size=6))
def test_whatever_time_comes_it_is_kept_or_rejected(values):
    kept, report = check("events", *map(event, values))
    assert len(kept) + sum(report.rejected.values()) == len(values)
