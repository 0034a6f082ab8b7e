"""From which probability a label should be asserted: every cut at once, by sorting. Use on valid, never on test.

A label is asserted where its probability is at or above the threshold. A probability of 0 is never asserted: it marks
labels that can't apply, such as tags outside the category's list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCK = 4_000_000  # entries sorted at once, so that memory stays in the hundreds of MB for any number of labels


@dataclass(frozen=True)
class ThresholdCurve:
    """Micro-averaged figures at each distinct probability taken as the threshold, from the highest down.

    All arrays have one shape, (n_cuts,); equal probabilities are one cut, for no threshold can part them.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats
    f1: Floats

    @property
    def best(self) -> float:
        """The threshold of the highest F1, the higher one of equals; 1 when nothing can be asserted."""
        return float(self.thresholds[self.f1.argmax()]) if len(self.f1) else 1.0


def threshold_curve(
    true: NDArray[np.bool_], probabilities: NDArray[np.floating], *, n_missed: int = 0
) -> ThresholdCurve:
    """Micro precision, recall and F1 for every global threshold; both inputs (n_rows, n_labels).

    n_missed: true labels that no column stands for; each counts as a miss at every threshold.
    """
    possible = probabilities > 0
    values, hits = np.asarray(probabilities[possible], dtype=np.float64), true[possible].astype(bool)
    order = np.argsort(-values, kind="stable")
    values, tp = values[order], np.cumsum(hits[order])
    cuts = np.flatnonzero(np.append(values[1:] != values[:-1], True)[: len(values)])
    tp, asserted = tp[cuts], cuts + 1
    n_true = int(np.count_nonzero(true)) + n_missed
    return ThresholdCurve(values[cuts], tp / asserted, tp / max(n_true, 1), 2 * tp / (asserted + n_true))


def best_threshold(true: NDArray[np.bool_], probabilities: NDArray[np.floating], *, n_missed: int = 0) -> float:
    """The one threshold for all labels that gives the highest micro-F1. Shapes as in `threshold_curve`."""
    return threshold_curve(true, probabilities, n_missed=n_missed).best


def label_thresholds(
    true: NDArray[np.bool_], probabilities: NDArray[np.floating], *, fallback: float, min_support: int = 1
) -> Floats:
    """(n_labels,) the threshold of each label's highest F1; both inputs (n_rows, n_labels).

    Labels true in fewer than `min_support` rows, or never given a probability, get `fallback`: a cut fitted to a
    handful of rows doesn't hold on others.
    """
    n_rows, n_labels = true.shape
    step = max(1, BLOCK // max(n_rows, 1))
    blocks = [slice(start, start + step) for start in range(0, n_labels, step)]
    best = [_best_of_columns(true[:, block].astype(bool), probabilities[:, block]) for block in blocks]
    found = np.concatenate(best) if best else np.empty(0)
    trusted = (np.count_nonzero(true, axis=0) >= max(min_support, 1)) & ~np.isnan(found)
    return np.where(trusted, found, fallback)


def _best_of_columns(true: NDArray[np.bool_], probabilities: NDArray[np.floating]) -> Floats:
    """(n_labels,) the best cut of each column, NaN where no row can be asserted."""
    if not len(true):
        return np.full(true.shape[1], np.nan)
    order = np.argsort(-probabilities, axis=0, kind="stable")
    values = np.take_along_axis(probabilities, order, axis=0).astype(np.float64)
    tp = np.cumsum(np.take_along_axis(true, order, axis=0), axis=0)
    asserted = np.arange(1, len(true) + 1)[:, None]
    f1 = 2 * tp / (asserted + np.count_nonzero(true, axis=0))
    cut = np.vstack([values[1:] != values[:-1], np.ones((1, values.shape[1]), dtype=bool)]) & (values > 0)
    f1 = np.where(cut, f1, -1.0)
    best = f1.argmax(axis=0)
    columns = np.arange(values.shape[1])
    return np.where(f1[best, columns] >= 0, values[best, columns], np.nan)
