"""What users did, as arrays: read once from the events table, checked, and in the order of users and of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import DataError, SettingsError, counted
from engine.schema import EVENTS
from engine.sql import Queries

MINUTE = 60_000_000  # microseconds
DAY = 1440 * MINUTE
WEIGHTS = {**dict(zip(EVENTS, (1.0, 4.0, 8.0), strict=True)), "cancellation": -8.0}
_SELECT = "SELECT user_id, item_id, event, epoch_us(timestamp) AS micros FROM events"


@dataclass(frozen=True)
class EventConfig:
    """Which events count, and how much.

    weights: of each kind of event; one below 0 takes back what another event said, as a cancelled purchase does;
    events of other kinds are left out and counted in the report
    half_life: days after which an event counts half as much; None: all count alike
    most_events: of one user; only the newest are kept of one who has more, as bots and tills have
    session_gap: minutes without an event after which a user's next one begins another session, a visit to the shop
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    half_life: float | None = None
    most_events: int = 5000
    session_gap: float = 30.0

    def __post_init__(self) -> None:
        wrong = next(((kind, weight) for kind, weight in self.weights.items() if not 0 < abs(weight) < np.inf), None)
        if wrong or not any(weight > 0 for weight in self.weights.values()):
            said = f"the weight of {wrong[0]!r} is {wrong[1]}" if wrong else f"none of {dict(self.weights)} is above 0"
            raise SettingsError(f"Events need weights that are finite and not 0, and {said}.")
        if self.half_life is not None and not self.half_life > 0:
            raise SettingsError(f"half_life is {self.half_life}; it must be a number of days above 0, or none.")
        if self.most_events < 1:
            raise SettingsError(f"most_events is {self.most_events}; it must be 1 or more.")
        if not self.session_gap > 0:
            raise SettingsError(f"session_gap is {self.session_gap}; it must be a number of minutes above 0.")


@dataclass(frozen=True)
class EventReport:
    """How many events were read and kept, and why others were left out: reason -> n. `capped`: user -> n events."""

    read: int
    kept: int
    left_out: Mapping[str, int]
    capped: Mapping[str, int]

    @property
    def summary(self) -> str:
        """In words: "78,900 of 80,000 events kept; left out: 1,100 of items that aren't in the catalogue"."""
        said = "; ".join(f"{n:,} {reason}" for reason, n in self.left_out.items())
        return f"{self.kept:,} of {counted(self.read, 'event')} kept" + (f"; left out: {said}" if said else "")


@dataclass(frozen=True)
class EventLog:
    """Events in the order of users, then of time.

    users: (n_users,) distinct ids, sorted; item_ids: (n_items,) the catalogue; kinds: the kinds of events;
    user, item, kind: (n_events,) places in those; micros: (n_events,) UTC microseconds since 1970.
    """

    users: NDArray[np.object_]
    item_ids: NDArray[np.object_]
    kinds: tuple[str, ...]
    user: NDArray[np.int32]
    item: NDArray[np.int32]
    kind: NDArray[np.int16]
    micros: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user)

    def take(self, chosen: NDArray[np.bool_]) -> EventLog:
        """The events where `chosen` (n_events,) holds; users and items stay as they are."""
        return replace(
            self,
            user=self.user[chosen],
            item=self.item[chosen],
            kind=self.kind[chosen],
            micros=self.micros[chosen],
        )

    def sessions(self, gap: float) -> NDArray[np.int64]:
        """(n_events,) the session of each event, numbered from 0 in the log's order.

        A session ends when its user does nothing for `gap` minutes; no session has two users.
        """
        begins = np.ones(len(self), dtype=bool)
        begins[1:] = (np.diff(self.user) != 0) | (np.diff(self.micros) > gap * MINUTE)
        numbers: NDArray[np.int64] = np.cumsum(begins) - 1
        return numbers

    def between(self, start: datetime | None = None, end: datetime | None = None) -> EventLog:
        """The events from `start` on and before `end`, as parts of a split by time are cut."""
        chosen = np.ones(len(self), dtype=bool)
        if start is not None:
            chosen &= self.micros >= micros(start)
        if end is not None:
            chosen &= self.micros < micros(end)
        return self.take(chosen)


def read_events(
    queries: Queries, item_ids: NDArray[np.object_], config: EventConfig, *, now: datetime | None = None
) -> tuple[EventLog, EventReport]:
    """The events of a workspace with items of the catalogue, and what was left out.

    Left out are kinds without a weight, items that aren't in `item_ids`, doubles (the same user, item, kind and time),
    times more than a day after `now` (default: the clock's), and all but the newest `config.most_events` of a user.
    Raises DataError when nothing remains.
    """
    return clean_events(queries.frame(_SELECT), item_ids, config, now=now)


def clean_events(
    rows: pd.DataFrame, item_ids: NDArray[np.object_], config: EventConfig, *, now: datetime | None = None
) -> tuple[EventLog, EventReport]:
    """As `read_events`, of `rows` with user_id, item_id, event and micros. Raises DataError when nothing remains."""
    left_out: dict[str, int] = {}
    latest = micros((now or datetime.now(UTC)) + timedelta(days=1))
    checks = (
        (~rows["event"].isin(list(config.weights)), _unweighted),
        (~rows["item_id"].isin(item_ids), lambda _: "of items that aren't in the catalogue"),
        (rows["micros"] > latest, lambda _: "dated after today"),
    )
    keep = np.ones(len(rows), dtype=bool)
    for wrong, reason in checks:
        bad = keep & wrong.to_numpy(dtype=bool)
        if bad.any():
            left_out[reason(rows.loc[bad, "event"])] = int(bad.sum())
            keep &= ~bad
    kept = rows[keep].drop_duplicates()
    if len(kept) < keep.sum():
        left_out["repeated"] = int(keep.sum()) - len(kept)
    if kept.empty:
        said = "; ".join(f"{n:,} {reason}" for reason, n in left_out.items()) or "there are none"
        raise DataError(f"No event can be used ({said}); import events, or give their kinds a weight.")
    log, capped = _capped(_arranged(kept, item_ids, config), config.most_events)
    if capped:
        left_out[f"of {counted(len(capped), 'user')} with more than {config.most_events:,}"] = len(kept) - len(log)
    return log, EventReport(len(rows), len(log), left_out, capped)


def micros(moment: datetime) -> int:
    """`moment` as UTC microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _unweighted(kinds: pd.Series[Any]) -> str:
    return f"of kinds without a weight ({', '.join(sorted(set(kinds.tolist()))[:5])})"


def _arranged(rows: pd.DataFrame, item_ids: NDArray[np.object_], config: EventConfig) -> EventLog:
    kinds = tuple(config.weights)
    user, users = pd.factorize(rows["user_id"], sort=True)
    item = pd.Index(item_ids).get_indexer(pd.Index(rows["item_id"].astype(object)))
    kind = pd.Index(kinds).get_indexer(pd.Index(rows["event"].astype(object)))
    times = rows["micros"].to_numpy()
    order = np.lexsort((kind, item, times, user))  # the last key counts most; items and kinds only settle ties
    return EventLog(
        users=np.array(users, dtype=object),
        item_ids=item_ids,
        kinds=kinds,
        user=user[order].astype(np.int32),
        item=item[order].astype(np.int32),
        kind=kind[order].astype(np.int16),
        micros=times[order].astype(np.int64),
    )


def _capped(log: EventLog, most: int) -> tuple[EventLog, dict[str, int]]:
    """The newest `most` events of each user, and how many those had of whom some were left out."""
    counts = np.bincount(log.user, minlength=len(log.users))
    ends = np.cumsum(counts)
    from_end = ends[log.user] - np.arange(len(log))  # 1 for a user's newest event
    over = np.flatnonzero(counts > most)
    return log.take(from_end <= most), {str(log.users[user]): int(counts[user]) for user in over}
