"""What users did, by day: shares of what was counted, and the events behind each count."""

from datetime import UTC, datetime

import pytest

from engine.serve.outcome_rows import day_rows
from engine.serve.storage import Event
from engine.watching.business import LENGTHS, ROWS, count_events, read_business
from tests.watched import NOW

DAY = 86_400


def told(database, *rows):
    """Events of (days ago, user, kind)."""
    database.add(
        [
            Event(f"e{n}", user, "bag", kind, int((NOW - days * DAY) * 1e6), 1, quantity=2, price=5.0)
            for n, (days, user, kind) in enumerate(rows)
        ]
    )


def test_days_totals_and_people(store, database):
    told(
        database,
        *(
            (0, "Ann", kind)
            for kind in ("impression", "impression", "impression", "impression", "click", "transaction")
        ),
        (0, "Bob", "impression"),
        (1, "Ann", "impression"),
        (1, "Cid", "transaction"),
        (8, "Old", "transaction"),
    )
    found = read_business(store, 7, NOW)
    assert len(found.days) >= 7 and found.since == datetime(2027, 1, 9, tzinfo=UTC)
    today, before = (found.days.set_index("day").loc[f"2027-01-{day}"] for day in (15, 14))
    assert (today["ctr"], today["conversion"]) == (pytest.approx(1 / 5), pytest.approx(1 / 2))
    assert before["ctr"] == 0 and before["conversion"] == pytest.approx(1 / 2)
    assert found.ctr == pytest.approx(1 / 6) and found.total("revenue") == 20.0
    assert (found.visitors, found.buyers, found.conversion) == (3, 2, pytest.approx(2 / 3))
    assert dict(zip(found.kinds["event"], found.kinds["n"], strict=True)) == {
        "impression": 6,
        "transaction": 2,
        "click": 1,
    }


def test_counts_are_those_of_the_rows(store, database):
    told(database, *((days, f"U-{days}", kind) for days in range(10) for kind in ("impression", "click", "view")))
    found = read_business(store, 7, NOW)
    for event in (None, "click"):
        rows = day_rows(store, found.since.date(), event, days=7)
        assert len(rows) == count_events(store, found.since, 7, event) == (21 if event is None else 7)
        assert set(ROWS) <= set(rows.columns)


def test_days_of_nothing_have_no_shares(store):
    found = read_business(store, LENGTHS["30d"], NOW)
    assert found.ctr is None and found.conversion is None and found.kinds.empty and found.days["ctr"].isna().all()
