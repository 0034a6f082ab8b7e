"""Metrics of ranked lists, one value per query, for all queries at once.

What holds for all of them: an item is relevant when its gain is above 0; relevance is binary except in NDCG; a query
without results scores 0, and so does one without relevant items, so a mean over queries drops nobody. Lists come
ordered: whoever orders by score breaks ties with `top_k`, so that a model of constant scores scores like chance.
Definitions, unless a source is named: Manning, Raghavan, Schütze, Introduction to Information Retrieval, 2008, ch. 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.metrics.judged import Floats, Ints, Judged

Gain = Literal["linear", "exponential"]


def precision(judged: Judged, k: int) -> Floats:
    """(n,) share of the first k ranks that are relevant. Divides by k, also where the list is shorter."""
    return _n_hits(judged, k) / k


def recall(judged: Judged, k: int, *, capped: bool = False) -> Floats:
    """(n,) relevant items within the first k ranks, divided by all relevant items.

    capped: divide by min(k, relevant items) instead, so that 1 can be reached for every k.
    """
    most = np.minimum(judged.n_relevant, k) if capped else judged.n_relevant
    return _n_hits(judged, k) / np.maximum(most, 1)


def hit_rate(judged: Judged, k: int) -> Floats:
    """(n,) 1 where at least one of the first k ranks is relevant, else 0."""
    return (_n_hits(judged, k) > 0).astype(np.float64)


def hit_rank(judged: Judged) -> Ints:
    """(n,) rank of the first relevant item, counted from 1; 0 where there is none."""
    hits = judged.gains > 0
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0)


def reciprocal_rank(judged: Judged, k: int | None = None) -> Floats:
    """(n,) 1 / rank of the first relevant item, 0 where the first k ranks (default: all) hold none.

    Its mean is MRR (Voorhees, TREC-8 question answering track, 1999).
    """
    rank = hit_rank(judged)
    found = (rank > 0) & (rank <= _depth(judged, k))
    return np.divide(1.0, rank, out=np.zeros(len(rank)), where=found)


def average_precision(judged: Judged, k: int | None = None) -> Floats:
    """(n,) sum of precision@r over the relevant ranks r within the first k (default: all), over all relevant items.

    Its mean is MAP. The divisor is all relevant items, not min(k, relevant), as in trec_eval's map_cut.
    """
    hits = judged.gains[:, : _depth(judged, k)] > 0
    precisions = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    summed: Floats = np.einsum("nk,nk->n", precisions, hits)
    return summed / np.maximum(judged.n_relevant, 1)


def ndcg(judged: Judged, k: int, *, gain: Gain = "linear") -> Floats:
    """(n,) discounted cumulative gain of the first k ranks over that of the best possible list; discount 1/log2(r+1).

    gain "linear" takes the gain as it is (Järvelin and Kekäläinen, TOIS 2002), "exponential" takes 2^gain - 1
    (Burges et al., ICML 2005).
    """
    k = _depth(judged, k)
    discount = 1 / np.log2(np.arange(2, k + 2))
    got, best = (_worth(matrix[:, :k], gain) @ discount for matrix in (judged.gains, judged.ideal))
    return np.divide(got, best, out=np.zeros(len(best)), where=best > 0)


def top_k(scores: NDArray[np.floating], k: int, *, row_ids: Sequence[str], column_ids: Sequence[str]) -> Ints:
    """(n, min(k, m)) columns of the highest scores of each row, best first.

    scores: (n, m); -inf or NaN go last. Equal scores are ordered by a hash of both ids: the same at every run and on
    every machine, but unrelated to the order of rows or columns and different for each row. So constant scores give
    a random order, and their metrics those of chance (McSherry and Najork, ECIR 2008, on what file order does).
    """
    noise = _hashes(row_ids)[:, None] ^ _hashes(column_ids)[None, :]
    return np.lexsort((_mixed(noise), -scores), axis=-1)[:, :k]


def _hashes(ids: Sequence[str]) -> NDArray[np.uint64]:
    hashes: NDArray[np.uint64] = pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False)
    return hashes


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): without it, XORed hashes order rows alike."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _worth(gains: Floats, gain: Gain) -> Floats:
    return gains if gain == "linear" else np.exp2(gains) - 1


def _n_hits(judged: Judged, k: int) -> Ints:
    n_hits: Ints = np.count_nonzero(judged.gains[:, : _depth(judged, k)] > 0, axis=1)
    return n_hits


def _depth(judged: Judged, k: int | None) -> int:
    if k is None:
        return judged.depth
    if not 1 <= k <= judged.depth:
        raise ValueError(f"cut-off {k} is outside 1 to {judged.depth}, the depth that was judged")
    return k
