"""An ensemble as its decisions are looked at: members that score, and one rule that joins their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.rank.base import Floats, Ranker
from engine.rank.lists import Lists

Scores = Mapping[str, Floats]  # by member, (n_rows,) each
Weights = Mapping[str, float]


@dataclass(frozen=True)
class Panel:
    """What explaining needs of an ensemble, whatever way it joins its members.

    members: by name; weights: how much each counts; parts: (lists, the members' scores, weights) -> what each member
    adds to the ensemble's score, (n_rows,) by member: their sum orders the candidates of a list.
    """

    members: Mapping[str, Ranker]
    weights: Weights
    parts: Callable[[Lists, Scores, Weights], Scores]

    def member_scores(self, lists: Lists) -> Scores:
        """What each member says of the candidates."""
        return {name: member.scores(lists) for name, member in self.members.items()}

    def combine(self, lists: Lists, scores: Scores, weights: Weights | None = None) -> Floats:
        """(n_rows,) the ensemble's score from those of its members, with its own weights or with others."""
        found: Floats = np.zeros(len(lists.items))
        for part in self.parts(lists, scores, self.weights if weights is None else weights).values():
            found = found + part
        return found

    def scores(self, lists: Lists) -> Floats:
        """(n_rows,) the ensemble's score."""
        return self.combine(lists, self.member_scores(lists))
