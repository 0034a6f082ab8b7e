"""Features of users, and of the moment at which they are asked: the same for every candidate of a list."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.rank.features import SESSION
from engine.rank.point_in_time import DAY
from engine.rank.point_in_time_asked import Asked
from engine.rank.point_in_time_past import BUY, CART, MINUTE, VIEW, ItemPast, UserPast

HOUR = 60 * MINUTE
THURSDAY = 3  # what 1970-01-01 was


def user_features(items: ItemPast, users: UserPast, asked: Asked) -> Mapping[str, NDArray[np.generic]]:
    """The group "user", (n_lists,) each."""
    who, when = asked.users, asked.micros
    events, bought = users.line.counts(who, when), users.of_kind(BUY).counts(who, when)
    return {
        "user_events": events,
        "user_views": users.of_kind(VIEW).counts(who, when),
        "user_carts": users.of_kind(CART).counts(who, when),
        "user_purchases": bought,
        "user_items": users.newcomers.counts(who, when),
        "user_events_30d": users.line.counts(who, when, days=30),
        "user_recency_days": users.line.since_last(who, when),
        "user_tenure_days": users.line.since_first(who, when),
        "user_purchase_share": np.where(events > 0, bought / np.maximum(events, 1), np.nan),
    }


def context_features(items: ItemPast, users: UserPast, asked: Asked) -> Mapping[str, NDArray[np.generic]]:
    """The group "context", (n_lists,) each."""
    line, when = users.line, asked.micros
    found = {"hour": when % DAY // HOUR, "weekday": (when // DAY + THURSDAY) % 7}
    if not len(line):
        return {**found, "session_events": 0 * when, "session_number": 0 * when}
    starts, ends = line.before(asked.users, when)
    number, first = users.sessions
    last, there = np.maximum(ends - 1, 0), ends > starts
    under_way = there & (line.micros[last] > when - SESSION * MINUTE)
    return {
        **found,
        "session_events": np.where(under_way, ends - first[last], 0),
        "session_number": np.where(there, number[last] - number[np.minimum(starts, len(line) - 1)] + 1, 0),
    }
