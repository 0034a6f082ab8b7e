"""What a query that is being typed may become: titles, tags and queries that hold its words, by prefix or nearly.

The words before the last one must stand in a suggestion, the last one may be the beginning of a word. When too few
suggestions hold them, a word may have a typing error or two.
"""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.text import normalise

Source = Literal["judged", "asked", "tag", "title"]
SOURCES: tuple[Source, ...] = ("asked", "judged", "tag", "title")
WORD = re.compile(r"\w+(?:'\w+)?")
MOST_TYPED = 100  # characters; nobody completes a longer query
MOST_LETTERS = 80  # of a suggestion
LAST = "\U0010ffff"

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Suggestion:
    """A query to choose: its words, and where they come from."""

    text: str
    source: Source


class Suggester:
    """Completes queries. Building it takes a moment for a large catalogue; asking it takes milliseconds.

    The order of what fits: queries and tags before titles, what begins with the typed text before what only holds it,
    then by source (asked, judged, tag) and by the place in the given texts, so give the best first.
    """

    def __init__(self, asked: Iterable[str], judged: Iterable[str], tags: Iterable[str], titles: Iterable[str]) -> None:
        self._entries: list[Suggestion] = []
        seen: dict[str, int] = {}
        for source, texts in zip(SOURCES, (asked, judged, tags, titles), strict=True):
            for text in texts:
                key = _key(text)
                if key and len(text) <= MOST_LETTERS and key not in seen:
                    seen[key] = len(self._entries)
                    self._entries.append(Suggestion(" ".join(text.split()), source))
        self._keys = sorted(seen)
        self._numbers = np.array([seen[key] for key in self._keys], dtype=np.int64)
        holding: dict[str, list[int]] = defaultdict(list)
        for key, number in seen.items():
            for word in set(WORD.findall(key)):
                holding[word].append(number)
        self._words = sorted(holding)
        self._holding = [np.array(sorted(holding[word]), dtype=np.int64) for word in self._words]

    def suggest(self, typed: str, n: int = 8) -> tuple[Suggestion, ...]:
        """At most `n` suggestions for what was typed so far, best first; none for nothing typed."""
        key = _key(typed[:MOST_TYPED])
        words = WORD.findall(key)
        if not words or len(typed) > MOST_TYPED:
            return ()
        beginning = self._beginning(key, n)
        exact = [self._exactly(word) for word in words[:-1]] + [self._starting(words[-1])]
        found = self._ordered({*beginning, *_common(exact)[: 2 * n].tolist()}, beginning)
        if len(found) < n:
            near = [self._nearly(word, whole=True) for word in words[:-1]] + [self._nearly(words[-1], whole=False)]
            found += self._ordered(set(_common(near)[: 2 * n].tolist()) - set(found), beginning)
        fitting = (self._entries[number] for number in found if _key(self._entries[number].text) != key)
        return tuple(entry for _, entry in zip(range(n), fitting, strict=False))

    def _ordered(self, numbers: Collection[int], beginning: Collection[int]) -> list[int]:
        return sorted(numbers, key=lambda one: (self._entries[one].source == "title", one not in beginning, one))

    def _beginning(self, key: str, n: int) -> list[int]:
        """Numbers of the `n` best suggestions that begin with `key`."""
        left, right = bisect.bisect_left(self._keys, key), bisect.bisect_left(self._keys, key + LAST)
        best: list[int] = np.sort(self._numbers[left:right])[:n].tolist()
        return best

    def _exactly(self, word: str) -> Ints:
        place = bisect.bisect_left(self._words, word)
        there = place < len(self._words) and self._words[place] == word
        return self._holding[place] if there else np.zeros(0, dtype=np.int64)

    def _starting(self, word: str) -> Ints:
        left, right = bisect.bisect_left(self._words, word), bisect.bisect_left(self._words, word + LAST)
        return _union(self._holding[left:right])

    def _nearly(self, word: str, *, whole: bool) -> Ints:
        """Numbers of the suggestions with a word that is `word`, or begins with it, but for typing errors."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        exact = self._exactly(word) if whole else self._starting(word)
        errors = 0 if len(word) < 4 else 1 if len(word) < 7 else 2
        if not errors or len(exact):
            return exact
        # A letter that was left out makes the beginning of the meant word one letter longer.
        ends = (None,) if whole else (len(word), len(word) + 1)
        choices = [known[:end] for end in ends for known in self._words]
        found = process.extract(word, choices, scorer=OSA.distance, score_cutoff=errors, limit=None)
        least = min((distance for _, distance, _ in found), default=0)
        places = {place % len(self._words) for _, distance, place in found if distance == least}
        return _union([self._holding[place] for place in places])


def _key(text: str) -> str:
    return " ".join(normalise(text).split())


def _union(parts: Sequence[Ints]) -> Ints:
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)


def _common(parts: Sequence[Ints]) -> Ints:
    """Numbers that all `parts` hold, ascending."""
    return reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), parts)
