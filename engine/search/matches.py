"""Where the fields of documents have the terms of a query: counted for all candidates at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.search.fields import Column, Fields
from engine.search.units import is_number

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
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
    def of(cls, terms: tuple[str, ...], fields: Fields) -> Asked:
        """The distinct ones of `terms`, in their order; a term that the catalogue doesn't have counts as the rarest."""
        distinct = list(dict.fromkeys(terms))
        known = sorted((fields.vocabulary[t], place) for place, t in enumerate(distinct) if t in fields.vocabulary)
        numbers, places = np.array(known, dtype=np.int64).reshape(-1, 2).T
        rarity = np.full(len(distinct), np.log1p(2.0 * fields.n_items + 1), dtype=np.float32)
        rarity[places] = fields.idf[numbers]
        numeric = np.array([is_number(term) for term in distinct], dtype=bool)
        return cls(len(distinct), numbers, places, rarity / max(float(rarity.sum()), 1e-6), rarity, numeric)

    def matches(self, column: Column, rows: Rows) -> Matches:
        """Where the fields of `rows` have terms of the query."""
        numbers, owner, place = column.of(rows)
        asked = np.full(len(numbers), -1, dtype=np.int64)
        if len(self.numbers) and len(numbers):
            at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
            hit = self.numbers[at] == numbers
            asked[hit] = self.places[at[hit]]
        present = np.zeros((len(rows), self.n), dtype=bool)
        present[owner[asked >= 0], asked[asked >= 0]] = True
        return Matches(numbers, owner, place, asked, present, np.bincount(owner, minlength=len(rows)))


@dataclass(frozen=True)
class Matches:
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
