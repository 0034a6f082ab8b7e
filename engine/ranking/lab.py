"""The ensemble on the lists of test that it was measured on: what the page Ranking lab asks.

Members' scores were kept when they were measured, so other weights can be tried in a moment. What is found so is read
off test, as often as somebody moves a slider: a warning about a setting, not a figure to report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import UnknownNameError
from engine.metrics.measures import measures
from engine.metrics.significance import PairedDifference
from engine.rank.agreement import importances
from engine.rank.base import Floats
from engine.rank.ensemble import Scores
from engine.rank.evaluation import list_ndcg, rank_rows
from engine.rank.lists import Lists
from engine.rank.panel import Panel, Weights
from engine.ranking.cache import ENSEMBLE
from engine.ranking.decisions import BASE, Decision, places, take_apart
from engine.ranking.lines import KIND, METRICS, Line, describe, difference
from engine.ranking.list_table import FIRST, list_table


@dataclass(frozen=True)
class Lab:
    """Lists with what every ranker says of them.

    lists: those where something was wanted; panel: the ensemble with its members; scores: the members', (n_rows,) each;
    base: (n_rows,) what puts the candidates into the order of the baseline, higher first; baseline: which one that is.
    """

    lists: Lists
    panel: Panel
    scores: Scores
    base: Floats
    baseline: str = "recommend"

    @cached_property
    def total(self) -> Floats:
        """(n_rows,) the ensemble's score."""
        return self.panel.combine(self.lists, self.scores)

    @property
    def names(self) -> list[str]:
        """All rankers: the ensemble, its members, and the baseline."""
        return [ENSEMBLE, *self.scores, BASE]

    @cached_property
    def every(self) -> dict[str, Floats]:
        """What each ranker orders candidates by, (n_rows,), by name."""
        return {ENSEMBLE: self.total, **self.scores, BASE: self.base}

    @cached_property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """(n_rows,) where each ranker has a candidate in its list, from 1, by ranker."""
        return {name: places(self.lists, own) for name, own in self.every.items()}

    @cached_property
    def rows(self) -> dict[str, pd.DataFrame]:
        """The rows of a run of kind "rank" for each ranker; those of the baseline have places instead of chances."""
        return {name: rank_rows(self.lists, self.every[name], self.chances(name)) for name in self.names}

    @cached_property
    def table(self) -> pd.DataFrame:
        """The lists, each with how every ranker did on it."""
        values = {name: list_ndcg(self.lists, own, FIRST) for name, own in self.every.items()}
        return list_table(self.lists, self.every, values, self.scores)

    def chances(self, name: str) -> Floats:
        """(n_rows,) the chance of being wanted as a ranker says it; of the baseline the place, as a share of the list.

        Raises UnknownNameError with the nearest ranker.
        """
        if self.known(name) == BASE:
            return 1 - (self.places[BASE] - 1) / self.lists.sizes[self.lists.list_of_row]
        if name == ENSEMBLE:
            return self.panel.ensemble.probabilities(self.scores, self.lists)
        return self.panel.ensemble.calibrations[name].probabilities(self.scores[name])

    def known(self, name: str) -> str:
        """The name of a ranker as it is. Raises UnknownNameError with the nearest when there is none of that name."""
        if name not in self.names:
            raise UnknownNameError("ranker", name, self.names)
        return name

    def lines(self, *, seed: int = 0) -> list[Line]:
        """Every ranker with its figures, and how far it is above the baseline and above the best member."""
        best = max(self.scores, key=lambda name: self.table[f"{name} ndcg@5"].mean())
        return describe(self.rows, others=(BASE, best), orders=(BASE,), seed=seed)

    def tried(self, weights: Weights, *, seed: int = 0) -> dict[str, PairedDifference]:
        """How far the ensemble would be above itself with other weights, by metric, with intervals over the lists."""
        score = self.panel.combine(self.lists, self.scores, weights)
        chances = self.panel.ensemble.final.probabilities(score)
        rows = rank_rows(self.lists, score, chances)
        served, other = (measures(KIND, frame, METRICS) for frame in (self.rows[ENSEMBLE], rows))
        return {metric: difference(served, other, metric, seed=seed) for metric in METRICS}

    def moved(self, weights: Weights) -> pd.DataFrame:
        """The lists whose NDCG@5 other weights change, largest change first: list_id, user_id, before, after."""
        after = list_ndcg(self.lists, self.panel.combine(self.lists, self.scores, weights), FIRST)
        before = self.table[f"{ENSEMBLE} ndcg@5"].to_numpy()
        frame = self.table[["list_id", "user_id"]].assign(before=before, after=after, change=after - before)
        kept = frame[frame["change"].abs() > 1e-12]
        order = np.lexsort((kept["list_id"].astype(str), -kept["change"].abs()))
        return kept.iloc[order].reset_index(drop=True)

    def decision(self, list_id: str, weights: Weights | None = None) -> Decision:
        """One list taken apart. Raises UnknownNameError with the nearest list."""
        place = self.place(list_id)
        rows = slice(int(self.lists.starts[place]), int(self.lists.starts[place + 1]))
        scores = {name: own[rows] for name, own in self.scores.items()}
        return take_apart(self.panel, self.lists.take(np.array([place])), scores, self.base[rows], weights=weights)

    def place(self, list_id: str) -> int:
        """Where a list stands among the lists. Raises UnknownNameError with the nearest list."""
        if list_id not in self._places:
            raise UnknownNameError("list", list_id, self._places)
        return self._places[list_id]

    def lists_of(self, user_id: str) -> list[str]:
        """The lists of a user. Raises UnknownNameError with the nearest user who has one."""
        found = self.lists.list_ids[self.lists.users == user_id].tolist()
        if not found:
            raise UnknownNameError("user with a list of test", user_id, self.lists.users.tolist())
        return [str(one) for one in found]

    def explained(self, one: Lists, row: int) -> dict[str, dict[str, float]]:
        """What raised or lowered the score of one candidate of the list `one`, by member."""
        kept = np.arange(len(one.items)) == row
        return {name: member.explain(one.rows(kept))[0] for name, member in self.panel.members.items()}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {str(list_id): place for place, list_id in enumerate(self.lists.list_ids)}

    @cached_property
    def importances(self) -> pd.DataFrame:
        """Shares of importance of the features, by member that reads any."""
        return importances({name: member.importance() for name, member in self.panel.members.items()})


def measured(lists: Lists, scores: Mapping[str, Floats]) -> tuple[Lists, dict[str, Floats]]:
    """The lists where something was wanted, and the scores (n_rows,) of their candidates."""
    kept = lists.sought > 0
    rows = kept[lists.list_of_row]
    return lists.take(np.flatnonzero(kept)), {name: own[rows] for name, own in scores.items()}


def feature_rows(lab: Lab, feature: str, members: Sequence[str], *, most: int) -> pd.DataFrame:
    """What a feature was and did for each of the first `most` candidates: list_id, user_id, item_id, value, wanted, and
    "<member> part", what it adds there in the member's own units.

    Raises UnknownNameError with the nearest feature.
    """
    lists = lab.lists
    if feature not in lists.names:
        raise UnknownNameError("feature", feature, lists.names)
    n = max(int(np.searchsorted(lists.starts, most, side="right")) - 1, 1)
    some = lists.take(np.arange(min(n, len(lists))))
    frame = pd.DataFrame(
        {
            "list_id": some.list_ids[some.list_of_row],
            "user_id": some.users[some.list_of_row],
            "item_id": some.stock.item_ids[some.items],
            "value": some.features[:, some.names.index(feature)],
            "wanted": some.known,
        }
    )
    for name in members:
        frame[f"{name} part"] = [told.get(feature, 0.0) for told in lab.panel.members[name].explain(some)]
    return frame
