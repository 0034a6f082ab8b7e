"""Ranked lists beside what is relevant, as padded matrices: the form that every ranking metric takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import DataError
from engine.metrics.lists import FlatLists, Lists, arrow_lists, encode

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """n queries (or users, or SKUs), each with one ranked list.

    gains:      (n, depth) the gain of what stands at each rank; 0 where it is irrelevant, unjudged, a repeat of an
                earlier rank, or where the list has ended. A query without a list is a row of zeros.
    ideal:      (n, depth) the gains of the best possible list, descending, 0 where nothing relevant is left.
    n_relevant: (n,) how many relevant items there are, those beyond `depth` included.
    """

    gains: Floats
    ideal: Floats
    n_relevant: Ints

    @property
    def depth(self) -> int:
        """The number of ranks held; a cut-off can't be larger."""
        return int(self.gains.shape[1])


def judge(ranked: Lists, relevant: Lists, gains: Lists | None = None, *, depth: int | None = None) -> Judged:
    """Compare ranked lists of ids with the relevant ones.

    ranked, relevant: n lists of strings each, row i of one belonging to row i of the other; None is an empty list.
    gains:            n lists of numbers beside `relevant` (default: 1 each); an item of gain 0 or less is irrelevant.
    depth:            ranks to keep (default: the longest list). Choose at least the largest cut-off asked for later.

    An item that a ranked list repeats earns its gain at its first place; its repeats hold their places as misses,
    because a person sees them there. An item repeated in `relevant` counts once, with its highest gain.
    Raises DataError when the columns don't fit each other.
    """
    strings, (lists, wanted) = encode(ranked, relevant)
    worth = _gains_of(wanted, gains)
    if lists.n != wanted.n:
        raise DataError(f"{lists.n} ranked lists can't be compared with {wanted.n} lists of relevant items.")
    depth = max(int(lists.places.max(initial=-1)) + 1, 1) if depth is None else depth
    keys, worth = _unique_relevant(wanted, worth, len(strings))
    rows = keys // max(len(strings), 1)
    counts = np.bincount(rows, minlength=lists.n)
    return Judged(
        gains=_place_hits(lists, keys, worth, depth, n_strings=len(strings)),
        ideal=_place_ideal(rows, worth, counts, depth),
        n_relevant=counts.astype(np.int64),
    )


def _gains_of(wanted: FlatLists, gains: Lists | None) -> Floats:
    if gains is None:
        return np.ones(len(wanted.codes))
    worth: Floats = arrow_lists(gains, pa.float64()).flatten().to_numpy(zero_copy_only=False)
    if len(worth) != len(wanted.codes) or not np.isfinite(worth).all():
        raise DataError("Each relevant item needs one gain, a finite number.", column="gains")
    return worth


def _unique_relevant(wanted: FlatLists, worth: Floats, n_strings: int) -> tuple[Ints, Floats]:
    """Keys (row * n_strings + code) of the relevant pairs, ascending and distinct, and the gain of each."""
    keys = wanted.rows * n_strings + wanted.codes
    order = np.lexsort((-worth, keys))
    order = order[worth[order] > 0]
    keys, worth = keys[order], worth[order]
    first = np.concatenate([[True], keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=bool)
    return keys[first], worth[first]


def _place_hits(lists: FlatLists, keys: Ints, worth: Floats, depth: int, *, n_strings: int) -> Floats:
    matrix = np.zeros((lists.n, depth))
    if not len(keys):
        return matrix
    asked = lists.rows * n_strings + lists.codes
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    hits = np.flatnonzero(keys[at] == asked)
    _, first = np.unique(asked[hits], return_index=True)  # the index of first appearance, so the best rank
    hits = hits[first]
    hits = hits[lists.places[hits] < depth]
    matrix[lists.rows[hits], lists.places[hits]] = worth[at[hits]]
    return matrix


def _place_ideal(rows: Ints, worth: Floats, counts: NDArray[np.intp], depth: int) -> Floats:
    matrix = np.zeros((len(counts), depth))
    order = np.lexsort((-worth, rows))
    rows, worth = rows[order], worth[order]
    places = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
    kept = places < depth
    matrix[rows[kept], places[kept]] = worth[kept]
    return matrix
