"""From scores to chances, by a map that never turns the order round: Platt's sigmoid, or a staircase.

J. Platt, Probabilistic outputs for support vector machines, 1999, with the targets proposed there, and the slope held
at 0 or more; isotonic regression as in Zadrozny and Elkan, KDD 2002. The sigmoid keeps every difference of scores, so
it is the default; the staircase fits any shape and makes scores equal that share a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from engine.errors import DataError
from engine.rank.base import Floats
from engine.rank.minimum import smallest

How = Literal["platt", "isotonic"]


@dataclass(frozen=True)
class Calibration:
    """A map from scores to log-odds.

    slope, bias: of the sigmoid; steps, levels: scores and log-odds of the staircase, ascending, linear between them
    and level beyond; empty for a sigmoid.
    """

    slope: float = 1.0
    bias: float = 0.0
    steps: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()

    @classmethod
    def fit(cls, scores: Floats, wanted: NDArray[np.bool_], how: How = "platt") -> Calibration:
        """Fit on scores (n_rows,) of candidates that the ranker didn't learn from.

        Raises DataError when every candidate is wanted or none is.
        """
        if wanted.all() or not wanted.any():
            said = "every" if len(wanted) and wanted.all() else "none"
            raise DataError(f"Of {len(wanted):,} candidates of valid {said} is wanted, so chances can't be told.")
        return _isotonic(scores, wanted) if how == "isotonic" else _platt(scores, wanted)

    def log_odds(self, scores: Floats) -> Floats:
        """(n_rows,) the log-odds of being wanted."""
        if self.steps:
            return np.asarray(np.interp(scores, self.steps, self.levels), dtype=np.float64)
        return self.slope * np.asarray(scores, dtype=np.float64) + self.bias

    def probabilities(self, scores: Floats) -> Floats:
        """(n_rows,) the chance of being wanted."""
        found: Floats = expit(self.log_odds(scores))
        return found


def _platt(scores: Floats, wanted: NDArray[np.bool_]) -> Calibration:
    middle, spread = float(scores.mean()), max(float(scores.std()), 1e-12)
    x = (scores - middle) / spread
    n_wanted, n_others = int(wanted.sum()), int((~wanted).sum())
    target = np.where(wanted, (n_wanted + 1) / (n_wanted + 2), 1 / (n_others + 2))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * x + parameters[1]
        miss = expit(z) - target
        value = np.logaddexp(0, z) - target * z
        return float(value.mean()), np.array([(miss * x).mean(), miss.mean()])

    start = np.array([1.0, logit(target.mean())])
    slope, bias = map(float, smallest(loss, start, [0.0, None]))
    return Calibration(slope / spread, bias - slope * middle / spread)


def _isotonic(scores: Floats, wanted: NDArray[np.bool_]) -> Calibration:
    from sklearn.isotonic import IsotonicRegression  # only training needs it, and it takes a second to load

    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, wanted.astype(np.float64))
    least = 1 / (len(wanted) + 2)  # nothing is certain after that many candidates
    levels = logit(np.clip(fitted.y_thresholds_, least, 1 - least))
    return Calibration(steps=tuple(map(float, fitted.X_thresholds_)), levels=tuple(map(float, levels)))
