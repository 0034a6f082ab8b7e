"""The figures of an experiment, worked out by hand, and the rows that they are made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from engine.recommend.events import micros
from engine.serve.exposures import Exposure, write_exposures
from engine.serve.outcome_rows import daily, day_rows, rows_of, users_of
from engine.serve.outcomes import FIGURES, outcomes
from engine.serve.storage import Event
from engine.serve.variants import Experiment, Variant

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
T = micros(START)
HOUR = 3_600_000_000
TEST = Experiment("spring", "salt", START.isoformat(), (Variant("control", 0.5), Variant("new", 0.5, "v2")))


def exposure(user_id: str, variant: str, hours: float = 0, **more) -> Exposure:
    return Exposure("spring", user_id, variant, "v", T + int(hours * HOUR), **more)


def event(user_id: str, kind: str, hours: float, **more) -> Event:
    moment = T + int(hours * HOUR)
    return Event(f"{user_id}-{kind}-{hours}", user_id, "bag-01", kind, moment, moment, **more)


@pytest.fixture
def small(database):
    """Control: Ann and Bob; new: Zoë and Eve, whose version once stood aside; Max only got everyone's lists."""
    write_exposures(
        database,
        [
            exposure("Ann", "control", lists=3),
            exposure("Bob", "control", 2),
            exposure("Eve", "new", 1, instead=2),
            exposure("Max", "new", lists=0, instead=4),
            exposure("Zoë", "new", 0),
        ],
    )
    write_exposures(database, [replace(exposure("Ann", "new", lists=9), experiment="another")])
    database.add(
        [
            event("Ann", "impression", -1),  # before the first list
            event("Ann", "click", -0.5),
            event("Ann", "transaction", -0.5, price=500.0),
            event("Ann", "impression", 0),
            event("Ann", "impression", 1),
            event("Ann", "click", 1),
            event("Ann", "transaction", 2, quantity=2, price=10.0),
            event("Ann", "transaction", 3, price=5.0),
            event("Ann", "cancellation", 4, price=5.0),
            event("Bob", "impression", 1),  # before Bob's first list, an hour later
            event("Bob", "impression", 3),
            event("Eve", "impression", 5),
            event("Eve", "impression", 6),
            event("Eve", "click", 7),
            event("Eve", "transaction", 8),  # of no price
            event("Max", "transaction", 8, price=1000.0),
            event("nobody", "transaction", 8, price=1000.0),
            event("Zoë", "view", 30),
        ]
    )
    return database


def test_figures_by_hand(small):
    control, new = outcomes(small, TEST).variants
    assert (control.users, control.lists, control.impressions, control.clicks) == (2, 4, 3, 1)
    assert (control.transactions, control.converted, control.revenue, control.unpriced) == (2, 1, 25.0, 0)
    assert (new.users, new.lists, new.impressions, new.clicks, new.instead) == (2, 2, 2, 1, 1)
    assert (new.transactions, new.converted, new.revenue, new.unpriced) == (1, 1, 0.0, 1)
    assert (control.ctr.value, control.conversion.value, control.revenue_per_user.value) == (1 / 3, 0.5, 12.5)
    assert (new.ctr.value, new.conversion.value, new.revenue_per_user.value) == (0.5, 0.5, 0.0)
    assert control.conversion.known and not control.ctr.known  # two users are too few for the delta method


def test_a_version_that_changed_meanwhile_is_told(small):
    control, new = outcomes(small, TEST).variants
    assert control.models == {"v": 2} and control.steady and new.models == {"v": 2}
    write_exposures(
        small, [replace(exposure("Kim", "control"), model="v3"), exposure("Lea", "new", lists=0, instead=1)]
    )
    control, new = outcomes(small, TEST).variants
    assert control.models == {"v": 2, "v3": 1} and not control.steady
    assert new.models == {"v": 2} and new.instead == 2 and (control.users, new.users) == (3, 2)


def test_differences_are_to_the_first_variant(small):
    found = outcomes(small, TEST)
    assert [(one.variant, one.figure) for one in found.differences] == [("new", figure) for figure in FIGURES]
    assert found.differences[1].words == "+0.0000 (-0.5734 to 0.5734): may be chance"
    assert "too few" in found.differences[0].words
    assert found.sample_ratio.observed == {"control": 2, "new": 2} and not found.sample_ratio.alarm


def test_what_comes_after_the_end_does_not_count(small):
    ended = replace(TEST, stopped=(START + timedelta(hours=2, minutes=30)).isoformat())
    control, new = outcomes(small, ended).variants
    assert (control.revenue, control.impressions, new.impressions, new.users) == (20.0, 2, 0, 2)


def test_an_experiment_that_nobody_saw(database):
    found = outcomes(database, TEST)
    assert [one.users for one in found.variants] == [0, 0] and not found.sample_ratio.alarm
    assert all("too few" in one.words for one in found.differences)
    assert users_of(database, TEST, "new").empty and rows_of(database, TEST, "new").empty


@pytest.mark.parametrize("stopped", [None, (START + timedelta(hours=5, minutes=30)).isoformat()])
def test_rows_add_up_to_the_figures(small, stopped):
    experiment = replace(TEST, stopped=stopped)
    for figures in outcomes(small, experiment).variants:
        name = figures.variant
        users, events = users_of(small, experiment, name), rows_of(small, experiment, name)
        assert len(users) == figures.users and users["lists"].sum() == figures.lists
        for column, kind in (("impressions", "impression"), ("clicks", "click"), ("transactions", "transaction")):
            counted = getattr(figures, column)
            assert users[column].sum() == counted == len(rows_of(small, experiment, name, kind))
            assert users_of(small, experiment, name, only=column)[column].sum() == counted
        assert users["revenue"].sum() == figures.revenue == events["revenue"].sum()
        assert (users["transactions"] > 0).sum() == figures.converted


def test_rows_tell_who_and_when(small):
    users = users_of(small, TEST, "control")
    assert users["user_id"].tolist() == ["Ann", "Bob"] and users["happened"].iloc[1] == START + timedelta(hours=2)
    events = rows_of(small, TEST, "control", user_id="Ann", most=2)
    assert events["event"].tolist() == ["cancellation", "transaction"]
    assert rows_of(small, TEST, "control", "transaction")["revenue"].tolist() == [5.0, 20.0]
    assert users_of(small, TEST, "control", most=1)["user_id"].tolist() == ["Ann"]


def test_days_add_up_to_their_rows(small):
    days = daily(small, START).set_index("day")
    first, second = days.iloc[0], days.iloc[1]
    assert days.index[0] == datetime(2026, 3, 1, tzinfo=UTC) and days.index[-1].date() == datetime.now(UTC).date()
    assert first.tolist() == [7, 3, 0, 6, 5, 4, 2525.0] and second.tolist() == [0, 0, 0, 0, 1, 0, 0]
    for column, kind in (("impressions", "impression"), ("clicks", "click"), ("transactions", "transaction")):
        assert len(day_rows(small, days.index[0].date(), kind)) == first[column]
    assert day_rows(small, days.index[0].date())["revenue"].sum() == first["revenue"]
    assert day_rows(small, days.index[1].date())["event"].tolist() == ["view"]


def test_days_of_no_event(database):
    days = daily(database, datetime.now(UTC) - timedelta(days=2))
    assert len(days) == 3 and not days.drop(columns="day").to_numpy().any()


def test_many_users_agree_with_numpy(database):
    rng = np.random.default_rng(4)
    clicks = rng.binomial(4, 0.3, 300)
    for place, name in enumerate(("control", "new")):
        ids = range(place * 150, (place + 1) * 150)
        write_exposures(database, [exposure(f"u{n:03d}", name) for n in ids])
    events = [
        replace(event(f"u{n:03d}", "impression", place), event_id=f"{n}-{place}")
        for n in range(300)
        for place in range(4)
    ]
    events += [
        replace(event(f"u{n:03d}", "click", place), event_id=f"c{n}-{place}")
        for n in range(300)
        for place in range(clicks[n])
    ]
    database.add(events)
    control, new = outcomes(database, TEST).variants
    shares = clicks / 4
    for figures, own in ((control, shares[:150]), (new, shares[150:])):
        half = 1.959964 * own.std(ddof=1) / np.sqrt(150)
        assert (figures.ctr.low, figures.ctr.high) == pytest.approx((own.mean() - half, own.mean() + half))
