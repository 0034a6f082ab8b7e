"""How far the reviews use a tag's own words: the one signal that needs no example of the tag.

`share` is the part of the tag's stems, weighted by their rarity, that the item's reviews hold; `log_reviews` is
log(1 + the number of reviews that hold all of them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.tags.tfidf import Reading, Tfidf
from engine.text import terms

Floats = NDArray[np.float64]
WHOLE = 1 - 1e-6


@dataclass(frozen=True)
class Mentions:
    """(n_words, n_labels): the share of each label that each word makes up; a label's column sums to 1 at most."""

    shares: sparse.csr_array

    @classmethod
    def of(cls, labels: Sequence[str], words: Tfidf) -> Mentions:
        """Split each label into the words that `words` knows; unknown ones weigh most and are never found."""
        rows, columns, data = [], [], []
        unknown = float(words.idf.max(initial=1.0))
        for column, label in enumerate(labels):
            stems = sorted(set(terms(label)))
            stems = [stem for stem in stems if len(stem) > 1] or stems
            weights = [words.idf[words.columns[stem]] if stem in words.columns else unknown for stem in stems]
            for stem, weight in zip(stems, weights, strict=True):
                if stem in words.columns:
                    rows.append(words.columns[stem])
                    columns.append(column)
                    data.append(weight / sum(weights))
        shape = (len(words.columns), len(labels))
        return cls(sparse.csr_array((np.array(data, dtype=np.float64), (rows, columns)), shape=shape))

    def count(self, reading: Reading) -> tuple[Floats, Floats]:
        """(share, log_reviews), both (n_items, n_labels)."""
        return self.count_in(reading.words, reading.of_item)

    def count_in(self, words: sparse.csr_array, of_item: sparse.csr_array) -> tuple[Floats, Floats]:
        """The same from `words` (n_reviews, n_words) and `of_item` (n_items, n_reviews), both counts."""
        in_item = (of_item @ words).astype(bool).astype(np.float64)
        in_review = (words.astype(bool).astype(np.float64) @ self.shares).tocsr()
        in_review.data = (in_review.data >= WHOLE).astype(np.float64)
        share: Floats = (in_item @ self.shares).toarray()
        return share, np.log1p((of_item @ in_review).toarray())
