"""From which probability each tag is asserted: one threshold for all, moved towards each tag's own as rows allow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from engine.metrics.thresholds import best_threshold, label_thresholds

Floats = NDArray[np.float64]
EDGE = 1e-6


def shrunk_thresholds(true: NDArray[np.bool_], probabilities: Floats, *, shrinkage: float) -> tuple[float, Floats]:
    """The global threshold of the best micro-F1, and (n_labels,) thresholds per label.

    Both inputs are (n_items, n_labels) of valid. A label's own best threshold counts with the weight
    n / (n + shrinkage), n being its number of items in valid, the global one with the rest, in logit space: the best
    cut of a rare tag is mostly noise.
    """
    overall = float(np.clip(best_threshold(true, probabilities), EDGE, 1 - EDGE))
    own = np.clip(label_thresholds(true, probabilities, fallback=overall), EDGE, 1 - EDGE)
    support = np.count_nonzero(true, axis=0)
    weight = support / (support + shrinkage)
    return overall, expit(weight * logit(own) + (1 - weight) * logit(overall))


def carried_over(learned: Sequence[str], thresholds: Floats, labels: Sequence[str], overall: float) -> Floats:
    """(n_labels,) the thresholds of `learned` for those `labels` that it has, `overall` for the others."""
    known = dict(zip(learned, thresholds, strict=True))
    return np.array([known.get(label, overall) for label in labels], dtype=np.float64)
