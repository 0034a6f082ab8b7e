"""The check that asks nobody: which sentences say a tag in its own words, and which deny it or say the opposite.

A sentence supports a tag when it holds the roots of all its words and stands on the same side (polarity.py): "не
тяжёлая" doesn't support "тяжёлая". It contradicts one when it denies what the tag asserts, or names the opposite
("large size" for "small size"), and holds the tag's other words. With an encoder, a sentence that is near enough to the
tag supports it too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.schema import ItemText, Sentence
from engine.tags.evidence import item_sentences
from engine.tags.pool.grounding import roots_of
from engine.tags.pool.polarity import signature
from engine.tags.pool.quality import content
from engine.tags.rerank import Check, Verdict

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
MOST_SENTENCES = 600  # of one SKU that are read
NEAR = 0.6  # cosine from which a sentence says what the tag says
_CLAUSE = re.compile(r"[,;:()—–]|\s-\s|\b(?:but|and|plus|though|но|а|зато|хотя)\b", re.IGNORECASE)


@dataclass(frozen=True)
class LocalCheck:
    """Reads sentences by their roots and poles; `encode` (texts to vectors of length 1) adds nearness in meaning."""

    encode: Encode | None = None

    @property
    def name(self) -> str:
        """Who checks, in words for the screen."""
        return "local evidence check"

    def check(self, item: ItemText, tags: Sequence[str]) -> Check:
        """Verdicts by how many reviews say a tag and how many contradict it, with Laplace's rule of succession."""
        started = time.monotonic()
        every = item_sentences(item)
        read = every[:MOST_SENTENCES]
        sides = _sides(read, tags)
        if self.encode is not None and read:
            near = self.encode(tags) @ self.encode([sentence.text for sentence in read]).T
            sides = np.where((sides == 0) & (near >= NEAR), 1, sides)
        verdicts = [_verdict(number, row, read) for number, row in enumerate(sides, start=1)]
        note = "" if len(every) == len(read) else f"The first {len(read):,} of {len(every):,} sentences were read."
        return Check(tuple(filter(None, verdicts)), time.monotonic() - started, note=note)


@dataclass(frozen=True)
class _Said:
    """A tag or a clause, ready to be compared: the roots of its words, and the marks of its polarity."""

    roots: frozenset[str]
    marks: frozenset[str]


def _sides(read: Sequence[Sentence], tags: Sequence[str]) -> NDArray[np.int64]:
    """(n_tags, n_sentences): 1 where the sentence supports the tag, -1 where it contradicts it, else 0."""
    clauses = [_clauses(sentence.text) for sentence in read]
    sides = np.zeros((len(tags), len(read)), dtype=np.int64)
    for row, tag in enumerate(tags):
        wanted = _Said(frozenset(content(tag)), signature(tag))
        for column, said in enumerate(clauses):
            sides[row, column] = max((_side(wanted, clause) for clause in said), key=abs, default=0)
    return sides


def _clauses(sentence: str) -> list[_Said]:
    pieces = [piece for piece in _CLAUSE.split(sentence) if piece.strip()]
    return [_Said(roots_of([piece]), signature(piece)) for piece in pieces]


def _side(tag: _Said, clause: _Said) -> int:
    """1 when the clause says what the tag says, -1 when it denies it or says the opposite, else 0."""
    if not tag.roots:
        return 0
    missing = tag.roots - clause.roots
    if not missing:
        denials = {f"not {root}" for root in tag.roots}
        return 1 if bool(denials & tag.marks) == bool(denials & clause.marks) else -1
    return -1 if len(missing) == 1 and len(tag.roots) > 1 and _opposite(tag.marks, clause.marks) else 0


def _opposite(tag: frozenset[str], clause: frozenset[str]) -> bool:
    """Whether the clause names another pole of an axis that the tag stands on, and not the tag's own."""
    axes = {mark.split(":")[0]: mark for mark in tag if ":" in mark and not mark.startswith("not ")}
    said = {mark.split(":")[0]: mark for mark in clause if ":" in mark and not mark.startswith("not ")}
    return any(axis in said and said[axis] != mark and mark not in clause for axis, mark in axes.items())


def _verdict(number: int, sides: NDArray[np.int64], read: Sequence[Sentence]) -> Verdict | None:
    """The verdict on one candidate from the side of each sentence; None when no sentence takes one."""
    supporting = [read[int(at)] for at in np.flatnonzero(sides > 0)]
    contradicting = [read[int(at)] for at in np.flatnonzero(sides < 0)]
    if not supporting and not contradicting:
        return None
    speaks_for, against = (len({one.review for one in found}) for found in (supporting, contradicting))
    score = (speaks_for + 1) / (speaks_for + against + 2)
    return Verdict(number, score, *(min(found, key=_length, default=None) for found in (supporting, contradicting)))


def _length(sentence: Sentence) -> tuple[int, int, int]:
    """The shortest sentence says it most plainly; then the first."""
    return (len(sentence.text), sentence.review, sentence.start)
