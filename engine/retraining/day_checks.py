"""Checks of a day's amount and age: is there as much as on good days, and is it of today?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from scipy.stats import norm

from engine.retraining.checks import Check, judged, not_judged
from engine.retraining.limits import Limits
from engine.retraining.reference import Reference
from engine.retraining.sample import HOUR, Sample

WEEKDAYS = 3  # days of the same day of the week that are enough to hold the newest one against them alone
SPREAD = 1.4826  # makes the median absolute deviation of a normal distribution its standard deviation


def check_age(sample: Sample, reference: Reference | None, limits: Limits, now: int) -> Check:
    """Whether events still come.

    Data that was old already when it was last found good is an archive, such as the demo's: nothing newer is expected
    of it. Where events were of the day, they must go on being so.
    """
    name, newest = "freshness", int(sample.micros.max())
    age = max(now - newest, 0) / HOUR
    said = f"the newest event is {age:,.0f} hours old ({_moment(newest)})"
    if reference is None:
        return not_judged(name, f"{said}; nothing says yet how old events may be here")
    if reference.age > limits.age:
        return not_judged(
            name, f"{said}; it was {reference.age:,.0f} hours old when the data was last good: an archive"
        )
    advice = "Look why no events arrive: the import, the service, and whoever sends to it"
    return judged(name, age > limits.age, said, value=age, limit=limits.age, advice=advice)


def check_amount(sample: Sample, reference: Reference | None, limits: Limits) -> Check:
    """Whether the newest day has about as many events as good days, those of its day of the week where there are some.

    It must differ by more than the limits, and by more than the days and chance do: a robust z-value above the normal
    quantile of alpha, from the median absolute deviation of the days and the Poisson spread of a count.
    """
    name = "volume: the newest day"
    (end, n), *_ = sample.days()
    if reference is None or reference.age > limits.age:
        return not_judged(name, f"{n:,} events in the day until {_moment(end)}; there are no days of today to compare")
    if not sample.since(reference.newest).any():
        return not_judged(name, "no event since the data was last good; freshness says when that is too long ago")
    alike = [count for moment, count in reference.days if _weekday(moment) == _weekday(end) and moment < end]
    days = np.array(alike if len(alike) >= WEEKDAYS else [count for _, count in reference.days], dtype=np.float64)
    usual = float(np.median(days))
    if usual == 0:
        return not_judged(name, f"{n:,} events in the day until {_moment(end)}; good days of this weekday have none")
    spread = np.sqrt((SPREAD * np.median(np.abs(days - usual))) ** 2 + usual)
    by_chance = abs(n - usual) <= float(norm.isf(limits.alpha / 2)) * spread
    ratio = n / usual
    words = f"{n:,} events in the day until {_moment(end)}, {ratio:.2f} times the {usual:,.0f} of good days"
    rows = [{"day until": _moment(moment), "events": count} for moment, count in sample.days()[: limits.shown]]
    advice = "Look whether an import is incomplete or doubled, or a sender stopped or repeats itself"
    beyond = ratio < limits.fewer or ratio > limits.more
    limit = limits.fewer if ratio < 1 else limits.more
    return judged(name, beyond and not by_chance, words, value=ratio, limit=limit, rows=rows, advice=advice)


def check_lost(rows: dict[str, int], reference: Reference | None, limits: Limits) -> Iterator[Check]:
    """Whether a table lost rows since it was good."""
    for table, n in rows.items():
        before = reference.rows.get(table, 0) if reference else 0
        name = f"volume: {table}"
        if not before:
            yield not_judged(name, f"{n:,} rows; there are none to compare with")
            continue
        lost = max(before - n, 0) / before
        words = f"{n:,} rows, {before:,} when the data was last good"
        advice = "Look whether the import was complete; import it again"
        yield judged(name, lost > limits.lost, words, value=lost, limit=limits.lost, advice=advice)


def _weekday(moment: int) -> int:
    return datetime.fromtimestamp((moment - 1) / 1e6, UTC).weekday()


def _moment(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros / 1e6, UTC):%Y-%m-%d %H:%M}"
