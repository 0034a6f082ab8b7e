"""What was known at a moment: events by key in the order of time, of which only those before the moment are seen.

Answers depend on the events before the moment alone, to the last bit: counts are differences of places, and sums run
within a key from its first event on.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DAY = 86_400_000_000  # microseconds
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Timeline:
    """Events by key. keys, micros: (n_events,) what each belongs to and when it was (UTC microseconds).

    Events of one key and one microsecond keep the order in which they are given.
    """

    def __init__(self, keys: NDArray[np.integer], micros: Ints) -> None:
        self.order: Ints = np.lexsort((micros, keys))
        self.micros: Ints = micros[self.order]
        self._keys, self._starts, place = np.unique(keys[self.order], return_index=True, return_inverse=True)
        self._times, rank = np.unique(self.micros, return_inverse=True)
        self._step = len(self._times) + 1
        self._codes: Ints = place.astype(np.int64) * self._step + rank
        self._place = place

    def __len__(self) -> int:
        return len(self.micros)

    def before(self, keys: NDArray[np.integer], moments: Ints) -> tuple[Ints, Ints]:
        """(n,) each: where the events of a key begin in `self.order`, and where those from its moment on begin."""
        if not len(self):
            return np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=np.int64)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        known = self._keys[place] == keys
        starts = np.where(known, self._starts[place], 0)
        codes = place * self._step + np.searchsorted(self._times, moments)
        return starts, np.where(known, np.searchsorted(self._codes, codes), 0)

    def counts(self, keys: NDArray[np.integer], moments: Ints, *, days: float | None = None) -> Ints:
        """(n,) how many events each key had before its moment, or in the last `days` before it."""
        starts, ends = self.before(keys, moments)
        if days is not None:
            starts = self.before(keys, moments - int(days * DAY))[1]
        return ends - starts

    def since_last(self, keys: NDArray[np.integer], moments: Ints) -> Floats:
        """(n,) days from a key's last event before its moment to that moment; NaN where there is none."""
        starts, ends = self.before(keys, moments)
        return self._days(ends - 1, ends > starts, moments)

    def since_first(self, keys: NDArray[np.integer], moments: Ints) -> Floats:
        """(n,) days from a key's first event to its moment; NaN where none is before the moment."""
        starts, ends = self.before(keys, moments)
        return self._days(starts, ends > starts, moments)

    def running(self, values: Floats) -> Floats:
        """(n_events,) the sums of `values`, given in the order of `self.order`, within each key up to each event."""
        found: Floats = pd.Series(values).groupby(self._place).cumsum().to_numpy()
        return found

    @cached_property
    def repeated(self) -> NDArray[np.bool_]:
        """(n_events,) in the order of `self.order`: whether it is not the first event of its key."""
        found = np.ones(len(self), dtype=bool)
        found[self._starts] = False
        return found

    def _days(self, places: Ints, there: NDArray[np.bool_], moments: Ints) -> Floats:
        found = np.full(len(places), np.nan)
        found[there] = (moments[there] - self.micros[places[there]]) / DAY
        return found
