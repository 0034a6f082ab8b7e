"""Diversity: maximal marginal relevance (Carbonell and Goldstein 1998) for many users at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.ranked import NONE
from engine.recommend.catalogue import UNKNOWN
from engine.recommend.topk import Floats


def mmr(
    items: NDArray[np.int64], scores: Floats, levels: NDArray[np.int32], *, k: int, diversity: float
) -> NDArray[np.int64]:
    """(n_users, k) places in each user's list, in the order of picking; NONE when the list is over.

    Each pick has the highest (1 - diversity) * score - diversity * likeness to the most similar item picked before.
    items: (n_users, n_candidates), NONE after the end; scores: the same shape, in [0, 1]; levels: (n_items, n_levels)
    of the catalogue. Two items are as alike as the share of the levels of the longer path that they have in common.
    """
    picked = np.full((len(items), k), NONE, dtype=np.int64)
    open_ = items != NONE
    paths = levels[np.where(open_, items, 0)]
    nearest = np.zeros(items.shape, dtype=np.float32)
    rows = np.arange(len(items))
    for place in range(min(k, items.shape[1])):
        value = np.where(open_, (1 - diversity) * scores - diversity * nearest, -np.inf)
        best = np.argmax(value, axis=1)
        alive = open_[rows, best]
        picked[alive, place] = best[alive]
        open_[rows, best] = False
        nearest = np.maximum(nearest, _likeness(paths, paths[rows, best]))
    return picked


def _likeness(paths: NDArray[np.int32], path: NDArray[np.int32]) -> Floats:
    """(n_users, n_candidates) how alike each path is to the user's `path` (n_users, n_levels), in [0, 1]."""
    known = paths != UNKNOWN
    common = (known & (paths == path[:, None, :])).sum(axis=2)
    longest = np.maximum(known.sum(axis=2), (path != UNKNOWN).sum(axis=1)[:, None])
    shares: Floats = (common / np.maximum(longest, 1)).astype(np.float32)
    return shares
