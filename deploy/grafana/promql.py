"""The queries that several dashboards ask, in PromQL; $window and $__rate_interval are filled in by Grafana."""

from __future__ import annotations

RATE, WINDOW = "[$__rate_interval]", "[$window]"
REQUESTS, SECONDS = "shelfwise_requests_total", "shelfwise_request_seconds"
LISTS, FALLBACKS = "shelfwise_lists_total", "shelfwise_fallbacks_total"
ANSWERED = 'route=~"/recommendations.*|/similar.*|/search"'  # what has popular items to fall back to


def total(counter: str, where: str = "", *, by: str = "", over: str = RATE) -> str:
    """How fast a counter grows, a second; over `WINDOW`: how much it grew within that."""
    grown = "rate" if over == RATE else "increase"
    chosen = f"{{{where}}}" if where else ""
    return f"sum{f' by ({by}) ' if by else ''}({grown}({counter}{chosen}{over}))"


def share(part: str, whole: str) -> str:
    """A part of a whole, 0 where the part has never been seen: counters appear with their first increase."""
    return f"({part} or 0 * {whole}) / {whole}"


def quantile(q: float, histogram: str, where: str = "", *, by: str = "") -> str:
    """The time within which `q` of what a histogram counts was done."""
    return f"histogram_quantile({q}, {total(f'{histogram}_bucket', where, by=f'{by}, le' if by else 'le')})"


def quantiles(histogram: str, where: str = "") -> dict[str, str]:
    """Half, 95 % and 99 % of it, by what they are called."""
    return {f"{100 * q:g} %": quantile(q, histogram, where) for q in (0.5, 0.95, 0.99)}
