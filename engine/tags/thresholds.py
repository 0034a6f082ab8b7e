"""From which probability each tag is asserted: one threshold for all, moved towards each tag's own as rows allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from engine.metrics.classification import micro_f1
from engine.metrics.thresholds import best_threshold, label_thresholds

Floats = NDArray[np.float64]
EDGE = 1e-6


@dataclass(frozen=True)
class Thresholds:
    """Chosen on valid: `overall` for all labels, `own` (n_labels,) for each of `labels`, and the micro-F1 there."""

    labels: Sequence[str]
    overall: float
    own: Floats
    micro_f1: float

    def of(self, labels: Sequence[str]) -> Floats:
        """(n_labels,) for another vocabulary: the own threshold where there is one, else the overall one."""
        known = dict(zip(self.labels, self.own, strict=True))
        return np.array([known.get(label, self.overall) for label in labels], dtype=np.float64)


def choose_thresholds(
    labels: Sequence[str], true: NDArray[np.bool_], probabilities: Floats, *, shrinkage: float
) -> Thresholds:
    """Thresholds for `labels` from valid; `true` and `probabilities` are (n_items, n_labels).

    A label's own best threshold counts with the weight n / (n + shrinkage), n being its number of items in valid, the
    threshold of the best micro-F1 over all labels with the rest, in logit space: the best cut of a rare tag is mostly
    noise.
    """
    overall = float(np.clip(best_threshold(true, probabilities), EDGE, 1 - EDGE))
    best = np.clip(label_thresholds(true, probabilities, fallback=overall), EDGE, 1 - EDGE)
    support = np.count_nonzero(true, axis=0)
    weight = support / (support + shrinkage)
    own = expit(weight * logit(best) + (1 - weight) * logit(overall))
    return Thresholds(labels, overall, own, micro_f1(true, probabilities >= own))
