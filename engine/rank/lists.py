"""Ranking lists: for each decision the candidates, what was known of them at that moment, and which were wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError, shown

NUMBER, CODE = "number", "code"  # kinds of features: an amount, or a category's code (0, 1, 2, …)


@dataclass(frozen=True)
class Feature:
    """One column that rankers see: its name, what it says in words with its unit, and whether it is an amount."""

    name: str
    about: str
    kind: str = NUMBER


@dataclass(frozen=True)
class Stock:
    """The items that candidates and histories point into.

    item_ids: (n_items,); categories: (n_items,) places in `category_names`; vectors: (n_items, d) float32, where there
    are any: of items without one, the mean of their category's, and `without` (n_items,) says which those are.
    """

    item_ids: NDArray[np.object_]
    categories: NDArray[np.int32]
    category_names: NDArray[np.object_]
    vectors: NDArray[np.float32] | None = None
    without: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.item_ids)


@dataclass(frozen=True)
class Histories:
    """What the user of each list had done before the list's moment, oldest first.

    sizes: (n_lists,) events of each; items: (n_events,) places in the stock; kinds: (n_events,) places in
    `kind_names`; micros: (n_events,) UTC microseconds.
    """

    sizes: NDArray[np.int64]
    items: NDArray[np.int32]
    kinds: NDArray[np.int16]
    micros: NDArray[np.int64]
    kind_names: tuple[str, ...]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(n_lists + 1,) where the events of each list begin, and the end."""
        return bounds(self.sizes)

    def take(self, chosen: NDArray[np.int64]) -> Histories:
        """The histories of the lists at `chosen`, in that order."""
        events = spans(self.starts[chosen], self.sizes[chosen])
        return Histories(
            self.sizes[chosen], self.items[events], self.kinds[events], self.micros[events], self.kind_names
        )


@dataclass(frozen=True)
class Lists:
    """Decisions with their candidates; rows are candidates, those of a list stand together.

    list_ids, users: (n_lists,) text; micros: (n_lists,) UTC microseconds, the moment of the decision: features and
    histories hold nothing from it on; sizes: (n_lists,) candidates of each; items: (n_rows,) places in the stock;
    features: (n_rows, n_features) float32, NaN where unknown, in the order of `columns`; wanted: (n_rows,) bool, None
    when nobody knows yet; histories: None where only features are given; n_wanted: (n_lists,) how many items were
    wanted, those that aren't candidates included, None: all of them are.
    """

    list_ids: NDArray[np.object_]
    users: NDArray[np.object_]
    micros: NDArray[np.int64]
    sizes: NDArray[np.int64]
    items: NDArray[np.int64]
    features: NDArray[np.float32]
    columns: tuple[Feature, ...]
    stock: Stock
    wanted: NDArray[np.bool_] | None = None
    histories: Histories | None = None
    n_wanted: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n = int(self.sizes.sum())
        if (len(self.items), *self.features.shape) != (n, n, len(self.columns)):
            raise DataError(
                f"Lists of {n:,} candidates and {len(self.columns)} features need as many rows; there are "
                f"{len(self.items):,} items and features of shape {self.features.shape}."
            )
        infinite = np.isinf(self.features).any(axis=0)
        if infinite.any():
            column = int(np.argmax(infinite))
            row = int(np.argmax(np.isinf(self.features[:, column])))
            raise DataError(
                f"is infinite in {int(np.isinf(self.features[:, column]).sum()):,} rows, the first in list "
                f"{shown(self.list_ids[self.list_of_row[row]])}; use a finite value, or none where it is unknown.",
                column=self.columns[column].name,
            )

    def __len__(self) -> int:
        return len(self.list_ids)

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(n_lists + 1,) where the candidates of each list begin, and the end."""
        return bounds(self.sizes)

    @cached_property
    def list_of_row(self) -> NDArray[np.int64]:
        """(n_rows,) the place of each candidate's list."""
        found: NDArray[np.int64] = np.repeat(np.arange(len(self)), self.sizes)
        return found

    @property
    def sought(self) -> NDArray[np.int64]:
        """(n_lists,) how many items were wanted in each list, what recall and NDCG divide by; see `known`."""
        if self.n_wanted is not None:
            return self.n_wanted
        return np.bincount(self.list_of_row[self.known], minlength=len(self)).astype(np.int64)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n_rows,) which candidates were wanted. Raises DataError when that isn't known."""
        if self.wanted is None:
            raise DataError(
                "These lists say nothing of what was wanted, so nothing can be learned or measured on them."
            )
        return self.wanted

    def take(self, chosen: NDArray[np.int64]) -> Lists:
        """The lists at `chosen`, in that order."""
        rows = spans(self.starts[chosen], self.sizes[chosen])
        return replace(
            self,
            list_ids=self.list_ids[chosen],
            users=self.users[chosen],
            micros=self.micros[chosen],
            sizes=self.sizes[chosen],
            items=self.items[rows],
            features=self.features[rows],
            wanted=None if self.wanted is None else self.wanted[rows],
            histories=None if self.histories is None else self.histories.take(chosen),
            n_wanted=None if self.n_wanted is None else self.n_wanted[chosen],
        )

    def rows(self, kept: NDArray[np.bool_]) -> Lists:
        """The same lists with only the candidates where `kept` (n_rows,) holds; a list may become empty."""
        sizes = np.bincount(self.list_of_row[kept], minlength=len(self)).astype(np.int64)
        wanted = None if self.wanted is None else self.wanted[kept]
        return replace(self, sizes=sizes, items=self.items[kept], features=self.features[kept], wanted=wanted)

    def ordered(self, scores: NDArray[np.floating]) -> NDArray[np.int64]:
        """(n_rows,) the rows list by list, each list by descending score; equal scores keep the order of item ids.

        Candidates stand in any order, so ties must not tell which of them is wanted.
        """
        place = np.argsort(np.argsort(self.stock.item_ids.astype(str), kind="stable"), kind="stable")
        found: NDArray[np.int64] = np.lexsort((place[self.items], -scores, self.list_of_row))
        return found


def bounds(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n + 1,) where parts of `sizes` begin when they stand one behind the other, and the end."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def spans(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(sum of sizes,) the places start, start + 1, … of each part, one part behind the other."""
    total = int(sizes.sum())
    offsets = np.repeat(starts - bounds(sizes)[:-1], sizes)
    found: NDArray[np.int64] = offsets + np.arange(total)
    return found
