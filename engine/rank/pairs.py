"""Why one candidate of a list is above another: by member of the ensemble, and within each by feature or past event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engine.rank.lists import Lists
from engine.rank.panel import Panel


@dataclass(frozen=True)
class Part:
    """What makes a difference: its name, and what it adds to the score of the upper and of the lower candidate."""

    name: str
    above: float
    below: float

    @property
    def difference(self) -> float:
        """How much it speaks for the upper one; negative where it speaks for the lower one."""
        return self.above - self.below


@dataclass(frozen=True)
class Pair:
    """Why the candidate in row `above` of a single list is above the one in row `below`.

    scores: the ensemble's, of both; members: what each adds to them, largest difference first; inside: for each member
    what its features (or the user's past events, by item id) add, largest difference first, in that member's own units.
    """

    above: int
    below: int
    scores: tuple[float, float]
    members: tuple[Part, ...]
    inside: dict[str, tuple[Part, ...]]


def compare_pair(panel: Panel, one: Lists, above: int, below: int) -> Pair:
    """Take apart why row `above` of the list `one` is above row `below`."""
    scores = panel.member_scores(one)
    total = panel.combine(one, scores)
    parts = panel.parts(one, scores)
    return Pair(
        above,
        below,
        (float(total[above]), float(total[below])),
        _largest_first(Part(name, float(part[above]), float(part[below])) for name, part in parts.items()),
        _inside(panel, one, above, below),
    )


def _inside(panel: Panel, one: Lists, above: int, below: int) -> dict[str, tuple[Part, ...]]:
    kept = np.zeros(len(one.items), dtype=bool)
    kept[[above, below]] = True
    both, first = one.rows(kept), int(above > below)
    found = {}
    for name, member in panel.members.items():
        told = member.explain(both)
        upper, lower = told[first], told[1 - first]
        names = dict.fromkeys([*upper, *lower])
        found[name] = _largest_first(Part(what, upper.get(what, 0.0), lower.get(what, 0.0)) for what in names)
    return found


def _largest_first(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: (-abs(part.difference), part.name)))
