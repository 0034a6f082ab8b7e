"""An ensemble with its members, as its decisions are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.rank.base import Floats, Ranker
from engine.rank.ensemble import Ensemble, Scores
from engine.rank.lists import Lists

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Panel:
    """The members that are at hand, by name, and what joins their scores."""

    members: Mapping[str, Ranker]
    ensemble: Ensemble

    @property
    def weights(self) -> dict[str, float]:
        """How much each member at hand counts, adding up to 1."""
        own = {name: self.ensemble.weights.get(name, 0.0) for name in self.members}
        total = sum(own.values())
        return {name: weight / total for name, weight in own.items()} if total else own

    def member_scores(self, lists: Lists) -> Scores:
        """What each member says of the candidates, (n_rows,) by member."""
        return {name: member.scores(lists) for name, member in self.members.items()}

    def parts(self, lists: Lists, scores: Scores, weights: Weights | None = None) -> dict[str, Floats]:
        """What each member adds to the score of each candidate, with the fitted weights or with others."""
        return self.ensemble.parts(scores, lists, weights)

    def combine(self, lists: Lists, scores: Scores, weights: Weights | None = None) -> Floats:
        """(n_rows,) the ensemble's score from those of its members, with the fitted weights or with others."""
        return self.ensemble.combine(scores, lists, weights)

    def scores(self, lists: Lists) -> Floats:
        """(n_rows,) the ensemble's score."""
        return self.combine(lists, self.member_scores(lists))
