"""Metrics of label sets: each row (a SKU) has a set of true labels (tags) and a set of predicted ones.

Sets are 0/1 matrices of shape (n_rows, n_labels), dense or sparse. A ratio whose divisor is 0 is 0, as with
scikit-learn's zero_division=0. Definitions: Sokolova and Lapalme, A systematic analysis of performance measures for
classification tasks, Information Processing & Management 45(4), 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Sets: TypeAlias = Any  # a numpy array or a scipy.sparse array
Numbers = NDArray[np.int64] | NDArray[np.float64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives, in arrays of one shape: per label, per row, or in all."""

    tp: Numbers
    fp: Numbers
    fn: Numbers

    @property
    def total(self) -> Counts:
        """The counts added up, from which micro averages are made."""
        return Counts(*(np.asarray(part.sum()) for part in (self.tp, self.fp, self.fn)))

    @property
    def precision(self) -> Floats:
        """tp / (tp + fp), for each entry: the share of what was predicted that is true."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Floats:
        """tp / (tp + fn), for each entry: the share of what is true that was predicted."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> Floats:
        """2 tp / (2 tp + fp + fn), for each entry: the harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def label_counts(true: Sets, predicted: Sets) -> Counts:
    """Counts per label, each of shape (n_labels,)."""
    return _counts(true, predicted, axis=0)


def row_counts(true: Sets, predicted: Sets) -> Counts:
    """Counts per row, each of shape (n_rows,)."""
    return _counts(true, predicted, axis=1)


def micro_f1(true: Sets, predicted: Sets, *, n_missed: int = 0) -> float:
    """F1 of all (row, label) decisions taken together.

    n_missed: further true labels that no column stands for, such as tags outside the vocabulary; each is a miss.
    """
    total = label_counts(true, predicted).total
    return float(Counts(total.tp, total.fp, total.fn + n_missed).f1)


def macro_f1(true: Sets, predicted: Sets) -> float:
    """Mean F1 over labels with support, that is those true in at least one row; 0 when there is none.

    A label that is only predicted falsely has no support: it costs micro-F1, not this.
    """
    return float(macro_over_support(label_counts(true, predicted)))


def macro_over_support(counts: Counts) -> Floats:
    """Mean F1 along the last axis over labels with support; 0 where none has any. Shape: the counts' without it."""
    supported = counts.tp + counts.fn > 0
    return _ratio((counts.f1 * supported).sum(axis=-1), supported.sum(axis=-1))


def _counts(true: Sets, predicted: Sets, *, axis: int) -> Counts:
    true, predicted = _binary(true), _binary(predicted)
    tp = true.multiply(predicted).sum(axis=axis)
    return Counts(tp, predicted.sum(axis=axis) - tp, true.sum(axis=axis) - tp)


def _binary(sets: Sets) -> Sets:
    return (sparse.csr_array(sets) != 0).astype(np.int64)


def _ratio(over: NDArray[Any], under: NDArray[Any]) -> Floats:
    ratio: Floats = np.divide(over, under, out=np.zeros(np.shape(under)), where=np.asarray(under) > 0)
    return ratio
