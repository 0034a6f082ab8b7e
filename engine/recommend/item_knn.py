"""Item neighbours: what people who dealt with the items of a history also dealt with, by BM25 or cosine weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import DataError, SettingsError, UnknownNameError
from engine.ranked import Ranked
from engine.recommend.catalogue import Catalogue
from engine.recommend.interactions import Interactions, TrainingSet, places_of
from engine.recommend.model import Model
from engine.recommend.topk import only, sparse_top_k
from engine.settings import load_settings

WEIGHTINGS = ("bm25", "cosine")
TOGETHER = ("history", "session")


@dataclass(frozen=True)
class ItemKnnConfig:
    """Settings of item neighbours.

    neighbours: how many each item keeps; weighting: "bm25" or "cosine"; k1, b: of BM25 (saturation of weights, and how
    much active users count less); the minima as in ALS.
    """

    neighbours: int = 100
    weighting: str = "bm25"
    k1: float = 1.2
    b: float = 0.75
    within: str = "history"
    min_user_interactions: int = 5
    min_item_interactions: int = 5

    def __post_init__(self) -> None:
        if self.weighting not in WEIGHTINGS:
            raise UnknownNameError("weighting", self.weighting, WEIGHTINGS)
        if self.within not in TOGETHER:
            raise UnknownNameError("kind of togetherness", self.within, TOGETHER)
        if self.neighbours < 1:
            raise SettingsError(f"neighbours is {self.neighbours}; it must be 1 or more.")


class ItemKnn(Model):
    """`similarity`: (n_items, n_items), each row an item's neighbours."""

    Config = ItemKnnConfig
    state: ClassVar[tuple[str, ...]] = ("similarity",)
    similarity: sparse.csr_array

    def fit(self, data: Interactions, catalogue: Catalogue, *, seed: int) -> Self:
        """Find each item's neighbours; see the contract. The seed has no part in it."""
        chosen = self.training(data)
        columns = np.flatnonzero(chosen.items)
        together = chosen.matrix if self.config.within == "history" else _visits(data, chosen)
        near = self._neighbours(sparse.csr_matrix(together[:, columns]))
        near.setdiag(0)
        near.eliminate_zeros()
        n, found = len(data.item_ids), near.tocoo()
        cells = (found.data.astype(np.float32), (columns[found.row], columns[found.col]))
        self.item_ids, self.trained = data.item_ids, chosen.items
        self.similarity = sparse.csr_array(cells, shape=(n, n))
        return self

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The k items with the largest sum of weight times similarity over the history."""
        return sparse_top_k(
            len(histories),
            lambda batch: histories.weights[batch] @ self.similarity,
            k,
            allowed=self.trained if eligible is None else self.trained & eligible,
            excluded=excluded,
        )

    def similar(self, rows: NDArray[np.int64], k: int) -> Ranked:
        """An item's first k neighbours."""
        near = self.similarity[rows]
        found = sparse_top_k(len(rows), lambda batch: near[batch], k, allowed=self.trained)
        return only(found, self.trained[rows])

    def _neighbours(self, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        from implicit.nearest_neighbours import all_pairs_knn, bm25_weight, normalize

        by_item = matrix.T
        if self.config.weighting == "bm25":
            weighted = bm25_weight(by_item, self.config.k1, self.config.b)
        else:
            weighted = normalize(by_item)
        most = self.config.neighbours + 1  # the item itself is among them
        users = sparse.csr_matrix(weighted.T)
        return all_pairs_knn(users, most, show_progress=False, num_threads=load_settings().threads).tocsr()


def _visits(data: Interactions, chosen: TrainingSet) -> sparse.csr_array:
    """(n_sessions, n_items) the sessions of the users who take part in training. Raises DataError without any."""
    if data.sessions is None:
        raise DataError("Neighbours within a session need interactions with sessions; these have none.")
    part = np.zeros(len(data), dtype=bool)
    part[places_of(chosen.users, data.users)] = True
    return data.sessions.weights[np.flatnonzero(part[data.sessions.user])]
