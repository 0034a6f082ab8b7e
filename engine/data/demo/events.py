"""A year of visits: seasons choose the time, tastes the goods, and a funnel leads from views to purchases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.demo.catalogue import Sku
from engine.data.demo.config import DAYS, START, DemoConfig
from engine.data.demo.people import People

# Demand by month, January first, as a factor on the usual one.
SEASONS: dict[str | None, tuple[float, ...]] = {
    None: (1.0,) * 12,
    "winter": (2.2, 1.6, 0.8, 0.4, 0.25, 0.2, 0.2, 0.3, 0.8, 1.7, 2.6, 2.8),
    "autumn": (0.8, 0.7, 0.8, 0.8, 0.7, 0.6, 0.6, 0.9, 1.8, 2.1, 1.6, 1.1),
    "spring": (0.6, 0.8, 1.7, 2.0, 1.8, 1.2, 0.8, 0.8, 1.0, 0.7, 0.6, 0.6),
    "summer": (0.2, 0.3, 0.6, 1.1, 1.9, 2.8, 2.9, 2.0, 0.8, 0.3, 0.2, 0.3),
    "school": (0.9, 0.8, 0.8, 0.8, 0.7, 0.7, 1.3, 2.7, 1.9, 0.9, 0.9, 0.8),
    "holiday": (0.7, 0.8, 1.1, 1.3, 1.5, 1.8, 1.9, 1.4, 0.8, 0.7, 0.7, 0.9),
    "party": (0.7, 1.2, 0.9, 1.0, 1.3, 1.2, 0.9, 0.8, 0.9, 1.0, 1.5, 2.3),
    "gifts": (0.6, 1.3, 1.0, 0.8, 0.9, 0.7, 0.6, 0.6, 0.7, 1.0, 2.2, 3.2),
}
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 12, 12, 10, 9, 9, 10, 12, 15, 18, 19, 14, 7)
WEEKDAYS = (1.0, 0.95, 0.95, 1.0, 0.95, 1.15, 1.3)
EVENTS_PER_SESSION = 4.14
"""Measured on the default store; turns the wanted number of events into a number of sessions."""
MAX_VIEWS = 9
CHUNK = 4096


@dataclass(frozen=True)
class Sessions:
    """Visits in order of users: (n_sessions,) user index, start in seconds from START, and number of SKUs seen."""

    user: NDArray[np.int64]
    start: NDArray[np.int64]
    views: NDArray[np.int64]


def make_events(skus: list[Sku], people: People, config: DemoConfig, rng: np.random.Generator) -> pd.DataFrame:
    """The events table in order of time, with two extra columns: `user` and `item`, the positions in the lists."""
    sessions = _sessions(people, config, rng)
    seen = _seen(sessions, skus, people, rng)
    views = _views(sessions, seen, people, rng)
    frame = _once(_funnel(views, rng), skus, rng)
    return _finish(frame, skus, people, rng)


def _sessions(people: People, config: DemoConfig, rng: np.random.Generator) -> Sessions:
    n = round(config.n_events / EVENTS_PER_SESSION)
    user = np.sort(rng.choice(len(people.ids), n, p=people.activity))
    months = np.array([0.95, 0.9, 0.95, 0.95, 1.0, 1.0, 0.95, 0.9, 1.0, 1.1, 1.5, 1.6])
    dates = pd.date_range(START, periods=DAYS)
    weights = months[dates.month - 1] * np.array(WEEKDAYS)[dates.day_of_week] * np.linspace(0.85, 1.15, DAYS)
    shares = np.concatenate([[0.0], np.cumsum(weights / weights.sum())])
    first = shares[np.clip(people.joined[user], 0, DAYS - 1)]
    day = np.clip(np.searchsorted(shares, first + rng.random(n) * (1 - first), side="right") - 1, 0, DAYS - 1)
    hour = rng.choice(24, n, p=np.array(HOURS) / sum(HOURS))
    start = day * 86_400 + hour * 3600 + rng.integers(0, 3600, n)
    views = np.minimum(rng.geometric(0.36, n), MAX_VIEWS)
    return Sessions(user, start, views)


def _seen(sessions: Sessions, skus: list[Sku], people: People, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n_sessions, MAX_VIEWS): SKUs in the order in which they would be looked at, never one twice.

    Gumbel noise on log-weights samples without replacement (Kool et al. 2019): the first SKU by taste and season, the
    others mostly of its kind.
    """
    kinds = np.unique([sku.kind.name for sku in skus], return_inverse=True)[1]
    categories = np.unique([sku.kind.category for sku in skus], return_inverse=True)[1]
    popularity = np.log([sku.popularity * sku.kind.weight for sku in skus])
    season = np.log([SEASONS[sku.kind.season] for sku in skus]).T
    launched = np.array([sku.launched for sku in skus])
    found = []
    for first in range(0, len(sessions.user), CHUNK):
        part = slice(first, first + CHUNK)
        day = sessions.start[part] // 86_400
        month = pd.DatetimeIndex(START + pd.to_timedelta(day, unit="D")).month.to_numpy() - 1
        score = popularity + people.affinity[sessions.user[part]] + season[month]
        score[launched[None, :] > day[:, None]] = -np.inf
        anchor = np.argmax(score + rng.gumbel(size=score.shape), axis=1)
        score = 0.8 * score + 3.2 * (kinds[None] == kinds[anchor][:, None])
        score += 0.9 * (categories[None] == categories[anchor][:, None]) + rng.gumbel(size=score.shape)
        score[np.arange(len(anchor)), anchor] = np.inf
        found.append(np.argsort(-score, axis=1)[:, :MAX_VIEWS])
    return np.concatenate(found)


def _views(sessions: Sessions, seen: NDArray[np.int64], people: People, rng: np.random.Generator) -> pd.DataFrame:
    """One row per viewed SKU: session, user, item, second, and how much the user likes it against the others seen."""
    session = np.repeat(np.arange(len(sessions.user)), sessions.views)
    place = np.arange(len(session)) - np.repeat(np.cumsum(sessions.views) - sessions.views, sessions.views)
    user, item = sessions.user[session], seen[session, place]
    gap = np.where(place == 0, 0, np.minimum(rng.lognormal(4.2, 0.9, len(session)), 1200) + 12).astype(np.int64)
    elapsed = np.cumsum(gap)
    elapsed -= np.repeat(elapsed[np.cumsum(sessions.views) - sessions.views], sessions.views)
    liking = people.affinity[user, item] - people.affinity.mean(axis=1)[user]
    return pd.DataFrame(
        {"session": session, "user": user, "item": item, "second": sessions.start[session] + elapsed, "liking": liking}
    )


def _funnel(views: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Views, then carts of some of them, then purchases of some of those at the end of the visit."""
    n = len(views)
    carted = rng.random(n) < 1 / (1 + np.exp(2.25 - 0.45 * views["liking"].to_numpy()))
    carts = views[carted].assign(second=lambda rows: rows["second"] + rng.integers(6, 12, len(rows)))
    checkout = (
        carts["second"].groupby(carts["session"]).transform("max") + rng.integers(45, 400, n)[carts["session"] % n]
    )
    orders = carts.assign(second=checkout.to_numpy())
    left = rng.random(int(views["session"].max()) + 1) < 0.3  # whole baskets that are left behind
    bought = ~left[orders["session"]] & (rng.random(len(orders)) < 0.82)
    return pd.concat(
        [
            views.assign(event="view", rank=0),
            carts.assign(event="addtocart", rank=1),
            orders[bought].assign(event="transaction", rank=2),
        ]
    )


def _once(frame: pd.DataFrame, skus: list[Sku], rng: np.random.Generator) -> pd.DataFrame:
    """Leave out most repeated purchases: people buy the same cream again, rarely the same coat."""
    used_up = np.array([sku.kind.category == "Beauty_Accs" or sku.kind.name == "Candles" for sku in skus])
    frame = frame.sort_values(["second", "session", "rank", "item"], kind="stable")
    again = (frame["event"] == "transaction").to_numpy() & frame.duplicated(["user", "item", "event"]).to_numpy()
    kept = rng.random(len(frame)) < np.where(used_up[frame["item"]], 0.6, 0.1)
    return frame[~again | kept]


def _finish(frame: pd.DataFrame, skus: list[Sku], people: People, rng: np.random.Generator) -> pd.DataFrame:
    """Ids, timestamps, and for purchases how many and at what price."""
    frame = frame[frame["second"] < DAYS * 86_400]
    frame = frame.sort_values(["second", "session", "rank", "item"], kind="stable").reset_index(drop=True)
    bought = (frame["event"] == "transaction").to_numpy()
    sale = np.where(rng.random(len(frame)) < 0.22, rng.choice([0.9, 0.85, 0.8, 0.7], len(frame)), 1.0)
    price = np.array([sku.price for sku in skus])[frame["item"]] * sale
    quantity = 1 + (rng.random(len(frame)) < 0.07) + (rng.random(len(frame)) < 0.02)
    return frame.assign(
        user_id=people.ids[frame["user"]],
        item_id=np.array([sku.item_id for sku in skus])[frame["item"]],
        timestamp=START + pd.to_timedelta(frame["second"], unit="s"),
        quantity=np.where(bought, quantity, np.nan),
        price=np.where(bought, price.round(2), np.nan),
    )
