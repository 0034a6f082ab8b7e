"""Phrases of a review that say how something is: "soft foam", "zip jams", "не линяет", "без запаха".

Patterns over parts of speech after Turney ("Thumbs Up or Thumbs Down?", ACL 2002): adjectives with their nouns, verbs
with their adverbs; denials are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.tags.pool.english import english_opinions
from engine.tags.pool.roots import is_russian
from engine.tags.pool.russian import russian_opinions
from engine.text import normalise, sentences

MAX_REVIEW = 4000  # letters of one review that are read
_TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[.,;:!?()]")
_FIXED = re.compile(
    r"\b(?:runs? (?:small|large|big|narrow|wide|short|long)|true to size|well made|(?:мало|больше)мер\w+"
    r"|(?:не )?(?:идут |идет )?в размер)\b"
)


def opinions(review: str) -> list[str]:
    """The opinion phrases of one review, normalised, in order, repetitions kept; Russian ones in the nominative."""
    text = normalise(review[:MAX_REVIEW])
    found: list[str] = []
    for start, end in sentences(text):
        sentence = text[start:end]
        found += [match.group() for match in _FIXED.finditer(sentence)]
        for words in _clauses(_FIXED.sub(".", sentence)):
            russian = 2 * sum(map(is_russian, words)) > len(words)
            found += russian_opinions(words) if russian else english_opinions(words)
    return found


def _clauses(sentence: str) -> Iterator[list[str]]:
    """Runs of words between punctuation."""
    words: list[str] = []
    for token in [*_TOKEN.findall(sentence), "."]:
        if token[0].isalpha():
            words += token.split("-") if is_russian(token) else [token]
        elif words:
            yield words
            words = []
