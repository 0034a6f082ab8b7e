"""Checks of what the new events are like: which kinds, categories, prices, hours and items, against good days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.recommend.events import DAY
from engine.retraining.checks import Check, judged, not_judged
from engine.retraining.drift import Distance, effective, jensen_shannon, kolmogorov_smirnov, rise, stability
from engine.retraining.limits import Limits
from engine.retraining.reference import (
    OTHERS,
    Reference,
    categories_of,
    doubles_of,
    hours_of,
    kinds_of,
    pooled,
    popularity_of,
)
from engine.retraining.sample import Sample

Mask = NDArray[np.bool_]
DRIFT = (
    "If the shop did change, as by a sale, let it pass and say so; else find where these events come from, and "
    "take the wrong ones out of the import or the service's database"
)


def check_drift(sample: Sample, reference: Reference | None, limits: Limits) -> Iterator[Check]:
    """Each distribution of the events since `reference` against those of its days."""
    names = ("kinds", "categories", "prices", "hours", "popularity", "unknown items", "doubles")
    if reference is None:
        why = "there is no good day to compare with yet; this one becomes it"
        yield from (not_judged(f"drift: {name}", why) for name in names)
        return
    chosen = sample.since(reference.newest)
    size = effective(sample.users[chosen])
    if size < limits.least or reference.size < limits.least:
        said = f"{int(chosen.sum()):,} new events, as many as {size:.0f} independent ones, are too few to judge"
        yield from (not_judged(f"drift: {name}", said) for name in names)
    else:
        yield _named("kinds", reference.kinds, kinds_of(sample, chosen), reference.size, size, limits)
        yield _named("categories", reference.categories, categories_of(sample, chosen), reference.size, size, limits)
        yield _prices(sample, chosen, reference, limits)
        yield _hours(sample, reference, limits)
        yield _popularity(sample, chosen, reference, size, limits)
        yield _unknown(sample, chosen, reference, size, limits)
        yield _doubles(sample, chosen, reference, size, limits)


def check_nulls(sample: Sample, reference: Reference | None, limits: Limits) -> Iterator[Check]:
    """Whether more items than before lack a category or a price."""
    for column, before in (reference.nulls if reference else {}).items():
        now, n = float(sample.items[column].isna().mean()), len(sample.items)
        found = rise(before, now, n, n, alpha=limits.alpha)
        words = f"{now:.1%} of items have none, {before:.1%} when the data was last good"
        advice = "Look whether the catalogue was imported with all its columns"
        name = f"items: {column}"
        yield judged(name, found.beyond(limits.nulls), words, value=found.value, limit=limits.nulls, advice=advice)


def _named(what: str, old: Any, new: Any, n: float, m: float, limits: Limits) -> Check:
    names, before, after = pooled(old, new, n)
    if len(names) == 1 or not after.sum():
        return not_judged(f"drift: {what}", "there is nothing to tell apart")
    found = stability(before, after, n, m, alpha=limits.alpha)
    return _shifted(what, "population stability index", found, limits.psi, _bins(names, before, after, found, limits))


def _prices(sample: Sample, chosen: Mask, reference: Reference, limits: Limits) -> Check:
    known = chosen & np.isfinite(sample.prices)
    size = effective(sample.users[known])
    if not reference.prices or size < limits.least:
        return not_judged("drift: prices", f"{int(known.sum()):,} new events have a price, too few to judge")
    quantiles = np.array(reference.prices)
    found = kolmogorov_smirnov(quantiles, sample.prices[known], reference.size, size, alpha=limits.alpha)
    middle = float(np.median(sample.prices[known]))
    rows = [
        {"price": "median", "good days": f"{float(np.median(quantiles)):.2f}", "now": f"{middle:.2f}"},
        {"price": "farthest apart at", "good days": "", "now": f"{found.parts[0]:.2f}"},
    ]
    return _shifted("prices", "Kolmogorov-Smirnov distance", found, limits.ks, rows)


def _hours(sample: Sample, reference: Reference, limits: Limits) -> Check:
    """Of whole days only: half a day has other hours than a day."""
    days = (sample.end - reference.end) // DAY
    chosen = (sample.micros >= sample.end - days * DAY) & (sample.micros < sample.end)
    size = effective(sample.users[chosen])
    if days < 1 or size < limits.least:
        return not_judged("drift: hours", "since the last good day there is no whole day with enough events")
    before, after = np.array(reference.hours, dtype=np.float64), np.array(hours_of(sample, chosen), dtype=np.float64)
    found = jensen_shannon(before, after, reference.size, size, alpha=limits.alpha)
    names = [f"{hour:02d}:00" for hour in range(24)]
    return _shifted("hours", "Jensen-Shannon distance", found, limits.js, _bins(names, before, after, found, limits))


def _popularity(sample: Sample, chosen: Mask, reference: Reference, size: float, limits: Limits) -> Check:
    if reference.half_size < limits.least:
        return not_judged("drift: popularity", "good days have too few users to judge")
    before = np.array(reference.popularity, dtype=np.float64)
    after = np.array(popularity_of(sample, chosen, reference.groups), dtype=np.float64)
    found = stability(before, after, reference.half_size, size, alpha=limits.alpha)
    names = [*(f"items of tenth {number}, by popularity" for number in range(1, len(before))), OTHERS]
    rows = _bins(names, before, after, found, limits)
    return _shifted("popularity", "population stability index", found, limits.psi, rows)


def _unknown(sample: Sample, chosen: Mask, reference: Reference, size: float, limits: Limits) -> Check:
    strange = chosen & (sample.item < 0)
    found = rise(reference.unknown, float(strange.sum() / chosen.sum()), reference.size, size, alpha=limits.alpha)
    ids = sample.events.loc[strange, "item_id"].value_counts().head(limits.shown)
    rows = [{"item_id": item, "events": int(n)} for item, n in ids.items()]
    return _shifted("unknown items", "rise of their share", found, limits.unknown, rows)


def _doubles(sample: Sample, chosen: Mask, reference: Reference, size: float, limits: Limits) -> Check:
    repeats = doubles_of(sample, chosen)
    found = rise(reference.doubles, float(repeats.sum() / chosen.sum()), reference.size, size, alpha=limits.alpha)
    some = sample.events.loc[repeats, ["item_id", "event"]].value_counts().head(limits.shown)
    rows = [{"item_id": item, "event": event, "repeated": int(n)} for (item, event), n in some.items()]
    return _shifted("doubles", "rise of their share", found, limits.doubles, rows)


def _shifted(what: str, measure: str, found: Distance, limit: float, rows: Sequence[dict[str, Any]]) -> Check:
    words = f"{measure} {found.value:.3f}, by chance below {found.by_chance:.3f}"
    limit = max(limit, found.by_chance)
    refused = found.beyond(limit)
    return judged(f"drift: {what}", refused, words, value=found.value, limit=limit, rows=rows, advice=DRIFT)


def _bins(
    names: Sequence[str], before: NDArray[np.float64], after: NDArray[np.float64], found: Distance, limits: Limits
) -> list[dict[str, Any]]:
    """The bins that are farthest apart."""
    order = np.argsort(-np.abs(found.parts), kind="stable")[: limits.shown]
    p, q = before / max(before.sum(), 1), after / max(after.sum(), 1)
    return [{"": names[place], "good days": f"{p[place]:.1%}", "now": f"{q[place]:.1%}"} for place in order]
