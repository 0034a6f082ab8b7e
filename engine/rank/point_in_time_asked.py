"""What is asked: lists of candidates, each of one user at one moment, and what is known of the two besides events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.rank.lists import Histories, bounds, spans
from engine.rank.point_in_time import Ints

RECENT = 50  # distinct items of a history that candidates are held against


@dataclass(frozen=True)
class Asked:
    """Lists whose features are wanted.

    users: (n_lists,) as `UserPast` numbers them; micros: (n_lists,) moments, UTC microseconds; sizes: (n_lists,)
    candidates of each; items: (n_rows,) places in the stock; histories: of the lists, before their moments;
    sources: by name, (n_rows,) the score that a source of candidates gave, NaN where it doesn't name the item;
    together: (n_items, n_items) how alike the users of two items are, learned before every moment asked about.
    """

    users: Ints
    micros: Ints
    sizes: Ints
    items: Ints
    histories: Histories
    sources: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    together: sparse.csr_array | None = None

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def starts(self) -> Ints:
        """(n_lists + 1,) where the candidates of each list begin, and the end."""
        return bounds(self.sizes)

    @cached_property
    def list_of_row(self) -> Ints:
        """(n_rows,) the place of each candidate's list."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @cached_property
    def row_users(self) -> Ints:
        """(n_rows,) each candidate's user."""
        return self.users[self.list_of_row]

    @cached_property
    def row_micros(self) -> Ints:
        """(n_rows,) each candidate's moment."""
        return self.micros[self.list_of_row]

    @cached_property
    def recent(self) -> tuple[Ints, Ints]:
        """The newest RECENT distinct items of each history: (n_lists,) how many, and the items, newest first."""
        owner = np.repeat(np.arange(len(self)), self.histories.sizes)[::-1]
        items = self.histories.items[::-1].astype(np.int64)
        _, newest = np.unique(owner * (int(items.max(initial=0)) + 1) + items, return_index=True)
        newest = newest[np.lexsort((newest, owner[newest]))]
        sizes = np.bincount(owner[newest], minlength=len(self)).astype(np.int64)
        kept = np.minimum(sizes, RECENT)
        return kept, items[newest[spans(bounds(sizes)[:-1], kept)]]

    def part(self, start: int, end: int) -> Asked:
        """The lists from `start` on and before `end`."""
        rows = slice(int(self.starts[start]), int(self.starts[end]))
        return Asked(
            self.users[start:end],
            self.micros[start:end],
            self.sizes[start:end],
            self.items[rows],
            self.histories.take(np.arange(start, end)),
            {name: scores[rows] for name, scores in self.sources.items()},
            self.together,
        )
