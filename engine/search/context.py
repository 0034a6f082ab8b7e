"""The words by which reviews tell who uses something and for what occasion, and those that tell nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from engine.text import NEGATIONS, normalise, stem

_FILE = Path(__file__).with_name("context.json")


@dataclass(frozen=True)
class Lexicon:
    """Normalised words; a pair of words is written with a space.

    people, occasions: word -> the keyword that it stands for
    people_leads, occasion_leads: one of these must stand shortly before; bare: occasions that need none
    breaks:  words that no phrase goes across
    generic: words that would fit any product; service: words about the shop, not the product
    """

    people: Mapping[str, str]
    occasions: Mapping[str, str]
    people_leads: frozenset[str]
    occasion_leads: frozenset[str]
    bare: frozenset[str]
    breaks: frozenset[str]
    generic: frozenset[str]
    service: frozenset[str]

    @cached_property
    def _generic_stems(self) -> frozenset[str]:
        return frozenset(stem(word) for word in self.generic if not word.isascii())

    def is_generic(self, word: str) -> bool:
        """Whether a normalised word would fit any product; a Russian one in any of its forms."""
        return word in self.generic or (not word.isascii() and stem(word) in self._generic_stems)

    @cached_property
    def openings(self) -> frozenset[str]:
        """The first words of all occasions."""
        return frozenset(said.split()[0] for said in self.occasions)

    @cached_property
    def contextual(self) -> frozenset[str]:
        """Every word of a person or an occasion, those of pairs apart."""
        return frozenset(word for said in (*self.people, *self.occasions) for word in said.split())


@cache
def lexicon() -> Lexicon:
    """The lexicon of context.json, read once."""
    said = json.loads(_FILE.read_text(encoding="utf-8"))
    return Lexicon(
        people=_standing(said["people"]),
        occasions=_standing(said["occasions"]),
        people_leads=_words(said["leads"]["people"]),
        occasion_leads=_words(said["leads"]["occasions"]),
        bare=_words(said["leads"]["bare"]),
        breaks=_words(said["breaks"]) | NEGATIONS,
        generic=_words(said["generic"]),
        service=_words(said["service"]),
    )


def _standing(listed: Mapping[str, str]) -> dict[str, str]:
    return {normalise(word).replace("_", " "): keyword for keyword, words in listed.items() for word in words.split()}


def _words(listed: str) -> frozenset[str]:
    return frozenset(normalise(listed).split())
