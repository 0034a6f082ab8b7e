"""What a query asks for: its terms, with typing errors corrected, and a message where there is little to go on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import shown
from engine.search.fields import Fields
from engine.search.spelling import Speller
from engine.search.terms import plain, terms, words

MOST_CHARACTERS = 2000
MOST_WORDS = 256


@dataclass(frozen=True)
class Correction:
    """A word as it was typed, and what is looked for instead."""

    typed: str
    used: str


@dataclass(frozen=True)
class QueryAnalysis:
    """A query, understood.

    text: what is looked for, corrected (empty: nothing); terms: those of `text`, in order, known or not;
    known: how many of them the catalogue has; corrections: what was changed; message: a sentence for the person when
    there is little to go on, else None.
    """

    text: str
    terms: tuple[str, ...]
    known: int
    corrections: tuple[Correction, ...] = ()
    message: str | None = None

    @property
    def by_meaning(self) -> bool:
        """Whether the words say enough to look for their meaning: not for a single letter."""
        return len(self.text) > 1 and bool(self.terms)

    @property
    def instead(self) -> str | None:
        """In words what was corrected: 'searched for "faucet" instead of "fawcet"'."""
        if not self.corrections:
            return None
        used, typed = (" ".join(getattr(one, name) for one in self.corrections) for name in ("used", "typed"))
        return f"searched for “{used}” instead of “{typed}”"


class QueryReader:
    """Reads queries by the vocabulary of one catalogue."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._speller = Speller(fields.counts)

    def read(self, query: str) -> QueryAnalysis:
        """Understand `query`, which may be anything that a person can type or paste."""
        cut = " ".join(query[:MOST_CHARACTERS].split()[:MOST_WORDS])
        corrections = self._corrections(cut)
        text = _replaced(cut, corrections)
        found = tuple(terms(text))
        known = len(self._fields.numbers(found))
        shortened = len(cut) < len(" ".join(query.split()))
        message = self._message(cut, found, known, shortened=shortened)
        return QueryAnalysis(text if found else "", found, known, corrections, message)

    def _corrections(self, text: str) -> tuple[Correction, ...]:
        pairs = {word: self._speller.correct(word) for word in words(text)}
        return tuple(Correction(word, used) for word, used in pairs.items() if used)

    def _message(self, text: str, found: tuple[str, ...], known: int, *, shortened: bool) -> str | None:
        if not text:
            return "Type what you are looking for: an item, what it is for, a size or a brand."
        if not found:
            what = "only words such as “the” and “for”" if any(map(str.isalnum, text)) else "no words"
            return f"There is nothing to look for in {shown(text)}: it has {what}. Name an item, a use or a brand."
        if len(text) == 1:
            return f"One letter says little: these are the items with {shown(text)} as a word. Type some more."
        if not known:
            return f"No word of {shown(text)} is in the catalogue; what is shown is only near in meaning."
        if shortened:
            return f"The query is long: only its first {len(text.split())} words were used."
        return None


def _replaced(text: str, corrections: tuple[Correction, ...]) -> str:
    if not corrections:
        return text
    used = {one.typed: one.used for one in corrections}
    return re.sub(r"\w+(?:'\w+)?", lambda match: used.get(match.group(), match.group()), plain(text))
