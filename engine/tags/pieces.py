"""Items read at three sizes: the item as a whole, its reviews one by one, and their sentences one by one.

Nothing here knows a tag, so items that are held out may be read together with those that are learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.schema import ItemText
from engine.tags.tfidf import Tfidf, distinct_reviews
from engine.text import sentences

Floats = NDArray[np.float32]
BEST = 8  # pieces of an item that are looked at


@dataclass(frozen=True)
class Pieces:
    """Distinct reviews or sentences of a batch, as features.

    counts: (n_pieces, n_words); words, characters: (n_pieces, ·) TF-IDF; of_item: (n_items, n_pieces), how often an
    item holds a piece.
    """

    counts: sparse.csr_array
    words: sparse.csr_array
    characters: sparse.csr_array
    of_item: sparse.csr_array

    def take(self, rows: NDArray[np.int64]) -> Pieces:
        """The same for some of the items; pieces that they don't hold are left out."""
        of_item = self.of_item[rows]
        used = np.unique(of_item.indices)
        return Pieces(self.counts[used], self.words[used], self.characters[used], of_item[:, used])

    def best(self, scores: Floats) -> Floats:
        """(n_items, n_labels, 5) of `scores` (n_pieces, n_labels): what an item's pieces say of each label.

        The highest, the mean of the 3 highest and of the 8 highest, the lowest, and log(1 + n pieces above 0.15). An
        item without pieces has zeros.
        """
        found = np.zeros((self.of_item.shape[0], scores.shape[1], 5), dtype=np.float32)
        for row, (start, end) in enumerate(zip(self.of_item.indptr, self.of_item.indptr[1:], strict=False)):
            if start < end:
                found[row] = _summary(scores[self.of_item.indices[start:end]])
        return found


def _summary(scores: Floats) -> Floats:
    """(n_labels, 5) of one item's pieces, (n_pieces, n_labels)."""
    chosen = np.partition(scores, len(scores) - BEST, axis=0)[-BEST:] if len(scores) > BEST else scores
    top = np.sort(chosen, axis=0)[::-1]
    count = np.log1p((scores > 0.15).sum(axis=0))
    return np.stack([top[0], top[:3].mean(axis=0), top.mean(axis=0), scores.min(axis=0), count], axis=-1)


@dataclass(frozen=True)
class Texts:
    """A batch of items: their categories, TF-IDF of the whole items (n_items, ·), and their pieces."""

    categories: list[str]
    words: sparse.csr_array
    characters: sparse.csr_array
    reviews: Pieces
    sentences: Pieces

    @property
    def n_reviews(self) -> NDArray[np.float64]:
        """(n_items,) the number of reviews, repeated ones too."""
        return np.asarray(self.reviews.of_item.sum(axis=1), dtype=np.float64)

    @property
    def readable(self) -> NDArray[np.bool_]:
        """(n_items,) whether an item has any text that the features know."""
        return np.asarray(np.diff(self.words.indptr) + np.diff(self.characters.indptr) > 0)

    def take(self, rows: NDArray[np.int64]) -> Texts:
        """The items at those places."""
        categories = [self.categories[row] for row in rows]
        pieces = self.reviews.take(rows), self.sentences.take(rows)
        return Texts(categories, self.words[rows], self.characters[rows], *pieces)


@dataclass(frozen=True)
class Reader:
    """Fitted word stems and character n-grams."""

    words: Tfidf
    characters: Tfidf

    def read(self, items: Sequence[ItemText]) -> Texts:
        """The features of `items`."""
        reviews = self._pieces(items)
        of, counts = reviews.of_item, self.characters.counts(distinct_reviews(items)[0])
        return Texts(
            [item.category for item in items],
            self.words.weigh(of @ reviews.counts).astype(np.float32),
            self.characters.weigh(of @ counts).astype(np.float32),
            reviews,
            self._pieces([replace(item, reviews=_sentences(item)) for item in items]),
        )

    def of_labels(self, labels: Sequence[str]) -> sparse.csr_array:
        """(n_labels, n_ngrams): the labels' own characters, in rows of length 1."""
        return self.characters.weigh(self.characters.counts(labels)).astype(np.float32)

    def _pieces(self, items: Sequence[ItemText]) -> Pieces:
        pieces, of_item = distinct_reviews(items)
        counts, characters = self.words.counts(pieces), self.characters.counts(pieces)
        weighed = self.words.weigh(counts), self.characters.weigh(characters)
        return Pieces(counts, weighed[0].astype(np.float32), weighed[1].astype(np.float32), of_item)


def _sentences(item: ItemText) -> tuple[str, ...]:
    return tuple(review[start:end] for review in item.reviews for start, end in sentences(review))
