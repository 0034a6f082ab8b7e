"""The contract of retrievers: a batch of queries in, for each the rows of the best items with scores out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.ranked import NONE, Ranked

__all__ = ["NONE", "Ranked", "Retriever"]


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
