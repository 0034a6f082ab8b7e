"""Which way of joining members suits, told on valid without test: each way is fitted on some users, asked of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.rank.base import Floats
from engine.rank.config import EnsembleConfig
from engine.rank.evaluation import list_ndcg
from engine.rank.fitting import Fitting
from engine.rank.joining import Way
from engine.rank.lists import Lists

FOLDS = 3


def compare_ways(
    scores: Mapping[str, Floats], valid: Lists, config: EnsembleConfig, *, k: int = 10
) -> dict[str, float]:
    """The mean NDCG@k over the lists of valid that wanted something of each way with all members.

    Every list is scored by what the lists of other users taught.
    Empty when valid has one user only, or a part of its users wanted nothing or everything.
    """
    folds = _folds(valid)
    try:
        return {way: _crossed(scores, valid, replace(config, how=way), folds, k) for way in get_args(Way)}
    except DataError:
        return {}


def _crossed(
    scores: Mapping[str, Floats], valid: Lists, config: EnsembleConfig, folds: NDArray[np.int64], k: int
) -> float:
    found = np.zeros(len(valid))
    for fold in range(FOLDS):
        (learned, known), (asked, others) = _part(scores, valid, folds != fold), _part(scores, valid, folds == fold)
        joined = Fitting(config, known, learned)
        found[folds == fold] = list_ndcg(asked, joined.score(joined.names, others, asked), k)
    return float(found[valid.sought > 0].mean())


def _part(scores: Mapping[str, Floats], lists: Lists, kept: NDArray[np.bool_]) -> tuple[Lists, dict[str, Floats]]:
    rows = kept[lists.list_of_row]
    return lists.take(np.flatnonzero(kept)), {name: own[rows] for name, own in scores.items()}


def _folds(lists: Lists) -> NDArray[np.int64]:
    """(n_lists,) the fold of each list; all of a user's are in one."""
    _, user = np.unique(lists.users.astype(str), return_inverse=True)
    return np.asarray(np.random.default_rng(0).permutation(user.max(initial=0) + 1)[user] % FOLDS, dtype=np.int64)
