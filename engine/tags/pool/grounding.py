"""How many tags stand in the reviews' own words: the share of assignments whose every content word is said there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.tags.pool.quality import content
from engine.tags.pool.roots import root
from engine.text import normalise

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


@dataclass(frozen=True)
class Grounding:
    """`grounded` of `assignments` tags of SKUs are said in that SKU's reviews, word for word by their roots."""

    grounded: int
    assignments: int

    @property
    def share(self) -> float:
        """The share of grounded assignments; 0 when there are none."""
        return self.grounded / self.assignments if self.assignments else 0.0


def roots_of(reviews: Iterable[str]) -> frozenset[str]:
    """The roots of all words of an SKU's reviews."""
    return frozenset(root(word) for review in reviews for word in _WORD.findall(normalise(review)))


def is_grounded(tag: str, roots: frozenset[str]) -> bool:
    """Whether every word of `tag` that says something is among `roots`."""
    return roots.issuperset(content(tag))


def grounding(tags: Mapping[str, Iterable[str]], roots: Mapping[str, frozenset[str]]) -> Grounding:
    """Grounding of the tags of each item, given the roots of its reviews (no roots: nothing is grounded)."""
    found = [is_grounded(tag, roots.get(item, frozenset())) for item, given in tags.items() for tag in given]
    return Grounding(sum(found), len(found))
