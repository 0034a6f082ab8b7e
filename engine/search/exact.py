"""Exact nearest vectors by reading them all, a block at a time: nothing is missed, and memory stays flat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.search.base import NONE, Ranked

BLOCK = 16_384  # vectors read at once
QUERIES = 256  # queries asked at once


def nearest(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int, eligible: NDArray[np.bool_] | None = None
) -> Ranked:
    """For each of (n_queries, dim) `queries` the k of (n, dim) `vectors` with the highest dot product.

    eligible: (n,) which may be found (default: all). Equal scores keep the order of rows.
    """
    allowed = None if eligible is None else np.flatnonzero(eligible)
    parts = [_nearest(vectors, queries[at : at + QUERIES], k, allowed) for at in range(0, len(queries), QUERIES)]
    if not parts:
        return Ranked(np.empty((0, k), np.int64), np.empty((0, k), np.float32))
    return Ranked(np.concatenate([part.rows for part in parts]), np.concatenate([part.scores for part in parts]))


def _nearest(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None
) -> Ranked:
    best = Ranked(np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32))
    total = len(vectors) if allowed is None else len(allowed)
    for start in range(0, total, BLOCK):
        end = min(start + BLOCK, total)
        rows = np.arange(start, end) if allowed is None else allowed[start:end]
        block = vectors[start:end] if allowed is None else vectors[rows]
        scores = np.concatenate([best.scores, queries @ block.T], axis=1)
        places = np.concatenate([best.rows, np.broadcast_to(rows, (len(queries), len(rows)))], axis=1)
        best = top(places, scores, k)
    return padded(best, k)


def top(rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Ranked:
    """The k best of each row of (n_queries, n) `rows` and `scores`, best first; equal scores in the order of rows."""
    if scores.shape[1] > k:
        chosen = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        rows, scores = np.take_along_axis(rows, chosen, 1), np.take_along_axis(scores, chosen, 1)
    order = np.lexsort((rows, -scores), axis=1)
    return Ranked(np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1))


def padded(ranked: Ranked, k: int) -> Ranked:
    """The same lists with k places each: `NONE` and -inf after their ends."""
    missing = ((0, 0), (0, k - ranked.rows.shape[1]))
    return Ranked(
        np.pad(ranked.rows, missing, constant_values=NONE),
        np.pad(ranked.scores, missing, constant_values=-np.inf).astype(np.float32),
    )
