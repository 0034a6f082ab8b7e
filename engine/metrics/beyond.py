"""Beyond accuracy: how much of the catalogue lists reach, how evenly, how surprising and how varied they are.

Sources: coverage and novelty as in Vargas and Castells, "Rank and relevance in novelty and diversity metrics" (RecSys
2011); diversity as intra-list distance (Ziegler et al., WWW 2005); the Gini coefficient of exposure as usual.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from engine.metrics.classification import Floats
from engine.metrics.lists import Lists, Sparse, arrow_lists, encode
from engine.metrics.significance import Measure, mean_measure

BETWEEN = " / "  # names of a category's path


def coverage(hits: Lists, n_items: int, k: int) -> Measure:
    """The share of the n_items that are among the first k of at least one list; a row's value is its list's share."""
    parts = _shown(hits, k)
    alone = np.asarray(parts.sum(axis=1)) / n_items
    return Measure(parts, lambda sums, _: (sums > 0).sum(axis=-1) / n_items, alone, recentre=True)


def gini(hits: Lists, n_items: int, k: int) -> Measure:
    """How unequally the first k places are spread over n_items: 0 when all get as many, towards 1 when one gets all.

    A row's value is the figure of its list alone.
    """
    parts = _shown(hits, k)
    alone = np.asarray(parts.sum(axis=1), dtype=np.float64)
    values = np.where(alone > 0, 1 - alone / n_items, 0)
    return Measure(parts, lambda sums, _: _unequal(sums, n_items), values, recentre=True)


def novelty(surprise: Lists, k: int) -> Measure:
    """The mean surprise of the first k items in bits (-log2 of the share of users who know the item); 0 for no list."""
    lists = arrow_lists(surprise, pa.float64())
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(lists)), lengths)
    first = np.arange(len(rows)) - (np.cumsum(lengths) - lengths)[rows] < k
    bits = lists.flatten().to_numpy(zero_copy_only=False)
    total = np.bincount(rows[first], weights=bits[first], minlength=len(lists))
    return mean_measure(total / np.maximum(np.minimum(lengths, k), 1))


def diversity(categories: Lists, k: int) -> Measure:
    """The mean distance of pairs among the first k items; 0 for lists with fewer than two.

    categories: for each list the category path of each item, "Shoes / Boots". The distance of two items is the share
    of the levels of the longer path that they do not have in common.
    """
    strings, (flat,) = encode(categories)
    paths = _levels(strings)
    codes = np.full((flat.n, k), -1, dtype=np.int64)
    kept = flat.places < k
    codes[flat.rows[kept], flat.places[kept]] = flat.codes[kept]
    total, pairs = np.zeros(flat.n), np.zeros(flat.n)
    for first in range(k):
        for second in range(first + 1, k):
            both = (codes[:, first] >= 0) & (codes[:, second] >= 0)
            total[both] += _distance(paths[codes[both, first]], paths[codes[both, second]])
            pairs[both] += 1
    return mean_measure(total / np.maximum(pairs, 1))


def catalogue_size(rows: pd.DataFrame) -> int:
    """The number of items that could have been recommended: the same in every row."""
    return int(rows["n_items"].max()) if len(rows) else 0


def _shown(hits: Lists, k: int) -> Sparse:
    """(n_lists, n_distinct) 1 where an item is among a list's first k."""
    strings, (flat,) = encode(hits)
    kept = flat.places < k
    cells = (np.ones(int(kept.sum())), (flat.rows[kept], flat.codes[kept]))
    found = sparse.csr_array(cells, shape=(flat.n, len(strings)))
    found.data[:] = 1
    return found


def _unequal(sums: Floats, n_items: int) -> Floats:
    """(…,) the Gini coefficient of (…, m) counts, with the items that nobody got as zeros."""
    ordered = np.sort(sums, axis=-1)
    rank = np.arange(1, ordered.shape[-1] + 1) + (n_items - ordered.shape[-1])
    total = ordered.sum(axis=-1)
    spread = (2 * rank - n_items - 1) * ordered
    found: Floats = spread.sum(axis=-1) / np.maximum(n_items * total, 1e-12)
    return found


def _levels(paths: list[str]) -> NDArray[np.int64]:
    """(n_paths, n_levels) a number for each path's beginning of each length, -1 below its end."""
    parts = [path.split(BETWEEN) for path in paths]
    known: dict[tuple[str, ...], int] = {}
    found = np.full((len(parts), max(map(len, parts), default=1)), -1, dtype=np.int64)
    for row, names in enumerate(parts):
        for end in range(len(names)):
            found[row, end] = known.setdefault(tuple(names[: end + 1]), len(known))
    return found


def _distance(a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
    common = ((a == b) & (a >= 0)).sum(axis=1)
    longest = np.maximum((a >= 0).sum(axis=1), (b >= 0).sum(axis=1))
    distance: Floats = 1 - common / longest
    return distance
