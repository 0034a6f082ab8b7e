"""The smallest change that would swap two candidates of a list: of one feature, or of the weight of one member.

A change of a feature is the counterfactual of Wachter, Mittelstadt and Russell (Counterfactual explanations without
opening the black box, 2018), held to one feature and to values that it had in train. What swaps the two is scored again
with the whole list before it is told. It says what the rankers would answer, not what would happen in a shop, where one
change brings others along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.rank.base import Floats
from engine.rank.ensemble import Scores
from engine.rank.lists import CODE, Feature, Lists
from engine.rank.panel import Panel, Weights
from engine.rank.seen import Values

TRIED = 33  # values of a feature in each of two rounds: over all of train, then from its own to the nearest that swaps
MOST_ROWS = 100_000  # candidates that are scored at once
STEPS = 100  # weights that are tried for a member, from none to all
ABOVE, BELOW, LIST = "above", "below", "list"


@dataclass(frozen=True)
class FeatureSwap:
    """A change of one feature after which the lower candidate is above the upper one.

    column: the feature's place among the list's; side: whose value changes: ABOVE, BELOW, or LIST where all candidates
    share it; before, after: its values, NaN where unknown; size: the share of train's values between them; lead: by how
    much the lower one is then above.
    """

    feature: Feature
    column: int
    side: str
    before: float
    after: float
    size: float
    lead: float


@dataclass(frozen=True)
class WeightSwap:
    """The nearest weight of one member with which the lower one is above; the others share the rest as they do now."""

    member: str
    before: float
    after: float
    weights: Weights

    @property
    def size(self) -> float:
        """How far the weight moves."""
        return abs(self.after - self.before)


def feature_swaps(panel: Panel, one: Lists, above: int, below: int, seen: Sequence[Values]) -> tuple[FeatureSwap, ...]:
    """For each feature and side the smallest change that swaps two rows of the list `one`, smallest first.

    Empty when no value of a single feature that was seen in train does. seen: in the order of the list's columns.
    """
    search = _Search(panel, one, above, below, panel.member_scores(one))
    asked = [
        (column, side, values.spread(TRIED))
        for column, values in enumerate(seen)
        for side in ((LIST,) if values.shared else (BELOW, ABOVE))
    ]
    rough = _nearest(search.trials(asked, seen))
    closer = [
        (swap.column, swap.side, seen[swap.column].between(swap.before, swap.after, TRIED))
        for swap in rough
        if swap.feature.kind != CODE
    ]
    return search.checked(_nearest([*rough, *search.trials(closer, seen)]))


def weight_swaps(panel: Panel, one: Lists, above: int, below: int) -> tuple[WeightSwap, ...]:
    """For each member the smallest change of its weight that swaps two rows of the list `one`, smallest first.

    Empty when none does: where every member has the upper one above, no weights can.
    """
    scores = panel.member_scores(one)

    def swapped(weights: Weights) -> bool:
        total = panel.combine(one, scores, weights)
        return bool(total[below] > total[above])

    found = [_weight_swap(panel.weights, name, swapped) for name in panel.members]
    return tuple(sorted((swap for swap in found if swap), key=lambda swap: (swap.size, swap.member)))


def reweighted(weights: Weights, member: str, weight: float) -> dict[str, float]:
    """The weights with `member` at `weight` and the others sharing the rest in the proportions they have."""
    others = sum(value for name, value in weights.items() if name != member)
    rest = len(weights) - 1
    return {
        name: weight if name == member else (1 - weight) * (value / others if others > 0 else 1 / max(rest, 1))
        for name, value in weights.items()
    }


def _weight_swap(weights: Weights, member: str, swapped: Callable[[Weights], bool]) -> WeightSwap | None:
    total = sum(weights.values())
    shares = {name: value / total for name, value in weights.items()}
    now = shares[member]
    tried = sorted(np.linspace(0, 1, STEPS + 1), key=lambda weight: abs(weight - now))
    far = next((float(weight) for weight in tried if swapped(reweighted(shares, member, weight))), None)
    if far is None:
        return None
    near = now
    for _ in range(12):
        middle = (near + far) / 2
        near, far = (near, middle) if swapped(reweighted(shares, member, middle)) else (middle, far)
    return WeightSwap(member, now, far, reweighted(shares, member, far))


@dataclass(frozen=True)
class _Search:
    """Changes tried on one pair. scores: of the members, as the list is."""

    panel: Panel
    one: Lists
    above: int
    below: int
    scores: Scores

    def trials(self, asked: Sequence[tuple[int, str, Floats]], seen: Sequence[Values]) -> list[FeatureSwap]:
        """Those changes among (column, side, values) that swap the two."""
        found = []
        for column, side, values in asked:
            before = float(self.one.features[self.above if side == ABOVE else self.below, column])
            sizes = seen[column].far(before, values)
            found += [
                FeatureSwap(seen[column].feature, column, side, before, float(value), float(size), 0.0)
                for value, size in zip(values, sizes, strict=True)
                if value != before
            ]
        return self._kept(found, whole=False)

    def checked(self, swaps: Sequence[FeatureSwap]) -> tuple[FeatureSwap, ...]:
        """Those that hold when every candidate is scored anew, smallest first."""
        return tuple(sorted(self._kept(swaps, whole=True), key=_order))

    def _kept(self, swaps: Sequence[FeatureSwap], *, whole: bool) -> list[FeatureSwap]:
        found: list[FeatureSwap] = []
        step = max(MOST_ROWS // len(self.one.items), 1)
        for start in range(0, len(swaps), step):
            part = swaps[start : start + step]
            leads = self._leads(part, whole=whole)
            found += [replace(swap, lead=float(lead)) for swap, lead in zip(part, leads, strict=True) if lead > 0]
        return found

    def _leads(self, swaps: Sequence[FeatureSwap], *, whole: bool) -> Floats:
        """(n_swaps,) by how much the lower one is above after each change."""
        n = len(self.one.items)
        lists = self.one.take(np.zeros(len(swaps), dtype=np.int64))
        features, changed = lists.features.copy(), np.zeros(len(lists.items), dtype=bool)
        for place, swap in enumerate(swaps):
            rows = self._rows(swap.side) + place * n
            features[rows, swap.column], changed[rows] = swap.after, True
        lists = replace(lists, features=features)
        scores = self.panel.member_scores(lists) if whole else self._rescored(lists, changed)
        total = self.panel.combine(lists, scores)
        starts = lists.starts[:-1]
        found: Floats = total[starts + self.below] - total[starts + self.above]
        return found

    def _rows(self, side: str) -> NDArray[np.int64]:
        if side == LIST:
            return np.arange(len(self.one.items))
        return np.array([self.above if side == ABOVE else self.below])

    def _rescored(self, lists: Lists, changed: NDArray[np.bool_]) -> Scores:
        """The members' scores where only the `changed` rows are scored anew: a row's score is its own."""
        part = lists.rows(changed)
        found: dict[str, Floats] = {}
        for name, member in self.panel.members.items():
            found[name] = np.tile(self.scores[name], len(lists))
            if member.columns:
                found[name][changed] = member.scores(part)
        return found


def _nearest(swaps: Sequence[FeatureSwap]) -> list[FeatureSwap]:
    """The smallest change of each feature and side."""
    best: dict[tuple[int, str], FeatureSwap] = {}
    for swap in sorted(swaps, key=_order):
        best.setdefault((swap.column, swap.side), swap)
    return list(best.values())


def _order(swap: FeatureSwap) -> tuple[float, float, str, str]:
    moved = abs(swap.after - swap.before)
    return swap.size, moved if moved == moved else 0.0, swap.feature.name, swap.side
