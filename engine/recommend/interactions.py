"""Interactions: how strongly each user has dealt with each item, and when last; what recommenders learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import DataError, counted
from engine.recommend.events import DAY, EventConfig, EventLog, micros

NOTHING = 1e-6  # weights up to this are rounding only: what they counted was taken back


@dataclass(frozen=True)
class Sessions:
    """Visits, in the order of users and of time. weights: (n_sessions, n_items) float32, the sum of the weights of a
    visit's events with an item; user: (n_sessions,) the row of its user in the interactions."""

    weights: sparse.csr_array
    user: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Interactions:
    """Users against items: three sparse arrays (n_users, n_items) with the same places.

    users: (n_users,) ids, the rows; item_ids: (n_items,) the catalogue, the columns; kinds: the kinds of events;
    weights: float32, the sum of the weights of a user's events with an item;
    last: int64, when the newest of them was (UTC microseconds);
    done: int32, bit i says whether an event of `kinds[i]` is among them.
    sessions: the same by visits, for models that learn from what happened together; histories hold none.
    A history is a row of it, so a user who came a second ago is Interactions with one row.
    """

    users: NDArray[np.object_]
    item_ids: NDArray[np.object_]
    kinds: tuple[str, ...]
    weights: sparse.csr_array
    last: sparse.csr_array
    done: sparse.csr_array
    sessions: Sessions | None = None

    def __len__(self) -> int:
        return len(self.users)

    def rows(self, chosen: NDArray[np.int64]) -> Interactions:
        """The histories of the users at `chosen`, in that order, without their sessions."""
        parts = (self.weights[chosen], self.last[chosen], self.done[chosen])
        return Interactions(self.users[chosen], self.item_ids, self.kinds, *parts)

    def of_kind(self, kind: str) -> sparse.csr_array:
        """(n_users, n_items) bool: with which items each user had an event of `kind`."""
        bit = 1 << self.kinds.index(kind) if kind in self.kinds else 0
        found = sparse.csr_array(
            ((self.done.data & bit) > 0, self.done.indices, self.done.indptr), shape=self.done.shape
        ).copy()
        found.eliminate_zeros()
        return found


def places_of(ids: NDArray[np.object_], known: NDArray[np.object_]) -> NDArray[np.int64]:
    """(n,) where each of `ids` stands in `known` (distinct), -1 for those that aren't there."""
    places: NDArray[np.int64] = pd.Index(known).get_indexer(pd.Index(ids)).astype(np.int64)
    return places


def interactions(
    log: EventLog, config: EventConfig, *, now: datetime | None = None, sessions: bool = False
) -> Interactions:
    """What the events of `log` say together; users without events are left out, and so is what was taken back.

    now: the moment that an event's age counts from when `config.half_life` is set (default: the newest event's);
    sessions: whether to add up by visits too, as models that are trained may want.
    """
    present, user = np.unique(log.user, return_inverse=True)
    moment = micros(now) if now is not None else int(log.micros.max(initial=0))
    values = np.array([config.weights[kind] for kind in log.kinds], dtype=np.float64)[log.kind]
    if config.half_life is not None:
        values = values * 0.5 ** ((moment - log.micros) / (config.half_life * DAY))
    shape = (len(present), len(log.item_ids))
    total, place = _added(user, log.item, values, shape)
    newest = np.zeros(total.nnz, dtype=np.int64)
    np.maximum.at(newest, place, log.micros)
    done = np.zeros(total.nnz, dtype=np.int32)
    np.bitwise_or.at(done, place, np.int32(1) << log.kind.astype(np.int32))
    parts = [sparse.csr_array((data, total.indices, total.indptr), shape=shape) for data in (newest, done)]
    found = _without_taken_back(Interactions(log.users[present], log.item_ids, log.kinds, total, *parts))
    return replace(found, sessions=_by_session(log, config, values, found.users)) if sessions else found


def _added(
    rows: NDArray[np.int64], columns: NDArray[np.int32], values: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[sparse.csr_array, NDArray[np.int64]]:
    """The sums of `values` by row and column as float32, with zeros kept, and where each value went among them."""
    pairs, place = np.unique(rows.astype(np.int64) * shape[1] + columns, return_inverse=True)
    total = np.bincount(place, weights=values, minlength=len(pairs)).astype(np.float32)
    starts = np.searchsorted(pairs // max(shape[1], 1), np.arange(shape[0] + 1)).astype(np.int32)
    cells = (pairs % max(shape[1], 1)).astype(np.int32)
    return sparse.csr_array((total, cells, starts), shape=shape), place


def _by_session(
    log: EventLog, config: EventConfig, values: NDArray[np.float64], users: NDArray[np.object_]
) -> Sessions:
    """The sessions of `users`; what was taken back within its session, or of a user who isn't there, is left out."""
    number = log.sessions(config.session_gap)
    weights, _ = _added(number, log.item, values, (int(number.max(initial=-1)) + 1, len(log.item_ids)))
    weights.data[weights.data <= NOTHING] = 0
    weights.eliminate_zeros()
    first = np.searchsorted(number, np.arange(weights.shape[0]))
    user = places_of(log.users, users)[log.user[first]]
    kept = np.flatnonzero((user >= 0) & (np.diff(weights.indptr) > 0))
    return Sessions(weights[kept], user[kept])


def _without_taken_back(data: Interactions) -> Interactions:
    """The same without pairs whose weights add up to nothing, and without the users to whom nothing is left."""
    gone = data.weights.data <= NOTHING
    if not gone.any():
        return data
    parts = []
    for matrix in (data.weights, data.last, data.done):
        kept = matrix.copy()
        kept.data[gone] = 0
        kept.eliminate_zeros()
        parts.append(kept)
    left = Interactions(data.users, data.item_ids, data.kinds, *parts)
    return left.rows(np.flatnonzero(np.diff(left.weights.indptr) > 0))


@dataclass(frozen=True)
class TrainingSet:
    """What a model is fitted on: users and items with enough interactions. The others still get recommendations.

    matrix: (n_users, n_items) of the kept users, with the columns of items left out emptied; items: (n_items,) bool,
    which columns take part.
    """

    matrix: sparse.csr_array
    users: NDArray[np.object_]
    items: NDArray[np.bool_]


def training_set(data: Interactions, *, min_user_interactions: int = 5, min_item_interactions: int = 5) -> TrainingSet:
    """The users and items that have the given number of interactions, taken once: first items, then users.

    An item's interactions are its distinct users, a user's are distinct items among those kept.
    Raises DataError with the counts when nothing remains.
    """
    weights = data.weights
    items = np.bincount(weights.indices, minlength=weights.shape[1]) >= max(min_item_interactions, 1)
    matrix = weights.copy()
    matrix.data[~items[weights.indices]] = 0
    matrix.eliminate_zeros()
    users = np.diff(matrix.indptr) >= max(min_user_interactions, 1)
    if not users.any():
        raise DataError(
            f"Of {counted(weights.shape[0], 'user')} and {counted(weights.shape[1], 'item')} none has enough "
            f"interactions to learn from ({min_user_interactions} a user, {min_item_interactions} an item)."
        )
    kept = matrix[np.flatnonzero(users)]
    return TrainingSet(kept, data.users[users], np.bincount(kept.indices, minlength=weights.shape[1]) > 0)
