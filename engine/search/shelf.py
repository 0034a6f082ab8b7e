"""What the store knows of each item, as arrays, and what it says of candidates: price, stars, stock, category, tags."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.search.fields import Column, Fields
from engine.search.matches import Asked
from engine.search.terms import terms

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
_LIMIT = re.compile(
    r"(?:under|below|less than|up to|cheaper than|до|дешевле|не дороже)\s*[$€£₽]?\s*(\d+(?:[.,]\d+)?)"
    r"(?!\s*(?:in|cm|mm|ft|см|мм)\b)"
)


@dataclass(frozen=True)
class Shelf:
    """What the store knows of each item, (n_items,) throughout, NaN or -1 where it doesn't.

    categories: numbers; rating: stars; reviews: log(1 + number); price: log(1 + price); available: 1 or 0;
    brands, tags: as terms
    """

    categories: Rows
    rating: Floats
    reviews: Floats
    price: Floats
    available: Floats
    brands: Column
    tags: Column

    def signals(self, asked: Asked, query: str, rows: Rows, top: int) -> dict[str, Floats]:
        """What is known of each of `rows`, (n,) each; the first `top` of them stand for what the query is about."""
        brand = asked.matches(self.brands, rows)
        prices, usual = self.price[rows], self.price[rows[:top]]
        usual = usual[~np.isnan(usual)]
        return {
            "category_share": _share_of_top(self.categories, rows, top),
            "brand_named": (brand.hits_per_item() / np.maximum(brand.lengths, 1)).astype(np.float32),
            "tag_coverage": asked.matches(self.tags, rows).present @ asked.weights,
            "rating": self.rating[rows],
            "reviews": self.reviews[rows],
            "price": prices,
            "price_ratio": prices - (float(np.median(usual)) if len(usual) else np.nan),
            "within_limit": _within(query, prices),
            "available": self.available[rows],
        }


def read_shelf(fields: Fields, frame: pd.DataFrame) -> Shelf:
    """The columns of `frame` (those of Document) as arrays; columns that are missing are unknown."""

    def numbers(name: str) -> Floats:
        if name not in frame:
            return np.full(len(frame), np.nan, dtype=np.float32)
        values: Floats = frame[name].astype("Float64").to_numpy(dtype=np.float32, na_value=np.nan)
        return values

    categories = pd.factorize(frame["category"])[0] if "category" in frame else np.full(len(frame), -1)
    return Shelf(
        categories=np.asarray(categories, dtype=np.int64),
        rating=numbers("rating"),
        reviews=np.log1p(numbers("n_reviews")),
        price=np.log1p(numbers("price")),
        available=numbers("available"),
        brands=_column(fields, frame, "brand"),
        tags=_column(fields, frame, "tags"),
    )


def _column(fields: Fields, frame: pd.DataFrame, name: str) -> Column:
    """A column of the frame as terms of its own; its terms are all known, because the shelf's field has them."""
    known: dict[str, list[int]] = {}
    found: list[int] = []
    lengths: list[int] = []
    for cell in frame[name].tolist() if name in frame else [None] * len(frame):
        before = len(found)
        for text in _texts(cell):
            if text not in known:
                known[text] = fields.numbers(terms(text))
            found += known[text]
        lengths.append(len(found) - before)
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return Column(np.array(found, dtype=np.int32), starts.astype(np.int64))


def _texts(cell: object) -> list[str]:
    if isinstance(cell, str):
        return [cell]
    return [str(text) for text in cell] if isinstance(cell, list | tuple | np.ndarray) else []


def _share_of_top(categories: Rows, rows: Rows, first: int) -> Floats:
    top = categories[rows[:first]]
    shares = (categories[rows][:, None] == top[None, :]).mean(axis=1)
    return np.where(categories[rows] >= 0, shares, np.nan).astype(np.float32)


def _within(query: str, prices: Floats) -> Floats:
    match = _LIMIT.search(query.lower())
    if not match:
        return np.full(len(prices), np.nan, dtype=np.float32)
    limit = np.log1p(float(match[1].replace(",", ".")))
    return np.where(np.isnan(prices), np.nan, prices <= limit + 1e-6).astype(np.float32)
