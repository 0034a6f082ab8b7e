"""The catalogue as recommenders see it: items in a fixed order, with category levels, price and availability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import DataError
from engine.sql import Queries

_SELECT = "SELECT item_id, title, category, category_path, price, available FROM items ORDER BY item_id"
UNKNOWN = -1  # in `Catalogue.levels`: the item's path ends above that level


@dataclass(frozen=True)
class Catalogue:
    """Items in the order of their ids.

    item_ids, titles: (n_items,); levels: (n_items, n_levels) places in `categories`, from the root down, UNKNOWN below
    the end of an item's path; categories: (n_categories,) the distinct paths as text, "Shoes / Boots";
    prices: (n_items,) NaN where unknown; available: (n_items,) bool, where unknown taken as available.
    """

    item_ids: NDArray[np.object_]
    titles: NDArray[np.object_]
    levels: NDArray[np.int32]
    categories: NDArray[np.object_]
    prices: NDArray[np.float64]
    available: NDArray[np.bool_]

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


def read_catalogue(queries: Queries) -> Catalogue:
    """The items of a workspace. Raises DataError when there are none.

    An item without a category path has one level, its category; a path that repeats a name is cut there.
    """
    rows = queries.frame(_SELECT)
    if rows.empty:
        raise DataError(f"There are no items to recommend; import some: {queries.workspace.import_command}")
    paths = [
        _path(path, category)
        for path, category in zip(rows["category_path"].tolist(), rows["category"].tolist(), strict=True)
    ]
    names = sorted({path[: end + 1] for path in paths for end in range(len(path))})
    place = {name: at for at, name in enumerate(names)}
    levels = np.full((len(paths), max(map(len, paths))), UNKNOWN, dtype=np.int32)
    for row, path in enumerate(paths):
        levels[row, : len(path)] = [place[path[: end + 1]] for end in range(len(path))]
    return Catalogue(
        item_ids=np.array(rows["item_id"].tolist(), dtype=object),
        titles=np.array(rows["title"].tolist(), dtype=object),
        levels=levels,
        categories=np.array([" / ".join(name) for name in names], dtype=object),
        prices=rows["price"].to_numpy(dtype=np.float64, na_value=np.nan),
        available=np.array([value is not False for value in rows["available"].tolist()], dtype=bool),
    )


def _path(path: object, category: str) -> tuple[str, ...]:
    names = [str(name) for name in path] if isinstance(path, (list, np.ndarray)) and len(path) else [category]
    return tuple(dict.fromkeys(names))
