"""Fitting an ensemble for one set of members after another: all, without each, without those that add nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from engine.errors import DataError
from engine.metrics.significance import mean_measure, paired_bootstrap
from engine.rank.base import Floats
from engine.rank.calibration import Calibration
from engine.rank.config import EnsembleConfig
from engine.rank.evaluation import mean_ndcg
from engine.rank.joining import Inputs, figures, fit_coefficients, inputs
from engine.rank.lists import Lists

LEAST = 0.02  # of what moves the score: a member with less isn't worth what it costs
Scores = Mapping[str, Floats]  # by member, (n_rows,) each


@dataclass(frozen=True)
class Joined:
    """Coefficients fitted for some members, what each adds to the score of valid, and the score, (n_rows,) each."""

    coefficients: Mapping[str, tuple[float, ...]]
    parts: Mapping[str, Floats]
    score: Floats


@dataclass(frozen=True)
class Fitting:
    """What the members say of valid, which none of them learned from, and how they are joined.

    costs: for each member how long a candidate takes, in any unit.
    """

    config: EnsembleConfig
    scores: Scores
    valid: Lists
    costs: Mapping[str, float] = field(default_factory=dict)
    _joined: dict[tuple[str, ...], Joined] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All members."""
        return tuple(self.scores)

    @cached_property
    def calibrations(self) -> dict[str, Calibration]:
        """Of each member. Raises DataError when there is none, or valid has only wanted candidates or no wanted one."""
        if not self.scores:
            raise DataError("An ensemble needs at least one member that can score these lists.")
        return {
            name: Calibration.fit(own, self.valid.known, self.config.calibration) for name, own in self.scores.items()
        }

    @cached_property
    def given(self) -> Inputs:
        """What each member puts in."""
        return inputs(self.config.how, self.scores, self.calibrations, self.valid)

    def join(self, names: Sequence[str]) -> Joined:
        """The ensemble of `names`."""
        key = tuple(names)
        if key not in self._joined:
            given = {name: self.given[name] for name in names}
            coefficients = fit_coefficients(self.config.how, self.config.goal, given, self.valid)
            parts = {name: given[name] @ np.array(coefficients[name]) for name in names}
            self._joined[key] = Joined(coefficients, parts, np.sum(list(parts.values()), axis=0))
        return self._joined[key]

    def score(self, names: Sequence[str], scores: Scores, lists: Lists) -> Floats:
        """(n_rows,) what the ensemble of `names` says of other lists, from the members' scores of them."""
        coefficients = self.join(names).coefficients
        given = inputs(self.config.how, {name: scores[name] for name in names}, self.calibrations, lists)
        return np.asarray(np.sum([given[name] @ np.array(coefficients[name]) for name in names], axis=0))

    def ndcg(self, names: Sequence[str]) -> float:
        """NDCG@10 on valid of the ensemble of `names`."""
        return mean_ndcg(self.valid, self.join(names).score, 10)

    def useless(self) -> dict[str, str]:
        """Members that go off, and why; the costliest is asked first, one always stays."""
        quickest = min((self.costs[name] for name in self.names if name in self.costs), default=0.0)
        kept, off = list(self.names), {}
        for name in sorted(self.names, key=lambda name: -self.costs.get(name, 0.0)):
            others = [other for other in kept if other != name]
            if not others:
                break
            times = self.costs.get(name, 0.0) / quickest if quickest else 1.0
            reason = self._light(kept, name) or self._no_help(kept, others, times)
            if reason:
                kept, off[name] = others, reason
        return off

    def _light(self, kept: Sequence[str], name: str) -> str:
        """What to say when what `name` adds is next to nothing, else an empty text."""
        sizes = {each: float(part.std()) for each, part in self.join(kept).parts.items()}
        share = sizes[name] / max(sum(sizes.values()), 1e-12)
        return f"it is {share:.3f} of what moves the score on valid, next to nothing" if share < LEAST else ""

    def _no_help(self, kept: Sequence[str], others: Sequence[str], times: float) -> str:
        """Why the member that `others` lack goes off; empty when it stays."""
        pair = mean_measure(self._figures(others)), mean_measure(self._figures(kept))
        metric = "NDCG@10" if self.config.goal == "list" else "minus log loss"
        found = paired_bootstrap(*pair, seed=0, unit="lists")
        said = f"{found.difference:+.4f} {metric} on valid ({found.low:+.4f} to {found.high:+.4f})"
        if found.high < 0:
            return f"it makes the ensemble worse: {said}"
        if times < self.config.costly or found.low > 0:
            return ""
        return f"it takes {times:.0f} times as long as the quickest member and adds no more than chance: {said}"

    def _figures(self, names: Sequence[str]) -> Floats:
        """(n_lists,) what the goal says of the ensemble of `names`."""
        score = self.join(names).score
        if self.config.goal == "log_loss":
            score = Calibration.fit(score, self.valid.known).log_odds(score)
        return figures(self.config.goal, score, self.valid)
