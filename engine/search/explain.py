"""Why a hit was found, in what a person can see: the words that match, the review sentence closest to the query, and
what put one hit above another.

Words are compared in the form in which retrievers compare them (`engine.search.terms`), so what is marked is what
counted. Sentences are looked for in whatever reviews are given, by shared words first, and by meaning where an encoder
is at hand.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.search.terms import TOKEN, root, terms
from engine.text import normalise, sentences

WORD = re.compile(r"\w+(?:['’]\w+)?")
MOST_SENTENCES = 120  # of one item, weighed by meaning: some tenths of a second
MOST_LETTERS = 400  # of a sentence that is quoted or embedded
EVEN = 1e-4  # contributions that differ by less are even

Spans = tuple[tuple[int, int], ...]


class QueryEncoder(Protocol):
    """What is needed of an encoder to weigh sentences."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) normalised vectors."""
        ...


@dataclass(frozen=True)
class Quote:
    """A sentence of a review: matches are (start, end) of words that the query has as well.

    closeness: by words, the share of the query's weight that it holds; by meaning, the cosine to the query.
    """

    review_id: str
    text: str
    matches: Spans
    closeness: float
    by: Literal["words", "meaning"]


@dataclass(frozen=True)
class Contribution:
    """What one feature gave each of two hits; difference > 0 speaks for the first."""

    name: str
    first: float
    second: float

    @property
    def difference(self) -> float:
        """How much more it gave the first."""
        return self.first - self.second


def spans(text: str, wanted: Collection[str]) -> Spans:
    """(start, end) of each word of `text` that gives one of the terms `wanted`, in order."""
    if not wanted:
        return ()
    found = (match.span() for match in WORD.finditer(text) if not set(wanted).isdisjoint(terms(match.group())))
    return tuple(found)


def closest_by_words(reviews: pd.DataFrame, wanted: Collection[str]) -> dict[str, Quote]:
    """For each item the sentence that holds most of the terms `wanted`; items without any such sentence are left out.

    reviews: columns item_id, review_id and text. A term weighs more the fewer sentences of these reviews have it; of
    sentences with the same weight, the shorter one is closer.
    """
    wanted = frozenset(wanted)
    found = list(_sentences(reviews[_may_hold(reviews["text"], wanted)], wanted))
    counts = Counter(term for sentence in found for term in sentence.terms)
    weights = {term: math.log1p((len(found) + 1) / (counts[term] + 0.5)) for term in set(wanted)}
    total = sum(weights.values())
    best: dict[str, tuple[float, int, _Sentence]] = {}
    for sentence in found:
        if not sentence.terms:
            continue
        rank = (sum(weights[term] for term in sentence.terms), -len(sentence.text), sentence)
        if sentence.item_id not in best or rank[:2] > best[sentence.item_id][:2]:
            best[sentence.item_id] = rank
    return {
        item_id: Quote(one.review_id, one.text, spans(one.text, wanted), weight / total, "words")
        for item_id, (weight, _, one) in best.items()
    }


def closest_by_meaning(
    reviews: pd.DataFrame, query: str, encoder: QueryEncoder, *, wanted: Collection[str] = (), n: int = 3
) -> tuple[Quote, ...]:
    """The `n` sentences nearest to `query` in the encoder's space, nearest first, the terms `wanted` marked in them.

    reviews: those of one item (columns item_id, review_id, text); at most 120 sentences are weighed, in their order.
    """
    found = [one for _, one in zip(range(MOST_SENTENCES), _sentences(reviews, frozenset()), strict=False)]
    texts = list(dict.fromkeys(one.text for one in found))
    if not texts:
        return ()
    # Both sides as queries: a sentence and a question of a few words are alike, and documents' prefixes don't fit.
    vectors = encoder.encode_queries([query, *texts])
    near = vectors[1:] @ vectors[0]
    first = {one.text: one for one in reversed(found)}
    chosen = [(first[texts[row]], float(near[row])) for row in np.argsort(-near, kind="stable")[:n]]
    return tuple(Quote(one.review_id, one.text, spans(one.text, wanted), near, "meaning") for one, near in chosen)


def why_above(
    first: Mapping[str, float], second: Mapping[str, float], *, even: float = EVEN
) -> tuple[Contribution, ...]:
    """What each feature gave two hits, the largest difference first; features that are even for both are left out.

    first, second: contributions by feature, of the same model for the same query, so that they add up to its scores.
    """
    pairs = (Contribution(name, first.get(name, 0.0), second.get(name, 0.0)) for name in {**first, **second})
    told = (pair for pair in pairs if abs(pair.difference) > even)
    return tuple(sorted(told, key=lambda pair: (-abs(pair.difference), pair.name)))


def _may_hold(texts: pd.Series, wanted: frozenset[str]) -> NDArray[np.bool_]:
    """Which texts have a word of `wanted` as they stand: a tenth of the work of reading all their sentences."""
    numbers = any(term[0].isdigit() for term in wanted)  # and units are written in many ways: read whatever has some
    found = (
        (numbers and any(map(str.isdigit, text)))
        or not wanted.isdisjoint(root(word) for word in TOKEN.findall(normalise(text)))
        for text in texts.tolist()
    )
    return np.fromiter(found, dtype=bool, count=len(texts))


@dataclass(frozen=True)
class _Sentence:
    item_id: str
    review_id: str
    text: str
    terms: frozenset[str]


def _sentences(reviews: pd.DataFrame, wanted: frozenset[str]) -> Iterator[_Sentence]:
    columns: Any = (reviews[name].tolist() for name in ("item_id", "review_id", "text"))
    for item_id, review_id, text in zip(*columns, strict=True):
        for start, end in sentences(text):
            said = text[start:end][:MOST_LETTERS]
            yield _Sentence(item_id, review_id, said, wanted & set(terms(said)) if wanted else wanted)
