"""Phrases of a review that say how something is: "soft foam", "zip jams", "не линяет", "без запаха".

Patterns over parts of speech after Turney ("Thumbs Up or Thumbs Down?", ACL 2002): adjectives with their nouns, verbs
with their adverbs; denials are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.tags.pool.english import english_opinions
from engine.tags.pool.lexicon import denied, fixed
from engine.tags.pool.roots import is_russian
from engine.tags.pool.russian import russian_opinions
from engine.text import normalise, sentences

MAX_REVIEW = 4000  # letters of one review that are read
_TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[.,;:!?()]")
_DENIED = re.compile(r"(?:\b(?:not?|never|without|hardly|isnt|doesnt|не)|n't)\s+(?:[\w']+\s+)?$")
_FIXED = re.compile(
    r"\b(?:runs? (?:long|short|narrow|wide)|well made|(?:мало|больше)мер\w+|не (?:идут |идет )?в размер)\b"
)


def opinions(review: str) -> list[str]:
    """The opinion phrases of one review, normalised, in order, repetitions kept; Russian ones in the nominative."""
    text = normalise(review[:MAX_REVIEW])
    found: list[str] = []
    for start, end in sentences(text):
        sentence = text[start:end]
        for tag, pattern in fixed():
            found += filter(None, (_said(tag, sentence, match.start()) for match in pattern.finditer(sentence)))
            sentence = pattern.sub(".", sentence)
        found += [match.group() for match in _FIXED.finditer(sentence)]
        for words, announces in _clauses(_FIXED.sub(".", sentence)):
            russian = 2 * sum(map(is_russian, words)) > len(words)
            found += russian_opinions(words) if russian else english_opinions(words, announces=announces)
    return found


def _said(tag: str, sentence: str, start: int) -> str | None:
    """`tag`, or, when it is denied just before `start`, what its denial is called, if anything."""
    return denied(tag) if _DENIED.search(sentence[:start]) else tag


def _clauses(sentence: str) -> Iterator[tuple[list[str], bool]]:
    """Runs of words between punctuation, each with whether a colon follows it."""
    words: list[str] = []
    for token in [*_TOKEN.findall(sentence), "."]:
        if token[0].isalpha():
            words += token.split("-") if is_russian(token) else [token]
        elif words:
            yield words, token == ":"
            words = []
