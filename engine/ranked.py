"""Ranked lists for a batch of queries or users: what retrievers and recommenders give, and what measures take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NONE = -1  # in `Ranked.rows`: the list is shorter than k


@dataclass(frozen=True)
class Ranked:
    """Lists for a batch, best first.

    rows: (n_lists, k) places in the catalogue's `item_ids`, `NONE` after the end of a shorter list;
    scores: (n_lists, k) float32, higher is better, -inf where there is no item. Equal scores keep a fixed order.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    def ids(self, item_ids: NDArray[np.object_]) -> list[list[str]]:
        """The lists as ids, without the empty places."""
        return [item_ids[row[row != NONE]].tolist() for row in self.rows]
