"""Logistic regression over pairs of item and tag, where each tag has weights of its own beside those that all share.

The signals go in twice, once for all tags and once for the pair's own tag (H. Daumé III, Frustratingly easy domain
adaptation, ACL 2007): a tag with many items learns how far to trust each signal for itself, one with few keeps to what
holds for all. Signals are taken by how far they stand from what is usual for the tag. Reading needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Places = NDArray[np.int64]
STRENGTH = 0.01  # the inverse of the penalty on weights, for shared and own ones alike
FREE = 10.0  # scale of the tags' intercepts: how usual a tag is comes nearly unpenalised
FAR = 3.0  # standard deviations beyond which a signal says no more
LEAST_SPREAD = 1e-5  # of a signal that varies at all
NAMES = ("mean", "spread", "weights", "bias")


@dataclass(frozen=True)
class Tagwise:
    """Fitted: mean, spread and weights are (n_labels, n_signals), bias is (n_labels,), all float32."""

    mean: Floats
    spread: Floats
    weights: Floats
    bias: Floats

    @classmethod
    def fit(cls, signals: Floats, labels: Places, true: NDArray[np.bool_], *, n_labels: int) -> Self:
        """Learn from `signals` (n_pairs, n_signals), the pairs' `labels` and `true` (n_pairs,), some true, some not."""
        from sklearn.linear_model import LogisticRegression  # only training needs it, and it takes a second to load

        mean, spread = _usual(signals, labels, n_labels)
        inputs = _apart(signals, mean[labels], spread[labels])
        both = sparse.hstack([sparse.csr_array(inputs), _own(inputs, labels, n_labels)], format="csr")
        fitted = LogisticRegression(C=STRENGTH, max_iter=1000, tol=1e-3).fit(both, true)
        shared, own = np.split(fitted.coef_[0], [inputs.shape[1]])
        own = own.reshape(n_labels, -1)
        weights, bias = shared + own[:, :-1], fitted.intercept_[0] + FREE * own[:, -1]
        return cls(mean, spread, weights.astype(np.float32), bias.astype(np.float32))

    def log_odds(self, signals: Floats, labels: Places) -> NDArray[np.float64]:
        """(n_pairs,) for `signals` (n_pairs, n_signals) of pairs with `labels` (n_pairs,)."""
        inputs = _apart(signals, self.mean[labels], self.spread[labels])
        return np.asarray((inputs * self.weights[labels]).sum(axis=1) + self.bias[labels], dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `restore` needs."""
        return {f"tagwise.{name}": getattr(self, name) for name in NAMES}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], *, n_labels: int) -> Self:
        """What was stored; ValueError when its shapes don't fit."""
        mean, spread, weights, bias = (arrays[f"tagwise.{name}"] for name in NAMES)
        shape = (n_labels, mean.shape[-1])
        if {mean.shape, spread.shape, weights.shape} != {shape} or bias.shape != shape[:1]:
            raise ValueError("the tags' own weights don't fit the labels")
        return cls(mean, spread, weights, bias)


def _usual(signals: Floats, labels: Places, n_labels: int) -> tuple[Floats, Floats]:
    """(n_labels, n_signals) the mean and the standard deviation of each label's pairs, in which it must not be 0."""
    count = np.maximum(np.bincount(labels, minlength=n_labels), 1)[:, None]
    of_label = sparse.csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(n_labels, len(labels)))
    mean = of_label @ signals.astype(np.float64) / count
    spread = np.sqrt(of_label @ (signals - mean[labels]) ** 2 / count)
    return mean.astype(np.float32), np.where(spread > LEAST_SPREAD, spread, np.inf).astype(np.float32)


def _apart(signals: Floats, mean: Floats, spread: Floats) -> Floats:
    """How far signals are from the mean, in standard deviations; one that never varies says nothing."""
    return np.asarray(np.clip((signals - mean) / spread, -FAR, FAR), dtype=np.float32)


def _own(inputs: Floats, labels: Places, n_labels: int) -> sparse.csr_array:
    """(n_pairs, n_labels * (n_signals + 1)): each pair's inputs, and 1, in the columns of its label."""
    n_pairs, width = inputs.shape[0], inputs.shape[1] + 1
    data = np.hstack([inputs, np.full((n_pairs, 1), FREE, dtype=np.float32)])
    columns = labels[:, None] * width + np.arange(width)
    starts = np.arange(n_pairs + 1) * width
    return sparse.csr_array((data.ravel(), columns.ravel(), starts), shape=(n_pairs, n_labels * width))
