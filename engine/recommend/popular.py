"""Popularity, the baseline that a recommender must beat: the same list for everyone, or by a user's categories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import SettingsError
from engine.ranked import Ranked
from engine.recommend.catalogue import Catalogue
from engine.recommend.events import DAY
from engine.recommend.interactions import Interactions
from engine.recommend.model import Model
from engine.recommend.ordered import Ordered
from engine.recommend.topk import Floats, score_top_k, sparse_top_k


@dataclass(frozen=True)
class PopularConfig:
    """Settings of popularity.

    half_life: days after which a user's interaction counts half (None: all count alike); most: what one user's
    interaction with an item counts at most, so that nobody makes an item popular alone.
    """

    half_life: float | None = 30.0
    most: float = 20.0

    def __post_init__(self) -> None:
        if self.half_life is not None and not self.half_life > 0:
            raise SettingsError(f"half_life is {self.half_life}; it must be a number of days above 0, or none.")


class Popular(Model):
    """`popularity`: (n_items,) the decayed weights of all users together."""

    Config = PopularConfig
    state: ClassVar[tuple[str, ...]] = ("popularity", "leaves")
    popularity: Floats
    leaves: NDArray[np.int32]

    def fit(self, data: Interactions, catalogue: Catalogue, *, seed: int) -> Self:
        """Count; see the contract. The seed has no part in it."""
        values = np.minimum(data.weights.data.astype(np.float64), self.config.most)
        if self.config.half_life is not None:
            age = data.last.data.max(initial=0) - data.last.data
            values *= 0.5 ** (age / (self.config.half_life * DAY))
        counts = np.bincount(data.weights.indices, weights=values, minlength=len(data.item_ids))
        self.item_ids, self.leaves = data.item_ids, catalogue.leaves
        self.popularity, self.trained = counts.astype(np.float32), counts > 0
        for made in ("_order", "_member", "_shares"):  # of an earlier fit
            self.__dict__.pop(made, None)
        return self

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The k most popular items."""
        return self._order.top_k(len(histories), k, eligible=eligible, excluded=excluded)

    @cached_property
    def _order(self) -> Ordered:
        return Ordered.by(self.popularity, self.trained)

    def similar(self, rows: NDArray[np.int64], k: int) -> Ranked:
        """The k most popular items of the same category."""
        columns = self.columns(None)
        same = np.where(
            (self.leaves[rows][:, None] == self.leaves[columns]) & (rows[:, None] != columns),
            self.popularity[columns],
            -np.inf,
        )
        return score_top_k(len(rows), lambda batch: same[batch], k, columns=columns)


class PopularInCategory(Popular):
    """Popularity within the categories of a history: an item's share of its category, times the user's share there."""

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The k items most popular in the categories of a history; nothing outside of them."""
        return sparse_top_k(
            len(histories),
            lambda batch: sparse.csr_array(histories.weights[batch] @ self._member) @ self._shares,
            k,
            allowed=self.trained if eligible is None else self.trained & eligible,
            excluded=excluded,
        )

    @cached_property
    def _member(self) -> sparse.csr_array:
        """(n_items, n_categories) 1 for the category of each item."""
        n = len(self.leaves)
        cells = (np.ones(n, dtype=np.float32), (np.arange(n), self.leaves))
        return sparse.csr_array(cells, shape=(n, int(self.leaves.max(initial=0)) + 1))

    @cached_property
    def _shares(self) -> sparse.csr_array:
        """(n_categories, n_items) each item's share of the popularity of its category."""
        n, n_categories = self._member.shape
        totals = np.bincount(self.leaves, weights=self.popularity, minlength=n_categories)
        share = (self.popularity / np.maximum(totals[self.leaves], 1e-9)).astype(np.float32)
        return sparse.csr_array((share, (self.leaves, np.arange(n))), shape=(n_categories, n))
