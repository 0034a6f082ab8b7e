"""The catalogue as recommenders see it: items in a fixed order, with category levels, price and availability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import DataError
from engine.schema import PATH_SEPARATOR, UNCATEGORISED
from engine.sql import Queries

_SELECT = "SELECT item_id, title, category, category_path, price, available FROM items ORDER BY item_id"
_THEN = """
SELECT item_id, arg_max(value, timestamp) FILTER (WHERE timestamp < ?) AS value
FROM properties WHERE property = ? GROUP BY item_id
"""
UNKNOWN = -1  # in `Catalogue.levels`: the item's path ends above that level


@dataclass(frozen=True)
class Catalogue:
    """Items in the order of their ids.

    item_ids, titles: (n_items,); levels: (n_items, n_levels) places in `categories`, from the root down, UNKNOWN below
    the end of an item's path; categories: (n_categories,) the distinct paths as text, "Shoes / Boots";
    prices: (n_items,) NaN where unknown; available: (n_items,) bool, where unknown taken as available; as_of: the
    moment whose categories and availability these are, None for those of now.
    """

    item_ids: NDArray[np.object_]
    titles: NDArray[np.object_]
    levels: NDArray[np.int32]
    categories: NDArray[np.object_]
    prices: NDArray[np.float64]
    available: NDArray[np.bool_]
    as_of: datetime | None = None

    def __len__(self) -> int:
        return len(self.item_ids)

    @property
    def leaves(self) -> NDArray[np.int32]:
        """(n_items,) the deepest category of each item."""
        depth = (self.levels != UNKNOWN).sum(axis=1) - 1
        leaves: NDArray[np.int32] = self.levels[np.arange(len(self)), np.maximum(depth, 0)]
        return leaves

    @cached_property
    def membership(self) -> sparse.csr_array:
        """(n_items, n_categories) 1 for the categories that an item is in, those above its own included."""
        items, levels = np.nonzero(self.levels != UNKNOWN)
        cells = (np.ones(len(items), dtype=np.float32), (items, self.levels[items, levels]))
        return sparse.csr_array(cells, shape=(len(self), len(self.categories)))


def read_catalogue(queries: Queries, *, as_of: datetime | None = None) -> Catalogue:
    """The items of a workspace, with the categories and availability that they had before `as_of` where the table
    properties tells; without that table they are as now. Raises DataError when there are no items.

    An item without a category path has one level, its category; a path that repeats a name is cut there. One whose
    properties all begin later is uncategorised then. Items, titles and prices are always those of now.
    """
    rows = queries.frame(_SELECT)
    if rows.empty:
        raise DataError(f"There are no items to recommend; import some: {queries.workspace.import_command}")
    paths = [
        _path(path, category)
        for path, category in zip(rows["category_path"].tolist(), rows["category"].tolist(), strict=True)
    ]
    available = [value is not False for value in rows["available"].tolist()]
    known = as_of is not None and bool(queries.number("SELECT count(*) FROM properties"))
    if as_of is not None and known:
        for place, value in _then(queries, rows["item_id"], "category", as_of):
            paths[place] = _path(value.split(PATH_SEPARATOR), "") if value else (UNCATEGORISED,)
        for place, value in _then(queries, rows["item_id"], "available", as_of):
            available[place] = value != "0"
    levels, categories = _tree(paths)
    return Catalogue(
        item_ids=np.array(rows["item_id"].tolist(), dtype=object),
        titles=np.array(rows["title"].tolist(), dtype=object),
        levels=levels,
        categories=categories,
        prices=rows["price"].to_numpy(dtype=np.float64, na_value=np.nan),
        available=np.array(available, dtype=bool),
        as_of=as_of if known else None,
    )


def _then(queries: Queries, ids: pd.Series[str], name: str, moment: datetime) -> Iterator[tuple[int, str | None]]:
    """The items (by place in `ids`) that ever had the property `name`, with its value before `moment`."""
    found = queries.frame(_THEN, moment, name)
    places = pd.Index(ids).get_indexer(pd.Index(found["item_id"]))
    for place, value in zip(places.tolist(), found["value"].tolist(), strict=True):
        if place >= 0:
            yield place, value if isinstance(value, str) else None


def _tree(paths: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.int32], NDArray[np.object_]]:
    """(n_items, n_levels) the categories of each path from the root down, and their names."""
    names = sorted({path[: end + 1] for path in set(paths) for end in range(len(path))})
    place = {name: at for at, name in enumerate(names)}
    levels = np.full((len(paths), max(map(len, paths))), UNKNOWN, dtype=np.int32)
    for row, path in enumerate(paths):
        levels[row, : len(path)] = [place[path[: end + 1]] for end in range(len(path))]
    return levels, np.array([PATH_SEPARATOR.join(name) for name in names], dtype=object)


def _path(path: object, category: str) -> tuple[str, ...]:
    names = [str(name) for name in path] if isinstance(path, (list, np.ndarray)) and len(path) else [category]
    return tuple(dict.fromkeys(names))
