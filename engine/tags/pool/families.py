"""Roots that belong together though the stemmer keeps them apart: "упаковк" and "упакова", "увлажня" and "увлажнен"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from engine.tags.pool.quality import content

LEAST = 5  # letters that two roots of one family share at the beginning


@dataclass(frozen=True)
class Families:
    """The families of a list of tags; each is known by its most frequent root."""

    heads: Mapping[str, str]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Families:
        """Sort the roots of `counts` (tags with their frequency) into families, frequent roots first."""
        frequency: Counter[str] = Counter()
        for tag, count in counts.items():
            for part in content(tag):
                frequency[part] += count
        heads: dict[str, str] = {}
        known: dict[str, list[str]] = {}
        for part, _ in sorted(frequency.items(), key=lambda pair: (-pair[1], pair[0])):
            near = known.setdefault(part[:LEAST], [])
            heads[part] = next((head for head in near if related(part, head)), part)
            if heads[part] == part:
                near.append(part)
        return cls(heads)

    def content(self, tag: str) -> frozenset[str]:
        """The families of a tag's content words."""
        return frozenset(self.heads.get(part, part) for part in content(tag))


def related(one: str, other: str) -> bool:
    """Whether two roots differ only in their ends: the shorter one, but for its last letter, begins the longer one."""
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return one == other or (shared >= LEAST and shared >= min(len(one), len(other)) - 1)
