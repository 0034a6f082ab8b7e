"""Which tags a category may have: those that its items had in train. `CategoryPrior.allow_list` makes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class AllowList:
    """`allowed[category]` is a mask over the labels; a category that isn't there may have any of them."""

    allowed: Mapping[str, Mask]

    def mask(self, categories: Sequence[str], n_labels: int) -> Mask:
        """(n_items, n_labels): what each item's category may have."""
        everything = np.ones(n_labels, dtype=bool)
        rows = [self.allowed.get(category, everything) for category in categories]
        return np.array(rows, dtype=bool).reshape(len(categories), n_labels)
