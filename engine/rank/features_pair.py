"""Features of a user with a candidate: their own events, and how near the item is to the items of the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.rank.lists import bounds
from engine.rank.point_in_time import Floats, Ints
from engine.rank.point_in_time_asked import Asked
from engine.rank.point_in_time_past import ItemPast, UserPast

Named = Mapping[str, NDArray[np.generic]]
Alike = Callable[[Ints, Ints], NDArray[np.floating]]  # (n_recent,), (n_candidates,) items -> (n_recent, n_candidates)


def pair_features(items: ItemPast, users: UserPast, asked: Asked) -> Named:
    """The group "pair", (n_rows,) each."""
    keys, when = users.item_keys(asked.row_users, asked.items), asked.row_micros
    together = asked.together
    mean = highest = np.full(len(keys), np.nan)
    if together is not None:
        matrix = together
        mean, highest, _ = _held_against(asked, lambda recent, found: matrix[recent][:, found].toarray())
    return {
        "pair_events": users.by_item.counts(keys, when),
        "pair_purchases": users.purchases_by_item.counts(keys, when),
        "pair_recency_days": users.by_item.since_last(keys, when),
        "pair_together_mean": mean,
        "pair_together_max": highest,
    }


def vector_features(items: ItemPast, users: UserPast, asked: Asked) -> Named:
    """The group "vectors", (n_rows,) each; unknown where items have no vectors."""
    vectors = items.stock.vectors
    if vectors is None:
        mean = highest = last = np.full(len(asked.items), np.nan)
    else:
        found = vectors
        mean, highest, last = _held_against(asked, lambda a, b: _unit(found[a]) @ _unit(found[b]).T)
    return {"pair_similarity_mean": mean, "pair_similarity_max": highest, "pair_similarity_last": last}


def tag_features(items: ItemPast, users: UserPast, asked: Asked) -> Named:
    """The group "tags", (n_rows,) each; unknown where there are no tags."""
    if items.tags is None:
        unknown = np.full(len(asked.items), np.nan)
        return {"item_tags": unknown, "pair_shared_tags": unknown, "pair_tag_share": unknown}
    tags = sparse.csr_array(items.tags.astype(np.int32))
    sizes, recent = asked.recent
    cells = (np.ones(len(recent), dtype=np.int32), recent, bounds(sizes))
    held = sparse.csr_array(cells, shape=(len(asked), tags.shape[0]))
    profile, own = sparse.csr_array(held @ tags), tags[asked.items]
    own_rows = np.repeat(np.arange(len(asked.items)), np.diff(own.indptr))
    among = held[asked.list_of_row, asked.items].astype(np.int32)  # the item itself doesn't count as another
    others = np.asarray(profile[asked.list_of_row[own_rows], own.indices]) - among[own_rows]
    shared = np.bincount(own_rows[others > 0], minlength=len(asked.items))
    count = np.diff(own.indptr)
    share = np.where(count > 0, shared / np.maximum(count, 1), np.nan)
    return {"item_tags": count, "pair_shared_tags": shared, "pair_tag_share": share}


def _held_against(asked: Asked, alike: Alike) -> tuple[Floats, Floats, Floats]:
    """(n_rows,) mean, highest and last likeness to the recent items of the history but the item itself."""
    mean, highest, last = (np.full(len(asked.items), np.nan) for _ in range(3))
    sizes, recent = asked.recent
    ends = bounds(sizes)
    for place in np.flatnonzero((sizes > 0) & (asked.sizes > 0)):
        rows = slice(asked.starts[place], asked.starts[place + 1])
        items, before = asked.items[rows], recent[ends[place] : ends[place + 1]]
        cells = np.asarray(alike(before, items), dtype=np.float64)
        other = before[:, None] != items
        some = other.any(axis=0)
        total = np.where(other, cells, 0).sum(axis=0)
        mean[rows] = np.where(some, total / np.maximum(other.sum(axis=0), 1), np.nan)
        highest[rows] = np.where(some, np.where(other, cells, -np.inf).max(axis=0), np.nan)
        last[rows] = np.where(some, cells[np.argmax(other, axis=0), np.arange(len(items))], np.nan)
    return mean, highest, last


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
