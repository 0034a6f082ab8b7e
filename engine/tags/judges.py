"""Two judges of a pair of item and tag, whose log-odds count alike: each errs where the other doesn't.

The judge that knows each tag for itself gets no signal that is counted over all items that are learned from: a tag
that is rarer among the others is oftener true in the fold that is held out, so it would learn to read the folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from engine.tags.booster import Booster, Trees
from engine.tags.signals import USUAL
from engine.tags.tagwise import Tagwise

Floats = NDArray[np.float64]
Signed = NDArray[np.float32]
Places = NDArray[np.int64]
EDGE = 1e-6


@dataclass(frozen=True)
class Judges:
    """Trees that all tags share, and weights of each tag's own. The last two signals are tag and category as codes."""

    booster: Booster
    tagwise: Tagwise

    @classmethod
    def fit(cls, signals: Signed, labels: Places, true: NDArray[np.bool_], n_labels: int, trees: Trees) -> Judges:
        """Learn from `signals` (n_pairs, n_signals), the pairs' `labels` and `true` (n_pairs,)."""
        width = signals.shape[1]
        booster = Booster.fit(signals, true, kinds=[width - 2, width - 1], trees=trees)
        return cls(booster, Tagwise.fit(_own(signals), labels, true, n_labels=n_labels))

    def probabilities(self, signals: Signed, labels: Places) -> Floats:
        """(n_pairs,) for `signals` (n_pairs, n_signals) of pairs with `labels` (n_pairs,)."""
        grown = logit(np.clip(self.booster.probabilities(signals), EDGE, 1 - EDGE))
        return np.asarray(expit((grown + self.tagwise.log_odds(_own(signals), labels)) / 2), dtype=np.float64)


def _own(signals: Signed) -> Signed:
    """The signals of the item itself: all but what is counted over the others, and the codes."""
    return np.delete(signals, [*USUAL, -2, -1], axis=1)
