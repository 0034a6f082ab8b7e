"""A day like the others passes, whatever chance does; a spoiled one is refused, by the check that it is about."""

import numpy as np
import pandas as pd
import pytest
from days import NOON, catalogue, days, sample

from engine.recommend.events import DAY
from engine.retraining.day_checks import check_age, check_amount, check_lost
from engine.retraining.drift_checks import check_drift, check_nulls
from engine.retraining.limits import Limits
from engine.retraining.reference import make_reference
from engine.retraining.sample import HOUR
from engine.retraining.table_checks import check_catalogue

LIMITS = Limits()
END = 28


@pytest.fixture(scope="module")
def good():
    """Four weeks, and the reference that they are."""
    events = days(7, END)
    return events, make_reference(
        sample(events, END), "r1", now=NOON + END * DAY, rows={"items": 80, "events": len(events)}
    )


def checked(good, day, items=None):
    """The checks of four good weeks with one day more, by name."""
    events, reference = good
    after = sample(pd.concat([events, day]), END + 1, items)
    now = NOON + (END + 1) * DAY
    checks = [check_age(after, reference, LIMITS, now), check_amount(after, reference, LIMITS)]
    checks += [*check_drift(after, reference, LIMITS), *check_nulls(after, reference, LIMITS)]
    checks += check_lost({"items": len(after.items), "events": len(after.events)}, reference, LIMITS)
    return {check.name: check for check in checks}


def refused(checks):
    return {name for name, check in checks.items() if check.verdict == "refused"}


def test_twenty_days_like_the_others_pass(good):
    for seed in range(100, 120):
        checks = checked(good, days(seed, 1, first=END))
        assert not refused(checks), (seed, refused(checks))
        assert {check.verdict for check in checks.values()} == {"passed"}


def test_twenty_quiet_days_pass(good):
    """Of 12 visits even a usual day looks odd; what can't be told is not judged."""
    for seed in range(200, 220):
        checks = checked(good, days(seed, 1, first=END, visits=12))
        assert refused(checks) <= {"volume: the newest day"}, seed


def only_bags(day):
    return day.assign(item_id=[f"SK-{4 * (n % 20):02d}" for n in range(len(day))])


def at_night(day):
    return day.assign(micros=day["micros"] // DAY * DAY + day["micros"] % (3 * HOUR))


SPOILED = {
    "drift: kinds": lambda day: day.assign(event="view"),
    "drift: categories": only_bags,
    "drift: prices": lambda day: day.assign(price=999.0),
    "drift: hours": at_night,
    "drift: popularity": lambda day: day.assign(item_id=[f"SK-{79 - n % 20:02d}" for n in range(len(day))]),
    "drift: unknown items": lambda day: day.assign(item_id=np.where(np.arange(len(day)) % 3, day["item_id"], "gone")),
    "drift: doubles": lambda day: pd.concat([day, day.sample(frac=0.4, random_state=1)]),
    "volume: the newest day": lambda day: day[:20],
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_day_is_refused_by_the_check_that_it_is_about(good, name):
    check = checked(good, SPOILED[name](days(100, 1, first=END)))[name]
    assert check.verdict == "refused" and check.advice and check.value is not None and check.limit is not None
    assert len(check.rows) <= LIMITS.shown and (check.rows or name == "freshness")


def test_a_day_of_many_times_as_many_events_is_refused(good):
    check = checked(good, days(100, 1, first=END, visits=300))["volume: the newest day"]
    assert check.verdict == "refused" and check.value > 3


def test_hours_of_half_a_day_are_not_judged(good):
    events, reference = good
    half = days(100, 1, first=END, visits=400)
    half = half[half["micros"] < NOON + END * DAY + 12 * HOUR]
    at_noon = sample(pd.concat([events, half]), END)
    after = type(at_noon)(at_noon.events, at_noon.items, NOON + END * DAY + 12 * HOUR)
    found = {check.name: check for check in check_drift(after, reference, LIMITS)}
    assert found["drift: hours"].verdict == "not judged" and found["drift: kinds"].verdict == "passed"


def test_events_that_stop_are_stale_where_they_were_of_the_day(good):
    events, reference = good
    now = NOON + (END + 5) * DAY
    assert check_age(sample(events, END), reference, LIMITS, now).verdict == "refused"
    archive = make_reference(sample(events, END), "r", now=now + 700 * DAY, rows={})
    assert check_age(sample(events, END), archive, LIMITS, now + 900 * DAY).verdict == "not judged"
    assert check_age(sample(events, END), None, LIMITS, now).verdict == "not judged"
    assert check_amount(sample(events, END), archive, LIMITS).verdict == "not judged"


def test_a_weekday_is_held_against_the_same_weekday():
    """A shop that is closed on every seventh day has no bad day on it."""
    events = days(7, 29)
    day = (events["micros"] - NOON) // DAY
    closed = events[day % 7 == 0].head(3).assign(micros=NOON + 28 * DAY + HOUR)
    events = events[day % 7 != 0]
    reference = make_reference(sample(events, 28), "r", now=NOON + 28 * DAY, rows={})
    three = pd.concat([events, closed])
    assert check_amount(sample(three, 29), reference, LIMITS).verdict == "not judged"
    usual = three.assign(micros=three["micros"] + DAY * (three["micros"] >= NOON + 28 * DAY))
    assert check_amount(sample(usual, 30), reference, LIMITS).verdict == "refused"  # a day that is usually open


def test_a_catalogue_that_loses_prices_rows_or_is_doubled_is_refused(good):
    day, items = days(100, 1, first=END), catalogue()
    assert "items: price" in refused(checked(good, day, items.assign(price=items["price"].where(items.index < 30))))
    assert "volume: items" in refused(checked(good, day, items[:50]))
    check = check_catalogue(pd.concat([items, items[:3]]))
    assert check.verdict == "refused" and not check.by_person and check.rows[0] == {"item_id": "SK-00"}


def test_without_a_good_day_before_nothing_is_called_drifted(good):
    events, _ = good
    found = list(check_drift(sample(events, END), None, LIMITS))
    assert {check.verdict for check in found} == {"not judged"}
