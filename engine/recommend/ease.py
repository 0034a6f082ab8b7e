"""EASE: a linear item-to-item model in closed form (Steck 2019, "Embarrassingly Shallow Autoencoders")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import DataError, SettingsError
from engine.ranked import Ranked
from engine.recommend.catalogue import Catalogue
from engine.recommend.interactions import Interactions
from engine.recommend.model import Model, check_finite
from engine.recommend.topk import Floats, only, score_top_k


@dataclass(frozen=True)
class EaseConfig:
    """Settings of EASE.

    regularization: added to the diagonal of the Gram matrix; power: weights are raised to it before (0 counts every
    interaction once, 1 takes weights as they are); most_items: more trained items than this are refused, because the
    inverse takes memory with the square and time with the cube of their number; the minima as in ALS.
    """

    regularization: float = 200.0
    power: float = 0.5
    most_items: int = 12_000
    min_user_interactions: int = 5
    min_item_interactions: int = 5

    def __post_init__(self) -> None:
        if not self.regularization > 0:
            raise SettingsError(f"regularization is {self.regularization}; it must be above 0.")


class Ease(Model):
    """`weights`: (n_trained, n_trained) float32, from an item of the history to an item that is recommended."""

    Config = EaseConfig
    state: ClassVar[tuple[str, ...]] = ("weights",)
    weights: Floats

    def fit(self, data: Interactions, catalogue: Catalogue, *, seed: int) -> Self:
        """Solve for the weights; see the contract. The seed has no part in it. Raises DataError for too many items."""
        chosen = self.training(data)
        n = int(chosen.items.sum())
        if n > self.config.most_items:
            raise DataError(
                f"EASE would need the inverse of a matrix over {n:,} items; the most is {self.config.most_items:,}. "
                "Take item_knn, or raise min_item_interactions or most_items."
            )
        matrix = self._powered(chosen.matrix[:, np.flatnonzero(chosen.items)])
        gram = (matrix.T @ matrix).toarray().astype(np.float64)
        gram[np.diag_indices(n)] += self.config.regularization
        inverse = np.linalg.inv(gram)
        weights = inverse / -np.diag(inverse)
        weights[np.diag_indices(n)] = 0
        check_finite("ease", weights=weights)
        self.item_ids, self.trained, self.weights = data.item_ids, chosen.items, weights.astype(np.float32)
        return self

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The k items with the highest sum of weights from the history; nothing for a history without trained items."""
        columns, trained = self.columns(eligible), np.flatnonzero(self.trained)
        places = np.searchsorted(trained, columns)
        matrix = self._powered(histories.weights[:, trained])
        found = score_top_k(
            len(histories),
            lambda batch: (matrix[batch] @ self.weights)[:, places],
            k,
            columns=columns,
            excluded=excluded,
        )
        return only(found, np.diff(matrix.indptr) > 0)

    def similar(self, rows: NDArray[np.int64], k: int) -> Ranked:
        """The k items to which the item adds most."""
        columns = self.columns(None)
        known = self.trained[rows]
        weights = np.where(known[:, None], self.weights[np.searchsorted(columns, rows) % max(len(columns), 1)], 0)
        found = score_top_k(
            len(rows), lambda batch: np.where(weights[batch] > 0, weights[batch], -np.inf), k, columns=columns
        )
        return only(found, known)

    def _powered(self, matrix: sparse.csr_array) -> sparse.csr_array:
        return sparse.csr_array(
            (matrix.data.astype(np.float32) ** np.float32(self.config.power), matrix.indices, matrix.indptr),
            shape=matrix.shape,
        )
