"""Times that files give as a count since 1970-01-01 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_epoch(count: str | int, *, per_second: int) -> datetime | None:
    """The moment `count` units after 1970-01-01 UTC, `per_second` of them a second; None when it isn't one."""
    try:
        return EPOCH + timedelta(microseconds=int(count) * 1_000_000 // per_second)
    except (ValueError, TypeError, OverflowError):
        return None
