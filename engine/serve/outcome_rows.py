"""The rows behind the figures of an experiment and of a day: users and events, which add up to them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pandas as pd
from sqlalchemy import ColumnElement, Select, and_, case, func, select

from engine.recommend.events import micros
from engine.serve.exposures import EXPOSURES
from engine.serve.outcomes import exposed, paid_sql, per_user, since_exposed
from engine.serve.storage import EVENTS, Database
from engine.serve.variants import Experiment

Counted = Literal["impressions", "clicks", "transactions", "revenue", "unpriced"]
DAY = timedelta(days=1) // timedelta(microseconds=1)
KINDS = {"impressions": "impression", "clicks": "click", "addtocart": "addtocart", "transactions": "transaction"}
_EVENT = ("event_id", "user_id", "item_id", "event", "happened", "quantity", "price")


def users_of(
    database: Database, experiment: Experiment, variant: str, *, only: Counted | None = None, most: int | None = None
) -> pd.DataFrame:
    """The exposed users of a variant, those who brought or bought most first.

    Columns: user_id, model and happened (of the first list, UTC), lists, impressions, clicks, transactions, revenue,
    unpriced. Added up, they are the figures of `VariantOutcome`. only: users of whom this isn't 0; most: so many rows.
    Raises StorageError.
    """
    users = per_user(experiment, variant).subquery()
    one = users.c
    names = [name for name in one.keys() if name != "variant"]  # noqa: SIM118 - columns, not a mapping
    asked = select(*[one[name] for name in names]).order_by(
        one.revenue.desc(), one.clicks.desc(), one.impressions.desc(), one.user_id
    )
    if only is not None:
        asked = asked.where(one[only] > 0)
    found = _frame(database, asked.limit(most))
    counts = [name for name in names if name not in ("user_id", "model", "happened", "revenue")]
    return found.astype(dict.fromkeys(counts, "int64") | {"revenue": "float64"})


def rows_of(
    database: Database,
    experiment: Experiment,
    variant: str,
    event: str | None = None,
    *,
    user_id: str | None = None,
    most: int | None = None,
) -> pd.DataFrame:
    """The events of a variant's exposed users that its figures are made of, newest first.

    event: only of this kind ("impression", "click", "transaction", …); user_id: only of this user; most: so many rows.
    Columns: event_id, user_id, item_id, event, happened (UTC), quantity, price, revenue. Raises StorageError.
    """
    conditions = [*exposed(experiment, variant), *since_exposed(experiment)]
    if user_id is not None:
        conditions.append(EXPOSURES.c.user_id == user_id)
    both = EXPOSURES.join(EVENTS, EVENTS.c.user_id == EXPOSURES.c.user_id)
    return _events(database, select(*_columns()).select_from(both).where(*conditions), event, most)


def daily(database: Database, since: datetime) -> pd.DataFrame:
    """What happened on each UTC day from the day of `since` on, in order; days of no event are rows of zeros.

    Columns: day (midnight UTC), impressions, clicks, addtocart, transactions, visitors (users with any event), buyers,
    revenue. Raises StorageError.
    """
    start = micros(since) // DAY
    day = (EVENTS.c.happened // DAY).label("day")
    bought = EVENTS.c.event == "transaction"
    asked = select(
        day,
        *(func.sum(case((EVENTS.c.event == kind, 1), else_=0)).label(name) for name, kind in KINDS.items()),
        func.count(func.distinct(EVENTS.c.user_id)).label("visitors"),
        func.count(func.distinct(case((bought, EVENTS.c.user_id)))).label("buyers"),
        func.sum(case((bought, paid_sql()), else_=0.0)).label("revenue"),
    )
    asked = asked.where(EVENTS.c.happened >= start * DAY).group_by(day)
    with database.begin() as connection:
        rows = [tuple(row) for row in connection.execute(asked)]
    found = pd.DataFrame(rows, columns=["day", *KINDS, "visitors", "buyers", "revenue"]).set_index("day")
    days = range(start, max(micros(datetime.now(UTC)) // DAY, *found.index, start) + 1)
    whole = found.reindex(days, fill_value=0).rename_axis("day").reset_index()
    whole["day"] = pd.to_datetime(whole["day"] * DAY, unit="us", utc=True)
    return whole.astype(dict.fromkeys((*KINDS, "visitors", "buyers"), "int64") | {"revenue": "float64"})


def day_rows(
    database: Database, day: date, event: str | None = None, *, days: int = 1, most: int | None = None
) -> pd.DataFrame:
    """The events of one UTC day, or of `days` from that one on, newest first; columns and the rest as in `rows_of`."""
    start = micros(datetime(day.year, day.month, day.day, tzinfo=UTC))
    within = and_(EVENTS.c.happened >= start, EVENTS.c.happened < start + days * DAY)
    return _events(database, select(*_columns()).where(within), event, most)


def _columns() -> list[ColumnElement[Any]]:
    revenue = case((EVENTS.c.event == "transaction", paid_sql()), else_=0.0)
    return [*(EVENTS.c[name] for name in _EVENT), revenue.label("revenue")]


def _events(database: Database, asked: Select[Any], event: str | None, most: int | None) -> pd.DataFrame:
    if event is not None:
        asked = asked.where(EVENTS.c.event == event)
    newest = asked.order_by(EVENTS.c.happened.desc(), EVENTS.c.event_id).limit(most)
    return _frame(database, newest).astype(dict.fromkeys(("quantity", "price", "revenue"), "float64"))


def _frame(database: Database, asked: Select[Any]) -> pd.DataFrame:
    """The rows, with `happened` as moments."""
    with database.begin() as connection:
        found = connection.execute(asked)
        frame = pd.DataFrame([tuple(row) for row in found], columns=list(found.keys()))
    frame["happened"] = pd.to_datetime(frame["happened"].astype("int64"), unit="us", utc=True)
    return frame
