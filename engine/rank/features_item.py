"""Features of candidates as items, of their prices, reviews and categories."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.rank.point_in_time import Floats, Ints
from engine.rank.point_in_time_asked import Asked
from engine.rank.point_in_time_past import BUY, CART, UNKNOWN, VIEW, ItemPast, UserPast

Named = Mapping[str, NDArray[np.generic]]


def item_features(items: ItemPast, users: UserPast, asked: Asked) -> Named:
    """The group "item", (n_rows,) each."""
    what, when, place = _distinct(asked)
    views, bought = items.of_kind(VIEW).counts(what, when), items.of_kind(BUY).counts(what, when)
    found: dict[str, NDArray[np.generic]] = {
        "item_events": items.line.counts(what, when),
        "item_views": views,
        "item_carts": items.of_kind(CART).counts(what, when),
        "item_purchases": bought,
        "item_users": items.newcomers.counts(what, when),
        "item_events_7d": items.line.counts(what, when, days=7),
        "item_events_30d": items.line.counts(what, when, days=30),
        "item_popularity": items.popularity(what, when),
        "item_recency_days": items.line.since_last(what, when),
        "item_age_days": items.line.since_first(what, when),
        "item_conversion": _ratio(bought, views),
    }
    return {name: values[place] for name, values in found.items()}


def price_features(items: ItemPast, users: UserPast, asked: Asked) -> Named:
    """The group "price", (n_rows,) each."""
    what, when, place = _distinct(asked)
    price = items.price(what, when)
    earlier = items.prices.mean(what, when, but_last=True) if items.prices else np.full(len(what), np.nan)
    usual = _mean_price(items, asked)[asked.list_of_row]
    return {
        "item_price": price[place],
        "item_discount": (1 - _ratio(price, earlier))[place],
        "user_mean_price": usual,
        "pair_price_ratio": _ratio(price[place], usual),
    }


def review_features(items: ItemPast, users: UserPast, asked: Asked) -> Named:
    """The group "reviews", (n_rows,) each; unknown where reviews have no times."""
    what, when, place = _distinct(asked)
    if items.ratings is None:
        unknown = np.full(len(place), np.nan)
        return {"item_reviews": unknown, "item_rating": unknown}
    count = items.ratings.line.counts(what, when)
    return {"item_reviews": count[place], "item_rating": items.ratings.mean(what, when)[place]}


def category_features(items: ItemPast, users: UserPast, asked: Asked) -> Named:
    """The group "category", (n_rows,) each."""
    what, when, place = _distinct(asked)
    leaf = items.stock.categories
    events = items.by_category.counts(leaf[what], when, days=30)
    own = items.line.counts(what, when, days=30)
    who, moments = asked.row_users, asked.row_micros
    total = users.line.counts(asked.users, asked.micros)[asked.list_of_row]
    leaf_keys, root_keys = users.leaf_keys(who, asked.items), users.root_keys(who, asked.items)
    code = np.where(leaf[asked.items] == UNKNOWN, np.nan, leaf[asked.items].astype(np.float64))
    return {
        "item_category": code,
        "category_events_30d": events[place],
        "category_item_share": _ratio(own, events)[place],
        "category_root_share": _ratio(users.by_root.counts(root_keys, moments), total),
        "category_leaf_share": _ratio(users.by_leaf.counts(leaf_keys, moments), total),
        "category_recency_days": users.by_leaf.since_last(leaf_keys, moments),
    }


def _distinct(asked: Asked) -> tuple[Ints, Ints, Ints]:
    """The distinct pairs of item and moment, and (n_rows,) each candidate's: lists of one moment share many."""
    times, moment = np.unique(asked.row_micros, return_inverse=True)
    n = int(asked.items.max(initial=0)) + 1
    pairs, place = np.unique(moment * n + asked.items, return_inverse=True)
    return pairs % n, times[pairs // n], place


def _mean_price(items: ItemPast, asked: Asked) -> Floats:
    """(n_lists,) mean known price of the recent items of each history, at the list's moment."""
    sizes, recent = asked.recent
    owner = np.repeat(np.arange(len(asked)), sizes)
    price = items.price(recent, asked.micros[owner])
    known = ~np.isnan(price)
    total = np.bincount(owner[known], weights=price[known], minlength=len(asked))
    return _ratio(total, np.bincount(owner[known], minlength=len(asked)))


def _ratio(over: NDArray[np.generic], under: NDArray[np.generic]) -> Floats:
    """`over` / `under`; NaN where `under` is 0 or either is unknown."""
    found = np.full(np.shape(over), np.nan)
    np.divide(over, under, out=found, where=np.asarray(under) > 0)
    return found
