"""The contract of retrievers: a batch of queries in, for each the rows of the best items with scores out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NONE = -1  # in `Ranked.rows`: the list is shorter than k


@dataclass(frozen=True)
class Ranked:
    """Lists for a batch of queries, best first.

    rows: (n_queries, k) places in the retriever's `item_ids`, `NONE` after the end of a shorter list;
    scores: (n_queries, k) float32, higher is better, -inf where there is no item. Equal scores keep a fixed order.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    def ids(self, item_ids: NDArray[np.object_]) -> list[list[str]]:
        """The lists as ids, without the empty places."""
        return [item_ids[row[row != NONE]].tolist() for row in self.rows]


class Retriever(Protocol):
    """What every retriever does. A query without anything to look for has an empty list, never an error."""

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n_items,) the catalogue in the order that rows and `eligible` refer to: that of the documents artifact."""
        ...

    def search(self, queries: Sequence[str], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k best items of each query. eligible: (n_items,) items that may be found at all (default: every one).

        The filter holds inside retrieval: k eligible items are found when there are as many.
        """
        ...
