"""Signals of (query, item) pairs for the second stage: how well words, numbers, meaning and the shelf agree.

All candidates of a query are taken at once, as arrays; a hundred of them take a few milliseconds. Many are relative to
what the query could reach at best, so that trees can compare queries of every length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.search.fields import FIELDS, Column, Fields
from engine.search.hybrid import Candidates
from engine.search.terms import terms
from engine.search.units import is_number

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
TOP = 10  # best fused candidates that stand for what the query is about
ALIKE = 75.0  # likeness of two words in per cent from which one may stand for the other
_LIMIT = re.compile(
    r"(?:under|below|less than|up to|cheaper than|до|дешевле|не дороже)\s*[$€£₽]?\s*(\d+(?:[.,]\d+)?)"
    r"(?!\s*(?:in|cm|mm|ft|см|мм)\b)"
)

FEATURES: Mapping[str, str] = {
    "bm25": "words, by BM25",
    "bm25_share": "words, of the best match there is",
    "bm25_rank": "rank by words",
    "cosine": "meaning",
    "cosine_gap": "meaning, below the nearest item",
    "dense_rank": "rank by meaning",
    "fused": "words and meaning together",
    "near_top": "like the first hits",
    **{f"{name}_coverage": f"words of the query in the {name}" for name in FIELDS},
    "all_coverage": "words of the query anywhere",
    "title_words": "share of the query's words in the title",
    "title_share": "share of the title that the query names",
    "head_coverage": "words of the query in the title's first part",
    "head_share": "share of the title's first part that the query names",
    "fuzzy_coverage": "words of the query in the title, nearly as written",
    "phrase": "neighbouring words of the query side by side",
    "first_place": "how early the title has a word of the query",
    "spread": "how close together the title has them",
    "last_word": "the query's last word in the title",
    "last_word_head": "the query's last word ends the title's first part",
    "first_word": "the query's first word in the title",
    "rarest_missing": "how rare the rarest missing word is",
    "numbers": "sizes and numbers of the query in the title",
    "other_numbers": "numbers in the title that the query doesn't name",
    "letters": "letters in common",
    "letters_joined": "letters in common, spaces aside",
    "category_share": "category of the first hits",
    "brand_named": "brand named in the query",
    "tag_coverage": "words of the query in the tags",
    "rating": "stars",
    "reviews": "number of reviews",
    "price": "price",
    "price_ratio": "price beside the first hits",
    "within_limit": "price within the query's limit",
    "available": "can be bought",
    "title_length": "length of the title",
    "query_words": "words in the query",
    "query_numbers": "numbers in the query",
    "query_unknown": "unknown words in the query",
    "query_best": "meaning of the nearest item",
}
NAMES = tuple(FEATURES)


@dataclass(frozen=True)
class Shelf:
    """What the store knows of each item, (n_items,) throughout, NaN or -1 where it doesn't.

    categories: numbers; rating: stars; reviews: log(1 + number); price: log(1 + price); available: 1 or 0
    """

    categories: Rows
    rating: Floats
    reviews: Floats
    price: Floats
    available: Floats
    brands: Column
    tags: Column


class Features:
    """Turns candidates into signals."""

    def __init__(self, fields: Fields, frame: pd.DataFrame, vectors_of: Callable[[Rows], Floats]) -> None:
        self._fields, self._vectors_of = fields, vectors_of
        self._shelf = _shelf(fields, frame)
        self._written = list(fields.vocabulary)
        self._numeric = np.fromiter(map(is_number, self._written), dtype=bool, count=len(self._written))

    def of(self, found: Candidates) -> Floats:
        """(n_candidates, n_features) in the order of `NAMES`; NaN where nothing is known."""
        signals = {name: np.full(len(found), np.nan, dtype=np.float32) for name in NAMES}
        if len(found):
            signals |= self._retrieval(found) | self._words(found) | self._of_shelf(found) | self._letters(found)
        return np.column_stack([np.asarray(signals[name], dtype=np.float32) for name in NAMES])

    def _retrieval(self, found: Candidates) -> dict[str, Floats]:
        vectors = self._vectors_of(found.rows)
        unknown = len(found.query.terms) - found.query.known
        return {
            "bm25": found.lexical,
            "bm25_share": found.lexical / max(found.top_lexical, 1e-6),
            "bm25_rank": np.log(found.lexical_rank),
            "cosine": found.cosine,
            "cosine_gap": found.cosine - found.top_cosine,
            "dense_rank": np.log(found.dense_rank),
            "fused": found.fused,
            "near_top": vectors @ vectors[:TOP].mean(axis=0),
            "query_words": _all(found, len(found.query.terms)),
            "query_numbers": _all(found, sum(map(is_number, found.query.terms))),
            "query_unknown": _all(found, unknown),
            "query_best": _all(found, found.top_cosine),
        }

    def _words(self, found: Candidates) -> dict[str, Floats]:
        asked = _Asked.of(found.query.terms, self._fields)
        in_field = {name: asked.matches(self._fields.columns[name], found.rows) for name in FIELDS}
        title = in_field["title"]
        signals = {f"{name}_coverage": match.present @ asked.weights for name, match in in_field.items()}
        anywhere = np.logical_or.reduce([match.present for match in in_field.values()])
        heads = self._fields.heads[found.rows]
        return {
            **signals,
            **_numbers(title, asked, self._numeric),
            **_heads(title, asked, heads, self._fields.idf),
            "all_coverage": anywhere @ asked.weights,
            "title_words": title.present.mean(axis=1) if asked.n else _all(found, 0),
            "title_share": title.share(self._fields.idf, np.ones(len(title.numbers), dtype=bool)),
            "phrase": title.pairs() / max(asked.n - 1, 1),
            "first_place": title.first(),
            "spread": title.spread(),
            "last_word": title.present[:, -1] if asked.n else _all(found, 0),
            "first_word": title.present[:, 0] if asked.n else _all(found, 0),
            "rarest_missing": (~anywhere * asked.rarity).max(axis=1, initial=0.0),
            "title_length": title.lengths,
        }

    def _letters(self, found: Candidates) -> dict[str, Floats]:
        from rapidfuzz import fuzz, process

        numbers, owner, _ = self._fields.columns["title"].of(found.rows)
        distinct, at = np.unique(numbers, return_inverse=True)
        written = [self._written[number] for number in distinct]
        asked = list(dict.fromkeys(found.query.terms))
        weights = _Asked.of(found.query.terms, self._fields).weights
        alike = process.cdist(written, asked, scorer=fuzz.ratio, score_cutoff=ALIKE, dtype=np.float32) / 100
        best = np.zeros((len(found), len(asked)), dtype=np.float32)
        np.maximum.at(best, owner, alike[at])
        ends = np.cumsum(np.bincount(owner, minlength=len(found)))
        words = [written[i] for i in at]
        titles = [words[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        query = " ".join(asked)
        spaced = process.cdist([query], [" ".join(title) for title in titles], scorer=fuzz.token_set_ratio)
        joined = process.cdist(["".join(asked)], ["".join(title) for title in titles], scorer=fuzz.partial_ratio)
        return {"fuzzy_coverage": best @ weights, "letters": spaced[0] / 100, "letters_joined": joined[0] / 100}

    def _of_shelf(self, found: Candidates) -> dict[str, Floats]:
        shelf, rows = self._shelf, found.rows
        asked = _Asked.of(found.query.terms, self._fields)
        brand = asked.matches(shelf.brands, rows)
        prices, top = shelf.price[rows], rows[:TOP]
        usual = shelf.price[top]
        usual = usual[~np.isnan(usual)]
        return {
            "category_share": _share_of_top(shelf.categories, rows),
            "brand_named": (brand.hits_per_item() / np.maximum(brand.lengths, 1)).astype(np.float32),
            "tag_coverage": asked.matches(shelf.tags, rows).present @ asked.weights,
            "rating": shelf.rating[rows],
            "reviews": shelf.reviews[rows],
            "price": prices,
            "price_ratio": prices - (float(np.median(usual)) if len(usual) else np.nan),
            "within_limit": _within(found.query.text, prices),
            "available": shelf.available[rows],
        }


@dataclass(frozen=True)
class _Asked:
    """The distinct terms of a query: n of them, in order.

    numbers, places: of those that the catalogue has, numbers ascending, and where each stands in the query;
    weights: (n,) idf of each over their sum; rarity: (n,) idf; numeric: (n,) whether it is a number
    """

    n: int
    numbers: NDArray[np.int64]
    places: NDArray[np.int64]
    weights: Floats
    rarity: Floats
    numeric: NDArray[np.bool_]

    @classmethod
    def of(cls, terms: tuple[str, ...], fields: Fields) -> _Asked:
        distinct = list(dict.fromkeys(terms))
        known = sorted((fields.vocabulary[t], place) for place, t in enumerate(distinct) if t in fields.vocabulary)
        numbers, places = np.array(known, dtype=np.int64).reshape(-1, 2).T
        rarity = np.full(len(distinct), np.log1p(2.0 * fields.n_items + 1), dtype=np.float32)
        rarity[places] = fields.idf[numbers]
        numeric = np.array([is_number(term) for term in distinct], dtype=bool)
        return cls(len(distinct), numbers, places, rarity / max(float(rarity.sum()), 1e-6), rarity, numeric)

    def matches(self, column: Column, rows: Rows) -> _Matches:
        """Where the fields of `rows` have terms of the query."""
        numbers, owner, place = column.of(rows)
        asked = np.full(len(numbers), -1, dtype=np.int64)
        if len(self.numbers) and len(numbers):
            at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
            hit = self.numbers[at] == numbers
            asked[hit] = self.places[at[hit]]
        present = np.zeros((len(rows), self.n), dtype=bool)
        present[owner[asked >= 0], asked[asked >= 0]] = True
        return _Matches(numbers, owner, place, asked, present, np.bincount(owner, minlength=len(rows)))


@dataclass(frozen=True)
class _Matches:
    """One field of the candidates beside the query.

    numbers, owner, place, asked: for each term of the field its number, its candidate, its place in the field and its
    place in the query, -1 when it isn't asked for; present: (n, n_asked); lengths: (n,) terms of each field
    """

    numbers: NDArray[np.int32]
    owner: Rows
    place: Rows
    asked: Rows
    present: NDArray[np.bool_]
    lengths: Rows

    def hits_per_item(self) -> Floats:
        """(n,) how many terms of each field are asked for."""
        return np.bincount(self.owner[self.asked >= 0], minlength=len(self.lengths)).astype(np.float32)

    def share(self, idf: Floats, within: NDArray[np.bool_]) -> Floats:
        """(n,) share of the idf of each field's terms `within` that the query names."""
        weight = idf[self.numbers] * within
        total = np.bincount(self.owner, weight, minlength=len(self.lengths))
        named = np.bincount(self.owner, weight * (self.asked >= 0), minlength=len(self.lengths))
        share: Floats = (named / np.maximum(total, 1e-6)).astype(np.float32)
        return share

    def pairs(self) -> Floats:
        """(n,) how many neighbours in the query are neighbours here, in the same order."""
        if len(self.asked) < 2:
            return np.zeros(len(self.lengths), dtype=np.float32)
        here, then = self.asked[:-1], self.asked[1:]
        beside = (here >= 0) & (then == here + 1) & (self.owner[:-1] == self.owner[1:])
        return np.bincount(self.owner[:-1][beside], minlength=len(self.lengths)).astype(np.float32)

    def first(self) -> Floats:
        """(n,) place of the first term that is asked for, over the length; 1 without one."""
        first, _ = self._ends()
        share: Floats = np.minimum(first / np.maximum(self.lengths, 1), 1.0).astype(np.float32)
        return share

    def spread(self) -> Floats:
        """(n,) terms asked for over the stretch that holds them, 0 without one."""
        first, last = self._ends()
        stretch = np.where(np.isfinite(first), last - first + 1, np.inf)
        held: Floats = (self.present.sum(axis=1) / stretch).astype(np.float32)
        return held

    def _ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        hit = self.asked >= 0
        first, last = np.full(len(self.lengths), np.inf), np.full(len(self.lengths), -np.inf)
        np.minimum.at(first, self.owner[hit], self.place[hit])
        np.maximum.at(last, self.owner[hit], self.place[hit])
        return first, last


def _heads(title: _Matches, asked: _Asked, heads: NDArray[np.int32], idf: Floats) -> dict[str, Floats]:
    """How the first part of the title, which says what the item is, agrees with the query."""
    inside = title.place < heads[title.owner]
    named = inside & (title.asked >= 0)
    present = np.zeros_like(title.present)
    present[title.owner[named], title.asked[named]] = True
    ends = (title.place == heads[title.owner] - 1) & (title.asked == asked.n - 1)
    return {
        "head_coverage": present @ asked.weights,
        "head_share": title.share(idf, inside),
        "last_word_head": np.bincount(title.owner[ends], minlength=len(heads)).astype(np.float32),
    }


def _numbers(title: _Matches, asked: _Asked, numeric: NDArray[np.bool_]) -> dict[str, Floats]:
    n = len(title.lengths)
    wanted = int(asked.numeric.sum())
    met = title.present[:, asked.numeric].sum(axis=1) / wanted if wanted else np.full(n, np.nan)
    other = numeric[title.numbers] & (title.asked < 0)
    return {
        "numbers": np.asarray(met, dtype=np.float32),
        "other_numbers": np.bincount(title.owner[other], minlength=n).astype(np.float32),
    }


def _share_of_top(categories: Rows, rows: Rows) -> Floats:
    top = categories[rows[:TOP]]
    shares = (categories[rows][:, None] == top[None, :]).mean(axis=1)
    return np.where(categories[rows] >= 0, shares, np.nan).astype(np.float32)


def _within(query: str, prices: Floats) -> Floats:
    match = _LIMIT.search(query.lower())
    if not match:
        return np.full(len(prices), np.nan, dtype=np.float32)
    limit = np.log1p(float(match[1].replace(",", ".")))
    return np.where(np.isnan(prices), np.nan, prices <= limit + 1e-6).astype(np.float32)


def _all(found: Candidates, value: float) -> Floats:
    return np.full(len(found), value, dtype=np.float32)


def _shelf(fields: Fields, frame: pd.DataFrame) -> Shelf:
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
