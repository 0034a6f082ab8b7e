"""One order of items for everyone, best first, walked for each user past what is excluded: for popularity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.ranked import Ranked
from engine.recommend.topk import BATCH_CELLS, Floats, no_lists


@dataclass(frozen=True)
class Ordered:
    """items: (n_ordered,) rows of the catalogue, best first; scores: (n_ordered,); place: (n_items,) where each item
    stands in the order, n_ordered for those that aren't in it."""

    items: NDArray[np.int64]
    scores: Floats
    place: NDArray[np.int64]

    @classmethod
    def by(cls, scores: Floats, chosen: NDArray[np.bool_]) -> Self:
        """The `chosen` items (n_items,) of finite score by descending `scores` (n_items,); of equals the first one."""
        items = np.flatnonzero(chosen & np.isfinite(scores))
        items = items[np.argsort(-scores[items], kind="stable")]
        place = np.full(len(scores), len(items), dtype=np.int64)
        place[items] = np.arange(len(items))
        return cls(items, scores[items].astype(np.float32), place)

    def top_k(
        self,
        n: int,
        k: int,
        *,
        eligible: NDArray[np.bool_] | None = None,
        excluded: sparse.csr_array | None = None,
    ) -> Ranked:
        """The first k for each of n users. eligible: (n_items,), default all; excluded: (n, n_items)."""
        result = no_lists(n, k)
        most = 0 if excluded is None else int(np.diff(excluded.indptr).max(initial=0))
        places = self._walk(k + most, eligible)
        step = max(BATCH_CELLS // max(len(places), 1), 1)
        for start in range(0, n if len(places) else 0, step):
            batch = slice(start, min(start + step, n))
            kept = np.ones((batch.stop - start, len(places)), dtype=bool)
            if most:
                kept[self._cells(excluded, batch, places)] = False
            rank = np.cumsum(kept, axis=1, dtype=np.int32)
            users, found = np.nonzero(kept & (rank <= k))
            at = rank[users, found] - 1
            result.rows[start + users, at] = self.items[places[found]]
            result.scores[start + users, at] = self.scores[places[found]]
        return result

    def _walk(self, n: int, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """The places of the first n eligible items, ascending; fewer when there are not as many."""
        if eligible is None:
            return np.arange(min(n, len(self.items)))
        end, found = 2 * n, np.zeros(0, dtype=np.int64)
        while True:
            found = np.flatnonzero(eligible[self.items[:end]])[:n]
            if len(found) == n or end >= len(self.items):
                return found
            end *= 4

    def _cells(
        self, excluded: sparse.csr_array, batch: slice, places: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The users of a batch and the indices in `places` of what is excluded for them."""
        starts = excluded.indptr[batch.start : batch.stop + 1]
        part = slice(starts[0], starts[-1])
        users, own = np.repeat(np.arange(len(starts) - 1), np.diff(starts)), self.place[excluded.indices[part]]
        at = np.minimum(np.searchsorted(places, own), len(places) - 1)
        there = (places[at] == own) & (excluded.data[part] != 0)
        return users[there], at[there]
