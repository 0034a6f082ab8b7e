"""One-vs-rest linear support vector machines with the squared loss, for all labels at once.

The least-squares SVM (J. Suykens and J. Vandewalle, Neural Processing Letters 9, 1999): with labels as 0 and 1 around
their mean it is one linear system in the items' similarities, so 1,000 labels cost little more than one. It is kept
in dual form, items and their weights: smaller than a weight for each of 40,000 features and every label.

Similarity is the product of text features, raised between items of one category: the effect of words that are shared
plus words that mean something else per category (H. Daumé III, Frustratingly easy domain adaptation, ACL 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from engine.tags.storage import Stored, pack_sparse, unpack_sparse

Floats = NDArray[np.float64]
BLOCK = 256  # rows made dense at once


@dataclass(frozen=True)
class LeastSquaresSvm:
    """Fitted machines.

    items: (n_features, n_train) float32, the training items as columns; categories: their categories, as places in
    `names`; weights: (n_train, n_labels); mean: (n_labels,), the score of an item without text; affinity: how much
    more two items of one category are alike.
    """

    items: sparse.csr_array
    categories: NDArray[np.int64]
    names: tuple[str, ...]
    weights: NDArray[np.float32]
    mean: Floats
    affinity: float

    @classmethod
    def fit(
        cls,
        features: sparse.csr_array,
        categories: Sequence[str],
        labels: NDArray[np.bool_],
        *,
        ridge: float,
        affinity: float,
    ) -> LeastSquaresSvm:
        """Fit on `features` (n_items, n_features) and `labels` (n_items, n_labels); `ridge` > 0 holds weights small."""
        names = tuple(sorted(set(categories)))
        codes = np.array([names.index(category) for category in categories], dtype=np.int64)
        columns = features.T.tocsr()
        similarity = products(features, columns).astype(np.float64)
        similarity *= 1 + affinity * (codes[:, None] == codes[None, :])
        similarity[np.diag_indices_from(similarity)] += ridge
        mean = labels.mean(axis=0)
        weights = linalg.solve(similarity, labels - mean, assume_a="pos", overwrite_a=True, overwrite_b=True)
        return cls(columns, codes, names, weights.astype(np.float32), mean, affinity)

    def scores(self, features: sparse.csr_array, categories: Sequence[str]) -> Floats:
        """(n_items, n_labels): near 1 where the item should have the label, near 0 where not."""
        similarity = products(features, self.items)
        place = {name: code for code, name in enumerate(self.names)}
        codes = np.array([place.get(category, -1) for category in categories], dtype=np.int64)
        similarity *= 1 + np.float32(self.affinity) * (codes[:, None] == self.categories[None, :])
        scores: Floats = self.mean + similarity @ self.weights
        return scores

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What `restore` needs besides `names` and `affinity`."""
        return {
            **pack_sparse("svm.items", self.items),
            "svm.categories": self.categories,
            "svm.weights": self.weights,
            "svm.mean": self.mean,
        }

    @classmethod
    def restore(cls, stored: Stored, *, affinity: float) -> LeastSquaresSvm:
        """The machines whose `arrays` and names were stored; ValueError when their shapes don't fit."""
        items, arrays = unpack_sparse("svm.items", stored.arrays), stored.arrays
        categories, weights, mean = (arrays[f"svm.{name}"] for name in ("categories", "weights", "mean"))
        if weights.shape != (items.shape[1], len(mean)) or categories.shape != (items.shape[1],):
            raise ValueError("the machines' arrays don't fit each other")
        return cls(items, categories, tuple(stored.said["categories"]), weights, mean, affinity)


def products(features: sparse.csr_array, columns: sparse.csr_array) -> NDArray[np.float32]:
    """(n_items, n_train) products of rows with columns; sparse times dense is several times quicker than sparse."""
    starts = range(0, features.shape[0], BLOCK)
    found = [(columns.T @ features[start : start + BLOCK].T.toarray()).T for start in starts]
    return np.vstack([np.empty((0, columns.shape[1]), dtype=np.float32), *found])
