"""The baseline that reads no query: what has most reviews is found first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.metrics.ranking import top_k
from engine.ranked import Ranked
from engine.search.bm25 import stacked


@dataclass(frozen=True, eq=False)
class Popular:
    """Finds the items with most reviews of train; scores are their numbers, equal ones in a random but fixed order."""

    item_ids: NDArray[np.object_]
    reviews: NDArray[np.float32]

    @classmethod
    def build(cls, frame: pd.DataFrame, item_ids: NDArray[np.object_]) -> Popular:
        """From the column n_reviews of documents; without it, or where it is missing, there are none."""
        reviews = frame.get("n_reviews", pd.Series(0.0, index=frame.index))
        return cls(item_ids, reviews.astype("Float64").fillna(0).to_numpy(dtype=np.float32))

    def search(self, queries: Sequence[str], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The same k items for each query that isn't empty."""
        ids = self.item_ids.tolist()
        order = top_k(self.reviews[None, :], len(ids), row_ids=["popular"], column_ids=ids)[0]
        rows = (order if eligible is None else order[eligible[order]])[:k]
        nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        return stacked([(rows, self.reviews[rows]) if query.strip() else nothing for query in queries], k)
