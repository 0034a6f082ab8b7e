"""Which values features had in train, so that a change asked for is one that happens, and its size can be told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.rank.base import Floats
from engine.rank.lists import CODE, Feature, Lists

MOST_ROWS = 100_000  # of train, evenly spread, from which values are read
WHOLE = 1.0  # the size of a change that no order of values measures: another code, or a value that was unknown


@dataclass(frozen=True)
class Values:
    """One feature in train.

    distinct: (n,) its known values, ascending; places: (n,) where each stands among all of train, as the share of rows
    below it and half of those at it; shared: whether it is the same for all candidates of any list, as the hour is.
    """

    feature: Feature
    distinct: Floats
    places: Floats
    shared: bool

    def far(self, before: float, after: Floats) -> Floats:
        """(n,) how large the change from `before` to each of `after` is: the share of train's values between them."""
        if self.feature.kind == CODE or np.isnan(before):
            return np.where(after == before, 0.0, WHOLE)
        return np.abs(self._place(after) - self._place(np.array([before])))

    def _place(self, values: Floats) -> Floats:
        found: Floats = np.interp(values, self.distinct, self.places)
        return found

    def spread(self, most: int) -> Floats:
        """At most `most` of the values, evenly over the rows of train; the lowest and the highest are among them."""
        return _thinned(self.distinct, self.places, most)

    def between(self, one: float, other: float, most: int) -> Floats:
        """At most `most` of the values from `one` to `other`, either way round."""
        low, high = np.fmin(one, other), np.fmax(one, other)
        kept = (self.distinct >= low) & (self.distinct <= high)
        return _thinned(self.distinct[kept], self.places[kept], most)


def seen_values(train: Lists) -> tuple[Values, ...]:
    """The values of each feature of `train`, in the order of its columns."""
    n = len(train.features)
    rows = np.unique(np.linspace(0, max(n - 1, 0), min(n, MOST_ROWS)).astype(np.int64))
    shared = _shared(train)
    found = []
    for column, feature in enumerate(train.columns):
        values = train.features[rows, column].astype(np.float64)
        distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        places = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1)
        found.append(Values(feature, distinct, places, bool(shared[column])))
    return tuple(found)


def _shared(train: Lists) -> NDArray[np.bool_]:
    """(n_features,) which features never differ within a list; none where every list has a single candidate."""
    long = train.sizes > 1
    first = train.features[np.minimum(train.starts[:-1], max(len(train.features) - 1, 0))][train.list_of_row]
    same = (train.features == first) | (np.isnan(train.features) & np.isnan(first))
    found: NDArray[np.bool_] = same.all(axis=0) & bool(long.any())
    return found


def _thinned(values: Floats, places: Floats, most: int) -> Floats:
    if len(values) <= most:
        return values
    chosen = np.searchsorted(places, np.linspace(places[0], places[-1], most)).clip(max=len(values) - 1)
    found: Floats = values[np.unique(chosen)]
    return found
