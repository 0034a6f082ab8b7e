"""Which items a search may find at all: filters over the columns of documents, and what can be filtered by."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import DataError, UnknownNameError

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Filters:
    """What items must be to be found; the defaults let every item pass.

    categories, brands: any of them; tags: every one of them, as tags narrow a wish; min_price, max_price and
    min_rating: both ends count, and an item without a price or rating doesn't pass; available: only items known to be
    buyable.
    """

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    min_price: float | None = None
    max_price: float | None = None
    min_rating: float | None = None
    available: bool = False

    def __post_init__(self) -> None:
        for name in ("min_price", "max_price", "min_rating"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise DataError("can't be a limit; give a number.", column=name, value=value)
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            limits = f"{self.min_price:g} to {self.max_price:g}"
            raise DataError("holds no price: its lower end is above its upper one.", value=limits)

    @property
    def active(self) -> bool:
        """Whether any filter is set."""
        return self != Filters()

    def mask(self, frame: pd.DataFrame) -> Mask:
        """(n,) which rows of `frame` (the columns of documents) pass.

        Raises UnknownNameError with the nearest name for a category, brand or tag that no item has.
        """
        keep = np.ones(len(frame), dtype=bool)
        for kind, column, names in (("category", "category", self.categories), ("brand", "brand", self.brands)):
            if names:
                _check(kind, names, frame[column].dropna().unique())
                keep &= frame[column].isin(names).to_numpy(dtype=bool)
        if self.tags:
            keep &= _tagged(frame["tags"], self.tags)
        keep &= _between(frame, "price", self.min_price, self.max_price)
        keep &= _between(frame, "rating", self.min_rating, None)
        if self.available:
            keep &= _known_true(frame["available"])
        return keep


@dataclass(frozen=True)
class Facets:
    """What a catalogue can be filtered by: names with their number of items, most frequent first.

    prices: the lowest and the highest, None where no item has one; rated, stocked: whether any item has a rating, and
    whether it is known of any that it can or can't be bought.
    """

    categories: dict[str, int]
    tags: dict[str, int]
    brands: dict[str, int]
    prices: tuple[float, float] | None
    rated: bool
    stocked: bool


def facets(frame: pd.DataFrame) -> Facets:
    """What the documents of `frame` can be filtered by."""
    prices = frame["price"].dropna()
    return Facets(
        categories=_counts(frame["category"].dropna()),
        tags=_counts(tag for tags in frame["tags"] for tag in _listed(tags)),
        brands=_counts(frame["brand"].dropna()),
        prices=(float(prices.min()), float(prices.max())) if len(prices) else None,
        rated=bool(frame["rating"].notna().any()),
        stocked=bool(frame["available"].notna().any()),
    )


def _counts(names: Iterable[Any]) -> dict[str, int]:
    counts = Counter(str(name) for name in names)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _tagged(column: pd.Series, wanted: Collection[str]) -> Mask:
    rows = [set(_listed(tags)) for tags in column]
    _check("item tag", wanted, set[str]().union(*rows))
    asked = set(wanted)
    return np.fromiter((asked <= tags for tags in rows), dtype=bool, count=len(rows))


def _listed(tags: Any) -> list[str]:
    """A cell of tags as a list; documents read from Parquet hold arrays."""
    return [str(tag) for tag in tags] if isinstance(tags, list | tuple | np.ndarray) else []


def _between(frame: pd.DataFrame, column: str, low: float | None, high: float | None) -> Mask:
    if low is None and high is None:
        return np.ones(len(frame), dtype=bool)
    values = frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    keep: Mask = (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
    return keep


def _known_true(column: pd.Series) -> Mask:
    known: Mask = column.astype("boolean").fillna(False).to_numpy(dtype=bool)
    return known


def _check(kind: str, names: Iterable[str], known: Iterable[Any]) -> None:
    there = {str(name) for name in known}
    for name in names:
        if name not in there:
            raise UnknownNameError(kind, name, there)
