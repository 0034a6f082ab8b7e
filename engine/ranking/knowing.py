"""What a workspace knows of its items: events, prices, reviews and tags with their times, and vectors of the titles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.rank.item_vectors import ItemVectors
from engine.rank.lists import Stock
from engine.rank.point_in_time_past import UNKNOWN, Dated, Events, ItemPast
from engine.recommend.catalogue import Catalogue
from engine.recommend.events import EventLog
from engine.recommend.interactions import places_of
from engine.sql import Queries
from engine.workspace import Workspace

_PRICES = "SELECT item_id, epoch_us(timestamp) AS micros, price AS value FROM events WHERE price > 0"
_RATINGS = """
SELECT item_id, epoch_us(timestamp) AS micros, rating AS value FROM reviews
WHERE rating IS NOT NULL AND timestamp IS NOT NULL
"""
_TAGS = "SELECT DISTINCT item_id, tag FROM tags ORDER BY item_id, tag"


@dataclass(frozen=True)
class Known:
    """What is said of a catalogue's items with a time: prices in events, ratings in reviews; and tags, as they stand.

    None where nobody says any.
    """

    prices: Dated | None
    ratings: Dated | None
    tags: sparse.csr_array | None


def read_known(workspace: Workspace, catalogue: Catalogue) -> Known:
    """What a workspace says of its items. Prices and reviews without a time are left out."""
    queries, ids = Queries(workspace), catalogue.item_ids
    return Known(
        _dated(queries.frame(_PRICES), ids), _dated(queries.frame(_RATINGS), ids), _tags(queries.frame(_TAGS), ids)
    )


def make_stock(catalogue: Catalogue, vectors: ItemVectors | None) -> Stock:
    """The catalogue's items as lists point into them."""
    return Stock(
        catalogue.item_ids,
        catalogue.leaves,
        catalogue.categories,
        vectors.vectors if vectors else None,
        vectors.without if vectors else None,
    )


def item_past(log: EventLog, catalogue: Catalogue, stock: Stock, known: Known) -> ItemPast:
    """Everything that is known of the items of `stock`, with the categories that they have in `catalogue`.

    The catalogue may be that of another moment: categories are told by name, and one that the stock doesn't know is
    unknown.
    """
    codes = {name: code for code, name in enumerate(stock.category_names)}
    renamed = np.array([*(codes.get(name, UNKNOWN) for name in catalogue.categories), UNKNOWN], dtype=np.int32)
    stock = replace(stock, categories=renamed[catalogue.leaves])
    return ItemPast(
        stock,
        renamed[catalogue.levels],
        catalogue.prices,
        events_of_log(log),
        prices=known.prices,
        ratings=known.ratings,
        tags=known.tags,
    )


def events_of_log(log: EventLog) -> Events:
    """The events of `log`, whose users are places in `log.users`."""
    return Events(log.kinds, log.user, log.item, log.kind, log.micros)


def _dated(rows: pd.DataFrame, ids: NDArray[np.object_]) -> Dated | None:
    items = places_of(np.array(rows["item_id"].tolist(), dtype=object), ids)
    there = items >= 0
    if not there.any():
        return None
    # rows of one item and one microsecond in an order of their own, so that sums don't depend on that of the file
    micros, values = rows["micros"].to_numpy()[there], rows["value"].to_numpy(dtype=np.float64)[there]
    order = np.lexsort((values, micros, items[there]))
    return Dated(items[there][order], micros[order].astype(np.int64), values[order])


def _tags(rows: pd.DataFrame, ids: NDArray[np.object_]) -> sparse.csr_array | None:
    items = places_of(np.array(rows["item_id"].tolist(), dtype=object), ids)
    tags, names = pd.factorize(rows["tag"], sort=True)
    there = items >= 0
    if not there.any():
        return None
    cells = (np.ones(int(there.sum()), dtype=bool), (items[there], tags[there]))
    return sparse.csr_array(cells, shape=(len(ids), len(names)))
