"""What users did with what they were shown, by day: seen, clicked, bought, paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
from sqlalchemy import case, func, select

from engine.recommend.events import micros
from engine.serve.outcome_rows import daily
from engine.serve.storage import EVENTS
from engine.watching.store import Store

LENGTHS = {"7d": 7, "30d": 30, "90d": 90}  # days
ROWS = ["user_id", "item_id", "event", "happened", "quantity", "price", "revenue"]  # an event's id may name somebody


@dataclass(frozen=True)
class Business:
    """Figures of some UTC days up to today.

    since:    when the first day began
    days:     day, impressions, clicks, ctr, addtocart, transactions, visitors, buyers, conversion, revenue; ctr is
              clicks over impressions, conversion buyers over visitors, both missing where nothing was there to count
    kinds:    event and n, the most frequent first
    visitors: users of whom any event was told in all these days together; buyers: those who bought
    """

    since: datetime
    days: pd.DataFrame
    kinds: pd.DataFrame
    visitors: int
    buyers: int

    def total(self, name: str) -> float:
        """The sum of a column of `days` that can be summed."""
        return float(self.days[name].sum())

    @property
    def ctr(self) -> float | None:
        """Clicks over impressions, None without impressions."""
        seen = self.total("impressions")
        return self.total("clicks") / seen if seen else None

    @property
    def conversion(self) -> float | None:
        """Buyers over visitors, None without visitors."""
        return self.buyers / self.visitors if self.visitors else None


def read_business(store: Store, length: int, now: float) -> Business:
    """The last `length` days, today being the last. now: seconds since 1970. Raises StorageError."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=length - 1)
    days = daily(store, since)
    seen, visitors = days["impressions"], days["visitors"]
    days = days.assign(
        ctr=days["clicks"] / seen.where(seen > 0), conversion=days["buyers"] / visitors.where(visitors > 0)
    )
    within, bought = EVENTS.c.happened >= micros(since), EVENTS.c.event == "transaction"
    n = func.count().label("n")
    kinds = select(EVENTS.c.event, n).where(within).group_by(EVENTS.c.event).order_by(n.desc(), EVENTS.c.event)
    users = select(
        func.count(func.distinct(EVENTS.c.user_id)), func.count(func.distinct(case((bought, EVENTS.c.user_id))))
    )
    with store.begin() as connection:
        found = pd.DataFrame([tuple(row) for row in connection.execute(kinds)], columns=["event", "n"])
        visiting, buying = connection.execute(users.where(within)).one()
    return Business(since, days, found, int(visiting), int(buying))


def count_events(store: Store, since: datetime, days: int, event: str | None) -> int:
    """How many events happened in `days` from `since` on, of one kind or (None) of all. Raises StorageError."""
    start, end = micros(since), micros(since + timedelta(days=days))
    asked = select(func.count()).where(EVENTS.c.happened >= start, EVENTS.c.happened < end)
    with store.begin() as connection:
        return int(connection.execute(asked if event is None else asked.where(EVENTS.c.event == event)).scalar_one())
