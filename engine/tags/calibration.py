"""From several pieces of evidence to one probability: Platt scaling with as many inputs as a tagger has.

J. Platt, Probabilistic outputs for support vector machines, 1999; here the inputs are, for example, a margin, the
log-odds of the category's prior and how often the tag's own words are used, so that one fit on valid sets the weight
of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from engine.errors import DataError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(bias + weights · evidence), the same weights for every tag."""

    weights: Floats
    bias: float

    @classmethod
    def fit(cls, evidence: Floats, true: Mask, allowed: Mask) -> Calibration:
        """Fit on the allowed entries of valid; `evidence` is (n_items, n_labels, n_inputs), the others without inputs.

        Raises DataError when the entries hold no true label or no false one.
        """
        inputs, answers = evidence[allowed], true[allowed]
        if answers.all() or not answers.any():
            raise DataError(
                f"The {len(true)} items of valid can't calibrate the tagger: of the tags known from train they have "
                f"{'all' if len(answers) and answers.all() else 'none'}; use more items or another seed."
            )
        from sklearn.linear_model import LogisticRegression  # only training needs it, and it takes a second to load

        spread = inputs.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        fitted = LogisticRegression(C=100.0, max_iter=1000).fit(inputs / scale, answers)
        return cls(fitted.coef_[0] / scale, float(fitted.intercept_[0]))

    def probabilities(self, evidence: Floats, allowed: Mask) -> Floats:
        """(n_items, n_labels); what isn't allowed gets 0."""
        return np.where(allowed, expit(evidence @ self.weights + self.bias), 0.0)
