"""Last seen: what the user dealt with most recently, the baseline where seen items may come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.ranked import Ranked
from engine.recommend.catalogue import Catalogue
from engine.recommend.interactions import Interactions
from engine.recommend.model import Model
from engine.recommend.topk import no_lists


@dataclass(frozen=True)
class RecentConfig:
    """Nothing to set."""


class Recent(Model):
    """The items of the history itself, newest first. It has nothing similar to offer."""

    Config = RecentConfig

    def fit(self, data: Interactions, catalogue: Catalogue, *, seed: int) -> Self:
        """Note the catalogue; there is nothing to learn."""
        self.item_ids, self.trained = data.item_ids, np.ones(len(data.item_ids), dtype=bool)
        return self

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The k items seen last; the score is 1 for the newest, then 1/2, 1/3 and so on."""
        result = no_lists(len(histories), k)
        allowed = self.trained if eligible is None else eligible
        for row in range(len(histories)):
            part = slice(histories.last.indptr[row], histories.last.indptr[row + 1])
            items, times = histories.last.indices[part], histories.last.data[part]
            keep = allowed[items]
            if excluded is not None:
                keep &= ~np.isin(items, excluded.indices[excluded.indptr[row] : excluded.indptr[row + 1]])
            newest = items[keep][np.argsort(-times[keep], kind="stable")][:k]
            result.rows[row, : len(newest)] = newest
            result.scores[row, : len(newest)] = 1 / np.arange(1, len(newest) + 1)
        return result

    def similar(self, rows: NDArray[np.int64], k: int) -> Ranked:
        """Nothing."""
        return no_lists(len(rows), k)
