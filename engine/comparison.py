"""Two ranked lists in the one language of comparison: only in A, only in B, up, down, same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Where = Literal["only A", "only B", "up", "down", "same"]


@dataclass(frozen=True)
class Place:
    """One item in two lists. a, b: its place in each, from 1; None where the list doesn't hold it.

    `where` is told from B's side: "up" stands higher in B than in A.
    """

    item_id: str
    a: int | None
    b: int | None

    @property
    def where(self) -> Where:
        """Its side or its way, in the language of comparison."""
        if self.a is None or self.b is None:
            return "only B" if self.a is None else "only A"
        return "same" if self.a == self.b else "up" if self.b < self.a else "down"

    @property
    def moved(self) -> int:
        """Places that it stands higher in B than in A; negative when lower, 0 where only one list holds it."""
        return 0 if self.a is None or self.b is None else self.a - self.b


@dataclass(frozen=True)
class Compared:
    """Two lists compared: every item that either holds, those of B in B's order, then those that only A holds."""

    places: tuple[Place, ...]

    @property
    def counts(self) -> dict[Where, int]:
        """How many items there are of each kind, in a fixed order."""
        kinds: tuple[Where, ...] = ("same", "up", "down", "only A", "only B")
        return {kind: sum(place.where == kind for place in self.places) for kind in kinds}

    @property
    def overlap(self) -> float:
        """The share of items that both lists hold (Jaccard's index); 1.0 for two empty lists."""
        both = sum(place.a is not None and place.b is not None for place in self.places)
        return both / len(self.places) if self.places else 1.0


def compare_lists(a: Sequence[str], b: Sequence[str]) -> Compared:
    """Compare two ranked lists of ids, best first, at the length they have; a repeated id counts at its first place."""
    places_a, places_b = _places(a), _places(b)
    ids = [*places_b, *(item_id for item_id in places_a if item_id not in places_b)]
    return Compared(tuple(Place(item_id, places_a.get(item_id), places_b.get(item_id)) for item_id in ids))


def _places(ids: Sequence[str]) -> dict[str, int]:
    return {item_id: place for place, item_id in enumerate(dict.fromkeys(ids), start=1)}
