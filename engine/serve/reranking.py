"""Whether a user's categories moved their list: what the same candidates would come to without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.recommend.pipeline import Gathered, PipelineConfig
from engine.recommend.topk import Floats


def moved_by_categories(gathered: Gathered, config: PipelineConfig, k: int) -> NDArray[np.bool_]:
    """(n_users,) whether the best k candidates would be others, or in another order, if affinity had no weight.

    Seen before diversity and before popular items fill up, which follow from that order. Candidates that are level
    without their affinity may stand in any order, so a list that only unties them is not moved.
    """
    users = len(gathered.histories)
    if config.beta == 0 or not gathered.affinity.any():
        return np.zeros(users, dtype=bool)
    starts = np.searchsorted(gathered.users, np.arange(users + 1))
    place = np.arange(len(gathered.users)) - starts[gathered.users]
    shape = (users, max(int(np.diff(starts).max()), k))
    score = _table(shape, gathered, place, gathered.relevance(config))
    alone = _table(shape, gathered, place, gathered.relevance(replace(config, beta=0.0)))
    best = np.argpartition(-score, k - 1, axis=1)[:, :k]
    best = np.take_along_axis(best, np.argsort(-np.take_along_axis(score, best, axis=1), axis=1), axis=1)
    kept = np.take_along_axis(alone, best, axis=1)
    np.put_along_axis(alone, best, -np.inf, axis=1)
    moved: NDArray[np.bool_] = (kept[:, 1:] > kept[:, :-1]).any(axis=1) | (alone.max(axis=1) > kept.min(axis=1))
    return moved


def _table(shape: tuple[int, int], gathered: Gathered, place: NDArray[np.int64], values: Floats) -> Floats:
    """A row of values for each user, -inf where they have fewer candidates."""
    table = np.full(shape, -np.inf, dtype=np.float32)
    table[gathered.users, place] = values
    return table
