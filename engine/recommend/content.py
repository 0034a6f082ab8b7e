"""Content: items whose texts are near to those of the history, for new items and for people with one event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import SettingsError
from engine.ranked import Ranked
from engine.recommend.catalogue import UNKNOWN, Catalogue
from engine.recommend.events import DAY
from engine.recommend.interactions import Interactions
from engine.recommend.model import Model
from engine.recommend.topk import Floats, factor_top_k, nearest, only


@dataclass(frozen=True)
class ContentConfig:
    """Settings of content.

    half_life: days after which an interaction counts half in a user's profile, counted back from their newest one.
    """

    half_life: float = 14.0

    def __post_init__(self) -> None:
        if not self.half_life > 0:
            raise SettingsError(f"half_life is {self.half_life}; it must be a number of days above 0.")


class Content(Model):
    """`vectors`: (n_items, dim) of length 1, from title and category by the embedded encoder."""

    Config = ContentConfig
    state: ClassVar[tuple[str, ...]] = ("vectors",)
    vectors: Floats

    def fit(self, data: Interactions, catalogue: Catalogue, *, seed: int) -> Self:
        """Encode the catalogue's texts; see the contract. Interactions and the seed have no part in it."""
        from engine.models.embedded import encode

        deepest = np.where(catalogue.leaves == UNKNOWN, 0, catalogue.leaves)
        names = catalogue.categories[deepest]
        texts = [f"{title} [{name}]" for title, name in zip(catalogue.titles, names, strict=True)]
        self.item_ids, self.trained = catalogue.item_ids, np.ones(len(catalogue), dtype=bool)
        self.vectors = encode(texts)
        return self

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The k items nearest to the weighted mean of the history's vectors."""
        matrix = self._decayed(histories)
        profiles = np.asarray(matrix @ self.vectors, dtype=np.float32)
        norms = np.linalg.norm(profiles, axis=1, keepdims=True)
        users = (profiles / np.where(norms > 0, norms, 1)).astype(np.float32)
        found = factor_top_k(users, self.vectors, k, columns=self.columns(eligible), excluded=excluded)
        return only(found, np.diff(matrix.indptr) > 0)

    def similar(self, rows: NDArray[np.int64], k: int) -> Ranked:
        """The k items with the nearest texts."""
        return nearest(self.vectors, rows, k, trained=self.trained)

    def _decayed(self, histories: Interactions) -> sparse.csr_array:
        """The log of the weights, less for what was long before the user's newest interaction."""
        last, counts = histories.last, np.diff(histories.last.indptr)
        newest = np.zeros(len(histories), dtype=np.int64)
        np.maximum.at(newest, np.repeat(np.arange(len(histories)), counts), last.data)
        age = np.repeat(newest, counts) - last.data
        data = np.log1p(histories.weights.data) * 0.5 ** (age / (self.config.half_life * DAY))
        return sparse.csr_array((data.astype(np.float32), last.indices, last.indptr), shape=last.shape)
