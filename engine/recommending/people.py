"""Who a user is, in words and in events, and users worth a look."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import UnknownNameError, counted
from engine.recommend.affinity import profiles
from engine.recommend.eligibility import BOUGHT
from engine.recommend.evaluation import histories_of
from engine.recommend.events import DAY, EventConfig, EventLog
from engine.recommend.interactions import Interactions, interactions
from engine.recommending.shop import Shop

MOSTLY = 0.5  # share of weight in a category from which a user is said to be mostly there
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Portrait:
    """A user in figures.

    n_events, n_items, n_orders: events, distinct items among them, and purchases; spent: at today's prices; category,
    share: the root category with most weight and its share; first, last: of the events, None when there are none;
    n_visits: sessions of the shop's configuration.
    """

    user_id: str
    n_events: int
    n_items: int
    n_orders: int
    spent: float
    category: str
    share: float
    first: datetime | None
    last: datetime | None
    n_visits: int = 0

    @property
    def words(self) -> str:
        """ "U-1042 · 14 orders · mostly Shoes"; of somebody without orders "7 events in 3 visits"."""
        if not self.n_events:
            return f"{self.user_id} · no events yet"
        what = counted(self.n_events, "event")
        what += f" in {counted(self.n_visits, 'visit')}" if self.n_visits > 1 else ""
        what = counted(self.n_orders, "order") if self.n_orders else what
        where = f"mostly {self.category}" if self.share >= MOSTLY else "in many categories"
        return f"{self.user_id} · {what} · {where}"


@dataclass(frozen=True)
class Preset:
    """A kind of user worth a look: its name, what it means, and how well each user fits it (-inf: not at all)."""

    name: str
    about: str
    score: Callable[[Shop, Interactions], NDArray[np.float64]]


def _items(data: Interactions) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.diff(data.weights.indptr).astype(np.float64)
    return found


def _one_category(shop: Shop, data: Interactions) -> NDArray[np.float64]:
    shares = profiles(data.weights, shop.catalogue)[:, np.unique(shop.catalogue.levels[:, 0])].max(axis=1).toarray()
    return np.where(_items(data) >= 5, np.asarray(shares, dtype=np.float64).ravel(), -np.inf)


def _spending(shop: Shop, data: Interactions) -> NDArray[np.float64]:
    spent = np.asarray(data.of_kind(BOUGHT).astype(float) @ np.nan_to_num(shop.catalogue.prices))
    found: NDArray[np.float64] = np.where(spent > 0, spent, -np.inf)
    return found


def _newest(data: Interactions) -> NDArray[np.float64]:
    return np.asarray(data.last.max(axis=1).toarray(), dtype=np.float64).ravel()


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("warm", "the most items", lambda shop, data: _items(data)),
        Preset(
            "cold",
            "a single item",
            lambda shop, data: np.where(_items(data) == 1, data.last.max(axis=1).toarray().ravel(), -np.inf),
        ),
        Preset("one category", "five items or more, nearly all of one category", _one_category),
        Preset("big spender", "the most money, at today's prices", _spending),
        Preset(
            "latest", "the newest events", lambda shop, data: data.last.max(axis=1).toarray().ravel().astype(np.float64)
        ),
    )
}


def find_users(shop: Shop, data: Interactions, preset: str, n: int = 20) -> list[str]:
    """The first `n` users of a preset, best fit first; fewer when there are not as many.

    Raises UnknownNameError with the nearest preset.
    """
    if preset not in PRESETS:
        raise UnknownNameError("preset of users", preset, PRESETS)
    scores = PRESETS[preset].score(shop, data)
    order = [place for place in np.argsort(-scores, kind="stable")[:n] if np.isfinite(scores[place])]
    return [str(data.users[place]) for place in order]


def portrait(shop: Shop, user_id: str) -> Portrait:
    """Who `user_id` is; someone without events when the log doesn't know them."""
    log = events_of(shop.log, user_id)
    return described(shop, log, user_id)


def described(shop: Shop, log: EventLog, user_id: str) -> Portrait:
    """The portrait of the user whose events `log` holds, all of one user."""
    if not len(log):
        return Portrait(user_id, 0, 0, 0, 0.0, "", 0.0, None, None)
    data = interactions(log, shop.config.events)
    bought = log.kind == log.kinds.index(BOUGHT) if BOUGHT in log.kinds else np.zeros(len(log), dtype=bool)
    roots = np.unique(shop.catalogue.levels[:, 0])
    shares = profiles(data.weights, shop.catalogue).toarray()[:, roots].max(axis=0, initial=0.0)
    best = int(np.argmax(shares)) if len(shares) else 0
    return Portrait(
        user_id=user_id,
        n_events=len(log),
        n_items=len(np.unique(log.item)),
        n_orders=int(bought.sum()),
        spent=float(np.nansum(shop.catalogue.prices[log.item[bought]])),
        category=str(shop.catalogue.categories[roots[best]]),
        share=float(shares[best]),
        first=EPOCH + timedelta(microseconds=int(log.micros.min())),
        last=EPOCH + timedelta(microseconds=int(log.micros.max())),
        n_visits=len(np.unique(_visits(shop, log))),
    )


def events_of(log: EventLog, user_id: str) -> EventLog:
    """The events of one user; none when the log doesn't know them."""
    place = int(np.searchsorted(log.users, user_id))
    if place == len(log.users) or log.users[place] != user_id:
        return _part(log, 0, 0)
    # of the array's own type, or NumPy first converts the whole log
    start, end = np.searchsorted(log.user, np.array([place, place + 1], dtype=log.user.dtype))
    return _part(log, int(start), int(end))


def _part(log: EventLog, start: int, end: int) -> EventLog:
    """The events from `start` on and before `end`: far cheaper than a mask over all events of all users."""
    part = slice(start, end)
    return replace(log, user=log.user[part], item=log.item[part], kind=log.kind[part], micros=log.micros[part])


def timeline(shop: Shop, log: EventLog) -> pd.DataFrame:
    """The events of `log`, all of one user, newest first: item_id, title, category, event, timestamp (UTC), visit.

    visit: which of the user's visits it was in, from 1.
    """
    order = np.argsort(-log.micros, kind="stable")
    visits = _visits(shop, log)
    items = log.item[order]
    catalogue = shop.catalogue
    return pd.DataFrame(
        {
            "item_id": catalogue.item_ids[items],
            "title": catalogue.titles[items],
            "category": catalogue.categories[catalogue.leaves[items]],
            "event": [log.kinds[kind] for kind in log.kind[order]],
            "timestamp": pd.to_datetime(log.micros[order], unit="us", utc=True),
            "visit": visits[order] + 1,
        }
    )


def _visits(shop: Shop, log: EventLog) -> NDArray[np.int64]:
    """(n_events,) the visits of one user's events, numbered in time, in whatever order the events stand."""
    order = np.argsort(log.micros, kind="stable")
    numbers = np.zeros(len(log), dtype=np.int64)
    numbers[order] = replace(log, user=log.user[order], micros=log.micros[order]).sessions(
        shop.config.events.session_gap
    )
    return numbers


def made_up(shop: Shop, steps: Sequence[tuple[str, str]], *, user_id: str = "new visitor") -> EventLog:
    """A visitor who did `steps` (item_id, event), one a minute, the last one just after everything in the log.

    Raises UnknownNameError for an item that isn't in the catalogue or an event without a weight.
    """
    log = shop.log
    places = {item: place for place, item in enumerate(shop.catalogue.item_ids)}
    for item, event in steps:
        if item not in places:
            raise UnknownNameError("item of the catalogue", item, places)
        if event not in log.kinds:
            raise UnknownNameError("kind of event", event, log.kinds)
    newest = int(log.micros.max(initial=0))
    minutes = np.arange(len(steps), dtype=np.int64) - len(steps) + 1
    return EventLog(
        users=np.array([user_id], dtype=object),
        item_ids=log.item_ids,
        kinds=log.kinds,
        user=np.zeros(len(steps), dtype=np.int32),
        item=np.array([places[item] for item, _ in steps], dtype=np.int32),
        kind=np.array([log.kinds.index(event) for _, event in steps], dtype=np.int16),
        micros=newest + DAY // 1440 * (minutes + len(steps)),
    )


def edited(
    shop: Shop, log: EventLog, *, dropped: Collection[tuple[str, str]], steps: Sequence[tuple[str, str]], user_id: str
) -> EventLog:
    """The events of one user in `log` without the (item_id, event) pairs `dropped`, and with `steps` after them.

    Raises UnknownNameError for a step that `made_up` doesn't take. What `dropped` names in vain is passed over.
    """
    gone, more = set(dropped), made_up(shop, steps, user_id=user_id)
    events = zip(log.item_ids[log.item], log.kind, strict=True)
    kept = log.take(np.array([(item, log.kinds[kind]) not in gone for item, kind in events], dtype=bool))
    return replace(
        more,
        user=np.zeros(len(kept) + len(more), dtype=np.int32),
        item=np.concatenate([kept.item, more.item]),
        kind=np.concatenate([kept.kind, more.kind]),
        micros=np.concatenate([kept.micros, more.micros]),
    )


def history_of(log: EventLog, config: EventConfig, user_id: str) -> Interactions:
    """One history from the events of one user, an empty one when there are none."""
    return histories_of(interactions(log, config), np.array([user_id], dtype=object))
