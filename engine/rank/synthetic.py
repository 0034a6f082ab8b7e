"""Candidates between near ones: SMOTE of imbalanced-learn, with what is unknown and with categories' codes.

Distances are measured in each amount's own spread, so that no unit outweighs the others. SMOTE knows nothing of unknown
amounts, and filling them would make up knowledge; so whether an amount is known counts as a category of its own beside
it: where most of the neighbours don't know it, neither does what is made between them, and until then the mean stands
in. An amount made up lies between two that were seen, also where those are whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.rank.lists import CODE, Feature

MOST_CELLS = 50_000_000  # numbers that SMOTE-NC holds at once: made up ones x neighbours x categories
_UNKNOWN = -1.0  # the code of an unknown category

Features = NDArray[np.float32]


def synthetic(
    wanted: Features, columns: Sequence[Feature], n: int, *, neighbours: int, rng: np.random.Generator
) -> Features:
    """(n, n_features) made between rows of `wanted` (more than `neighbours` rows) and those nearest to them.

    Where that would take too much memory, neighbours are looked for among parts of `wanted`, drawn at random.
    """
    codes = np.array([column.kind == CODE for column in columns])
    unknown = np.isnan(wanted)
    flagged = np.flatnonzero(unknown.any(axis=0) & ~codes)
    mean, spread = _scale(wanted, codes)
    known = np.where(unknown, np.where(codes, _UNKNOWN, mean), wanted)
    table = np.column_stack([np.where(codes, known, (known - mean) / spread), unknown[:, flagged]]).astype(np.float32)
    categories = [*np.flatnonzero(codes), *range(len(columns), table.shape[1])]
    made = _in_parts(table, categories, n, neighbours=neighbours, rng=rng)
    features = made[:, : len(columns)]
    found = np.where(codes, features, features * spread + mean)
    found[:, flagged] = np.where(made[:, len(columns) :] > 0.5, np.nan, found[:, flagged])
    found[:, codes] = np.where(found[:, codes] == _UNKNOWN, np.nan, found[:, codes])
    return found.astype(np.float32)


def _scale(wanted: Features, codes: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and the standard deviation of what is known of each amount; 0 and 1 where that says nothing."""
    known = ~np.isnan(wanted)
    filled = np.where(known, wanted, 0.0).astype(np.float64)
    n = np.maximum(known.sum(axis=0), 1)
    mean = filled.sum(axis=0) / n
    spread = np.sqrt((np.where(known, filled - mean, 0.0) ** 2).sum(axis=0) / n)
    return np.where(codes, 0.0, mean), np.where(codes | (spread == 0), 1.0, spread)


def _in_parts(
    table: Features, categories: Sequence[int], n: int, *, neighbours: int, rng: np.random.Generator
) -> Features:
    n_parts = 1
    if categories:
        width = sum(len(np.unique(table[:, place])) for place in categories) + table.shape[1]
        n_parts = min(math.ceil(n * neighbours * width / MOST_CELLS), len(table) // (neighbours + 1))
    order = rng.permutation(len(table))
    shares = np.diff(np.linspace(0, n, n_parts + 1).astype(np.int64))
    parts = np.array_split(order, n_parts)
    made = [
        _smote(table[part], categories, int(share), neighbours=neighbours, seed=int(rng.integers(2**31)))
        for part, share in zip(parts, shares, strict=True)
    ]
    return np.concatenate(made)


def _smote(rows: Features, categories: Sequence[int], n: int, *, neighbours: int, seed: int) -> Features:
    """(n, width) made between `rows`; the one row of the other class is what the library asks for, and goes unused."""
    from imblearn.over_sampling import SMOTE, SMOTENC

    how = {"sampling_strategy": {1: len(rows) + n}, "k_neighbors": neighbours, "random_state": seed}
    sampler = SMOTENC(categories, **how) if categories else SMOTE(**how)
    other = rows.mean(axis=0, keepdims=True)
    other[:, list(categories)] = rows[:1, list(categories)]
    found, _ = sampler.fit_resample(np.concatenate([rows, other]), np.arange(len(rows) + 1) < len(rows))
    return np.asarray(found, dtype=np.float32)[len(rows) + 1 :]
