"""From a network's logits to calibrated probabilities: the category's prior joins in logit space, thresholds follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from engine.errors import ArtifactError
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.tags.calibration import Calibration
from engine.tags.labels import label_matrix
from engine.tags.prior import CategoryPrior
from engine.tags.storage import Stored
from engine.tags.thresholds import choose_thresholds

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def allowed_labels(prior: CategoryPrior, items: Sequence[ItemText]) -> Mask:
    """(n_items, n_labels): what each item's category may have; an unknown category may have anything."""
    return prior.allow_list.mask([item.category for item in items], prior.counts.shape[1])


@dataclass(frozen=True)
class Decision:
    """How logits are weighed against the prior, and from which probability a tag is asserted; chosen on valid."""

    labels: list[str]
    prior: CategoryPrior
    calibration: Calibration
    thresholds: Floats
    valid_f1: float

    @classmethod
    def choose(
        cls, labels: list[str], prior: CategoryPrior, logits: Floats, valid: TaggedItems, *, shrinkage: float
    ) -> Decision:
        """From `logits` of valid, (n_items, n_labels), NaN where the network says nothing.

        Raises DataError when valid has none of the labels.
        """
        true, allowed = label_matrix(valid.tags, labels), allowed_labels(prior, valid.items)
        calibration = Calibration.fit(_evidence(logits, prior, valid.items), true, allowed & np.isfinite(logits))
        likely = _probabilities(calibration, prior, logits, valid.items)
        chosen = choose_thresholds(labels, true, likely, shrinkage=shrinkage)
        return cls(labels, prior, calibration, chosen.own, chosen.micro_f1)

    def probabilities(self, logits: Floats, items: Sequence[ItemText]) -> Floats:
        """(n_items, n_labels); where the network says nothing, what is usual in the category."""
        return _probabilities(self.calibration, self.prior, logits, items)

    def said(self) -> dict[str, Any]:
        """What model.json needs of it."""
        return {
            "labels": self.labels,
            "categories": self.prior.names,
            "valid_f1": self.valid_f1,
            "calibration": {"weights": self.calibration.weights.tolist(), "bias": self.calibration.bias},
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What arrays.npz needs of it."""
        return {**self.prior.arrays(), "thresholds": self.thresholds}

    @classmethod
    def restore(cls, stored: Stored) -> Decision:
        """What `said` and `arrays` were stored; ValueError or KeyError when they don't fit each other."""
        said = stored.said
        weights = np.array(said["calibration"]["weights"], dtype=np.float64)
        calibration = Calibration(weights, float(said["calibration"]["bias"]))
        prior = CategoryPrior.restore(stored)
        return cls(list(said["labels"]), prior, calibration, stored.thresholds, float(said["valid_f1"]))


def _evidence(logits: Floats, prior: CategoryPrior, items: Sequence[ItemText]) -> Floats:
    rates = prior.rates([item.category for item in items])
    return np.stack([np.nan_to_num(logits, nan=0.0), logit(rates)], axis=-1)


def _probabilities(calibration: Calibration, prior: CategoryPrior, logits: Floats, items: Sequence[ItemText]) -> Floats:
    allowed = allowed_labels(prior, items)
    usual = np.where(allowed, prior.rates([item.category for item in items]), 0.0)
    weighed = calibration.probabilities(_evidence(logits, prior, items), allowed)
    return np.where(np.isfinite(logits), weighed, usual)


class Decided:
    """What a tagger says of itself once its `_decision` is chosen or read."""

    name: ClassVar[str]
    _decision: Decision | None = None

    @property
    def tags(self) -> Sequence[str]:
        """The label vocabulary, sorted; empty before fit."""
        return self._decision.labels if self._decision else []

    @property
    def thresholds(self) -> Floats:
        """(n_tags,) chosen on valid."""
        return self._decided.thresholds

    @property
    def valid_f1(self) -> float:
        """Micro-F1 on valid."""
        return self._decided.valid_f1

    @property
    def categories(self) -> Sequence[str]:
        """The categories that it knows, sorted."""
        return self._decided.prior.names

    @property
    def _decided(self) -> Decision:
        if self._decision is None:
            raise ArtifactError(f"This {self.name} tagger has learned nothing yet; call fit or load first.")
        return self._decision
