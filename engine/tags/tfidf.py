"""TF-IDF of items' reviews: word stems and character n-grams, each block of length 1, weighted against each other.

An item's count is the sum of its reviews' counts, so that a batch counts each distinct review once, however many
items hold it. That makes leave-one-out variants of an item cheap: they share all reviews but one.
Weighting as in G. Salton and C. Buckley, Term-weighting approaches in automatic text retrieval, 1988: (1 + log tf) *
(1 + log((1 + n) / (1 + df))).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.schema import ItemText
from engine.tags.storage import Stored
from engine.text import NOT, chunks, terms

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Analyser:
    """How a review becomes features: `units` cuts it, `expand` gives the features of one unit."""

    units: Callable[[str], list[str]]
    expand: Callable[[str], Iterable[str]]


def words() -> Analyser:
    """Word stems, negated words apart."""
    return Analyser(terms, lambda unit: (unit,))


def characters(shortest: int, longest: int) -> Analyser:
    """Character n-grams inside the text's chunks, with a space at both ends; those of a negated chunk are marked."""

    def expand(chunk: str) -> list[str]:
        mark = chunk[:1] if chunk.startswith(NOT) else ""
        return [mark + ngram for ngram in ngrams(f" {chunk.removeprefix(NOT)} ", shortest, longest)]

    return Analyser(chunks, expand)


def ngrams(padded: str, shortest: int, longest: int) -> list[str]:
    """All substrings of `padded` of those lengths; a text shorter than that is its own n-gram."""
    sizes = range(shortest, min(longest, len(padded)) + 1)
    return [padded[at : at + size] for size in sizes for at in range(len(padded) - size + 1)] or [padded]


@dataclass(frozen=True)
class Tfidf:
    """One fitted block: a feature's column, and its inverse document frequency (n_features,)."""

    analyser: Analyser
    columns: dict[str, int]
    idf: Floats

    @classmethod
    def fit(cls, analyser: Analyser, items: Sequence[ItemText], *, min_items: int) -> Tfidf:
        """Learn the features that at least `min_items` items have."""
        every: dict[str, int] = {}
        reviews, of_item = distinct_reviews(items)
        counts = of_item @ _counts(analyser, reviews, every, grow=True)
        n_having = np.bincount(counts.indices, minlength=len(every))
        kept = sorted(name for name, column in every.items() if n_having[column] >= min_items)
        df = n_having[np.array([every[name] for name in kept], dtype=np.int64)]
        return cls(analyser, {name: column for column, name in enumerate(kept)}, idf(df, len(items)))

    @classmethod
    def restore(cls, analyser: Analyser, stored: Stored, name: str) -> Tfidf:
        """The block stored under `name`; ValueError when its features and weights don't fit."""
        features, weights = stored.said[name], stored.arrays[f"{name}.idf"]
        if weights.shape != (len(features),):
            raise ValueError(f"{name} and their weights don't fit")
        return cls(analyser, {feature: column for column, feature in enumerate(features)}, weights)

    def counts(self, reviews: Sequence[str]) -> sparse.csr_array:
        """(n_reviews, n_features): how often each review has each feature."""
        return _counts(self.analyser, reviews, self.columns, grow=False)

    def weigh(self, counts: sparse.csr_array) -> sparse.csr_array:
        """TF-IDF of `counts`, rows scaled to length 1; a row without features stays 0."""
        data = (1 + np.log(counts.data)) * self.idf[counts.indices]
        weighed = sparse.csr_array((data, counts.indices, counts.indptr), shape=counts.shape)
        length = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)))
        length[length == 0] = 1
        weighed.data /= np.repeat(length, np.diff(weighed.indptr))
        return weighed


def idf(df: NDArray[np.int64], n_items: int) -> Floats:
    """Smoothed inverse document frequency, as scikit-learn has it."""
    weights: Floats = np.log((1 + n_items) / (1 + np.asarray(df, dtype=np.float64))) + 1
    return weights


@dataclass(frozen=True)
class Reading:
    """A batch of items as features.

    features: (n_items, n_features), both blocks beside each other; words: (n_reviews, n_words) counts of the distinct
    reviews; of_item: (n_items, n_reviews), how often an item holds a review.
    """

    features: sparse.csr_array
    words: sparse.csr_array
    of_item: sparse.csr_array


@dataclass(frozen=True)
class TextFeatures:
    """Both blocks; the square of a block's length in an item's features is its share: 1 - char_share and char_share."""

    words: Tfidf
    characters: Tfidf
    char_share: float

    def read(self, items: Sequence[ItemText]) -> Reading:
        """The features of `items`; one without known words or n-grams has only zeros."""
        reviews, of_item = distinct_reviews(items)
        words, chars = self.words.counts(reviews), self.characters.counts(reviews)
        blocks = [
            self.words.weigh(of_item @ words) * np.sqrt(1 - self.char_share),
            self.characters.weigh(of_item @ chars) * np.sqrt(self.char_share),
        ]
        return Reading(sparse.hstack(blocks, format="csr").astype(np.float32), words, of_item)


def distinct_reviews(items: Sequence[ItemText]) -> tuple[list[str], sparse.csr_array]:
    """The distinct reviews of `items`, and (n_items, n_reviews) how often each item holds each."""
    place: dict[str, int] = {}
    columns = [place.setdefault(review, len(place)) for item in items for review in item.reviews]
    sizes = np.array([len(item.reviews) for item in items], dtype=np.int64)
    return list(place), _matrix(columns, sizes, len(place))


def _counts(analyser: Analyser, reviews: Sequence[str], columns: dict[str, int], *, grow: bool) -> sparse.csr_array:
    """Counts of features per review; with `grow`, `columns` takes in the features that it doesn't have."""
    units: dict[str, int] = {}
    cut = [[units.setdefault(unit, len(units)) for unit in analyser.units(review)] for review in reviews]
    flat = [unit for found in cut for unit in found]
    in_review = _matrix(flat, np.array([len(found) for found in cut], dtype=np.int64), len(units))
    expanded = [
        [columns.setdefault(name, len(columns)) for name in analyser.expand(unit)]
        if grow
        else [columns[name] for name in analyser.expand(unit) if name in columns]
        for unit in units
    ]
    flat = [column for found in expanded for column in found]
    in_unit = _matrix(flat, np.array([len(found) for found in expanded], dtype=np.int64), len(columns))
    return in_review @ in_unit


def _matrix(columns: Sequence[int], sizes: NDArray[np.int64], width: int) -> sparse.csr_array:
    """A count matrix: row i has the next `sizes[i]` of `columns`."""
    indptr = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    data = np.ones(len(columns), dtype=np.float64)
    matrix = sparse.csr_array((data, np.asarray(columns, dtype=np.int64), indptr), shape=(len(sizes), width))
    matrix.sum_duplicates()
    return matrix
