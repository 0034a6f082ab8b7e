"""Candidates of lists as plain arrays, the way that libraries of trees take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.rank.lists import Lists

Features = NDArray[np.float32]  # (n, n_features), NaN where unknown


@dataclass(frozen=True)
class Rows:
    """Candidates as a library takes them.

    features: (n, n_features) float32; wanted: (n,) float32, 1 or 0; weights: (n,) float32 or None; sizes: (n_lists,)
    candidates of each list, none of them empty
    """

    features: Features
    wanted: NDArray[np.float32]
    weights: NDArray[np.float32] | None
    sizes: NDArray[np.int64]

    @property
    def owner(self) -> NDArray[np.int64]:
        """(n,) the place of each candidate's list."""
        found: NDArray[np.int64] = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return found

    @property
    def odds(self) -> float:
        """What wanted candidates weigh for what the others do."""
        weights = np.ones(len(self.wanted), dtype=np.float32) if self.weights is None else self.weights
        wanted = float(weights @ self.wanted)
        return wanted / max(float(weights.sum()) - wanted, 1e-9)

    @property
    def list_weights(self) -> NDArray[np.float32] | None:
        """(n_lists,) the mean weight of each list's wanted candidates, around 1: weights of classes weigh no list."""
        if self.weights is None:
            return None
        summed = np.bincount(self.owner, self.weights * self.wanted, minlength=len(self.sizes))
        n_wanted = np.bincount(self.owner, self.wanted, minlength=len(self.sizes))
        weights = summed / np.maximum(n_wanted, 1)
        found: NDArray[np.float32] = (weights / weights[n_wanted > 0].mean()).astype(np.float32)
        return found


def rows_of(lists: Lists, kept: NDArray[np.bool_], weights: NDArray[np.float32] | None) -> Rows:
    """The candidates of the lists where `kept` (n_lists,) holds, with their `weights` (n_rows of `lists`,)."""
    kept = kept & (lists.sizes > 0)
    sizes = lists.sizes[kept]
    if kept.all():
        return Rows(lists.features, lists.known.astype(np.float32), weights, sizes)
    rows = np.repeat(kept, lists.sizes)
    chosen = None if weights is None else weights[rows]
    return Rows(lists.features[rows], lists.known[rows].astype(np.float32), chosen, sizes)


def any_wanted(lists: Lists) -> NDArray[np.bool_]:
    """(n_lists,) which have a wanted candidate."""
    found: NDArray[np.bool_] = np.bincount(lists.list_of_row, lists.known, minlength=len(lists)) > 0
    return found


def telling(lists: Lists) -> NDArray[np.bool_]:
    """(n_lists,) which have both a wanted candidate and another."""
    n_wanted = np.bincount(lists.list_of_row, lists.known, minlength=len(lists))
    found: NDArray[np.bool_] = (n_wanted > 0) & (n_wanted < lists.sizes)
    return found


def differs(features: Features) -> bool:
    """Whether any feature has two values, unknown being one."""
    unknown = np.isnan(features)
    some = unknown.any(axis=0) & ~unknown.all(axis=0)
    low, high = np.fmin.reduce(features, axis=0), np.fmax.reduce(features, axis=0)
    return bool((some | (low < high)).any())
