"""The ensemble: one score from the members', fitted on valid, in which each member's part can be told.

Scores are calibrated first, so that a weight means the same for every member. A member is off when it adds next
to nothing or it makes valid worse beyond chance; one that takes long is off unless it makes valid better beyond chance.
The ensemble says which are off and why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from engine.atomic import write_json
from engine.errors import ArtifactError, DataError, ShelfwiseError
from engine.rank.base import Floats
from engine.rank.calibration import Calibration
from engine.rank.config import EnsembleConfig
from engine.rank.evaluation import mean_ndcg
from engine.rank.fitting import Fitting, Scores
from engine.rank.joining import inputs
from engine.rank.lists import Lists
from engine.typed import build

__all__ = ["FILE", "Ensemble", "Scores"]

FILE = "ensemble.json"


@dataclass(frozen=True)
class Ensemble:
    """How members' scores become one.

    config: how it was fitted; calibrations: of every member it was offered; coefficients: how much each input of each
    member counts, zeros for one that is off; final: from the sum to a chance; off: for each member without a weight,
    why; alone, without: NDCG@10 on valid of each member alone, and of the ensemble without it; value: of all.
    """

    config: EnsembleConfig
    calibrations: Mapping[str, Calibration]
    coefficients: Mapping[str, tuple[float, ...]]
    final: Calibration
    off: Mapping[str, str] = field(default_factory=dict)
    alone: Mapping[str, float] = field(default_factory=dict)
    without: Mapping[str, float] = field(default_factory=dict)
    value: float = 0.0

    @property
    def members(self) -> tuple[str, ...]:
        """All members it was offered, those that are off included."""
        return tuple(self.calibrations)

    @property
    def active(self) -> tuple[str, ...]:
        """The members that count."""
        return tuple(name for name, own in self.coefficients.items() if any(own))

    @property
    def weights(self) -> dict[str, float]:
        """How much each member counts, adding up to 1; for stacking the share of its inputs' sizes."""
        sizes = {name: float(np.abs(own).sum()) for name, own in self.coefficients.items()}
        total = sum(sizes.values())
        return {name: size / total for name, size in sizes.items()}

    @classmethod
    def fit(
        cls,
        scores: Scores,
        valid: Lists,
        config: EnsembleConfig | None = None,
        *,
        costs: Mapping[str, float] | None = None,
    ) -> Ensemble:
        """Fit on the members' scores of valid, which none of them learned from.

        costs: for each member how long a candidate takes, in any unit. Raises DataError when there is no member, or
        valid has only wanted candidates or none.
        """
        fitting = Fitting(config or EnsembleConfig(), scores, valid, costs or {})
        calibrations, names = fitting.calibrations, fitting.names
        off = {} if fitting.config.how == "rank_average" else fitting.useless()
        kept = [name for name in names if name not in off]
        chosen = fitting.join(kept)
        none = (0.0,) * len(chosen.coefficients[kept[0]])
        return cls(
            config=fitting.config,
            calibrations=calibrations,
            coefficients={name: chosen.coefficients.get(name, none) for name in names},
            final=Calibration.fit(chosen.score, valid.known),
            off=off,
            alone={name: mean_ndcg(valid, own, 10) for name, own in scores.items()},
            without={name: fitting.ndcg([other for other in kept if other != name]) for name in kept if len(kept) > 1},
            value=fitting.ndcg(kept),
        )

    def parts(self, scores: Scores, lists: Lists, weights: Mapping[str, float] | None = None) -> dict[str, Floats]:
        """What each member adds to the score of each candidate, (n_rows,) by member.

        scores: of the members at hand; where some are missing the others share their weight. weights: others than
        those that were fitted, as a person tries them. Raises DataError when no member that counts is at hand.
        """
        known = {name: own for name, own in scores.items() if name in self.calibrations}
        given = inputs(self.config.how, known, self.calibrations, lists)
        coefficients = self.coefficients if weights is None else self._reweighted(weights)
        sizes = {name: float(np.abs(own).sum()) for name, own in coefficients.items()}
        at_hand = sum(sizes[name] for name in known)
        if not at_hand:
            counting = ", ".join(name for name, size in sizes.items() if size) or "none has a weight"
            raise DataError(f"No member that counts can score these lists ({counting}).")
        share = sum(sizes.values()) / at_hand
        return {name: share * (own @ np.array(coefficients[name])) for name, own in given.items()}

    def combine(self, scores: Scores, lists: Lists, weights: Mapping[str, float] | None = None) -> Floats:
        """(n_rows,) the ensemble's score, the sum of the members' parts."""
        return np.asarray(np.sum(list(self.parts(scores, lists, weights).values()), axis=0), dtype=np.float64)

    def probabilities(self, scores: Scores, lists: Lists) -> Floats:
        """(n_rows,) the chance that each candidate is wanted."""
        return self.final.probabilities(self.combine(scores, lists))

    def save(self, folder: Path) -> None:
        """Write ensemble.json into an existing folder."""
        write_json(folder / FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Ensemble:
        """Read what `save` wrote. Raises ArtifactError when it is missing or isn't that."""
        try:
            made = build(cls, json.loads((folder / FILE).read_text(encoding="utf-8")))
            if set(made.coefficients) != set(made.calibrations) or not made.active:
                raise ValueError("its members and their weights don't fit")
        except (OSError, ValueError, TypeError, ShelfwiseError) as error:
            raise ArtifactError(f"{folder / FILE} can't be read ({error}); train the ensemble again.") from None
        return made

    def _reweighted(self, weights: Mapping[str, float]) -> dict[str, tuple[float, ...]]:
        """Coefficients for weights that a person chose; a stacked member keeps the proportion of its inputs."""
        total = sum(weights.get(name, 0.0) for name in self.coefficients)
        found, own = {}, self.weights
        for name, coefficients in self.coefficients.items():
            share = weights.get(name, 0.0) / total if total else 0.0
            if self.config.how != "stacking" or not own[name]:
                found[name] = (share, *(0.0,) * (len(coefficients) - 1))
            else:
                found[name] = tuple(value * share / own[name] for value in coefficients)
        return found
