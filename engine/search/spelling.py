"""Typing errors, corrected by the words of the catalogue: the nearest known word, or two words written as one.

Only words that the catalogue doesn't have are touched. Distance: optimal string alignment, where a swap of neighbours
is one error (Damerau, CACM 1964); of equal distances the commoner word wins, with its first letter as it was typed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from math import log

from engine.search.terms import STOPS, root

LEAST = 4  # letters; shorter words have too many neighbours
TWO_ERRORS = 6  # letters from which two errors are forgiven
LEAST_PART = 3  # letters of each half of a word that was written together
LEAST_COUNT = 2  # documents with a word that others are corrected to; fewer: perhaps a typing error itself


class Speller:
    """Corrects words by those in `counts`: written word -> number of documents with it."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._roots = {root(word) for word in counts}
        least = LEAST_COUNT if len(counts) > 1000 else 1
        self._counts = {word: n for word, n in counts.items() if n >= least and word.isalpha() and len(word) > 1}
        self._by_length: dict[int, list[str]] = defaultdict(list)
        for word in sorted(self._counts):
            if len(word) >= LEAST_PART:
                self._by_length[len(word)].append(word)
        self.correct = lru_cache(maxsize=1 << 14)(self._correct)

    def knows(self, word: str) -> bool:
        """Whether the catalogue has `word` in some form."""
        return root(word) in self._roots

    def _correct(self, word: str) -> str | None:
        """The words of the catalogue that `word` (normalised) likely stands for; None when it is known or none is."""
        if len(word) < LEAST or not word.isalpha() or word in STOPS or self.knows(word):
            return None
        nearest = self._nearest(word, 1)
        return nearest or self._halves(word) or (self._nearest(word, 2) if len(word) >= TWO_ERRORS else None)

    def _nearest(self, word: str, errors: int) -> str | None:
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        lengths = range(len(word) - errors, len(word) + errors + 1)
        choices = [known for length in lengths for known in self._by_length.get(length, ())]
        found = process.extract(word, choices, scorer=OSA.distance, score_cutoff=errors, limit=None)
        return max((known for known, _, _ in found), key=lambda known: self._likely(word, known), default=None)

    def _likely(self, word: str, known: str) -> tuple[float, str]:
        same = 3.0 * (word[0] == known[0]) + 1.0 * (word[-1] == known[-1])
        return log(self._counts[known]) + same, known

    def _halves(self, word: str) -> str | None:
        pairs = [(word[:cut], word[cut:]) for cut in range(LEAST_PART, len(word) - LEAST_PART + 1)]
        known = [(a, b) for a, b in pairs if a in self._counts and b in self._counts]
        best = max(known, key=lambda pair: min(self._counts[part] for part in pair), default=None)
        return " ".join(best) if best else None
