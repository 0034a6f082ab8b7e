"""How the page Service says times, shares and latencies."""

from datetime import UTC, datetime

from engine.watching.quantiles import Quantile

_UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second"))
ROUTES = {
    "/recommendations/{user_id}": "Recommendations",
    "/recommendations": "Recommendations of a session",
    "/similar/{item_id}": "Similar items",
    "/search": "Search",
    "/items/{item_id}/tags": "Tags of an item",
    "/events": "Events told",
    "unmatched": "Unknown addresses",
}
STALE = 14 * 86_400.0  # seconds after which a model is called old


def span(seconds: float) -> str:
    """A length of time in its largest unit: "3 hours"."""
    size, name = next(((size, name) for size, name in _UNITS if seconds >= size), _UNITS[-1])
    n = max(int(seconds // size), 0)
    return f"{n:,} {name}{'' if n == 1 else 's'}"


def utc(seconds: float) -> str:
    """A moment, of seconds since 1970: "2026-11-21 07:45 UTC"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def latency(found: Quantile | None) -> str:
    """An estimate: "42 ms", "1.3 s", above the last bound "over 5 s", without answers a dash."""
    if found is None:
        return "–"
    return f"over {_short(found.low)}" if found.high == float("inf") else _short(found.seconds)


def within(found: Quantile | None) -> str:
    """Between what the true value lies for sure."""
    if found is None:
        return "no answers"
    if found.high == float("inf"):
        return f"above {_short(found.low)}"
    low, high = _short(found.low), _short(found.high)
    if not found.low:
        return f"below {high}"
    return f"{low.removesuffix(' ms') if high.endswith(' ms') else low} to {high}"


def share(value: float) -> str:
    """A share in per cent, never 0 for something."""
    if value <= 0:
        return "0 %"
    if value < 0.0001:
        return "<0.01 %"
    return f"{100 * value:.1f} %" if value >= 0.01 else f"{100 * value:.2f} %"


def rate(per_second: float) -> str:
    """Answers a second with two digits that mean something: "0.031", "4.2", "1,200"."""
    if 0 < per_second < 0.001:
        return "<0.001"
    if per_second == 0 or per_second >= 100:
        return f"{per_second:,.0f}"
    return f"{per_second:.1f}" if per_second >= 10 else f"{per_second:.2g}"


def _short(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2g} s"
    return f"{1000 * seconds:.3g} ms" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"
