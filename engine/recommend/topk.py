"""The best items of many users at once, from factors or scores, dense or sparse, with exclusions; in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.ranked import NONE, Ranked
from engine.settings import load_settings

Floats = NDArray[np.float32]
BATCH_CELLS = 8_000_000  # of users times items at once: 32 MB of dense scores


def no_lists(n: int, k: int) -> Ranked:
    """n empty lists of width k."""
    return Ranked(np.full((n, k), NONE, dtype=np.int64), np.full((n, k), -np.inf, dtype=np.float32))


def only(found: Ranked, kept: NDArray[np.bool_]) -> Ranked:
    """`found` with the lists where `kept` (n_lists,) doesn't hold emptied."""
    empty = no_lists(*found.rows.shape)
    chosen = kept[:, None]
    return Ranked(np.where(chosen, found.rows, empty.rows), np.where(chosen, found.scores, empty.scores))


def nearest(vectors: Floats, rows: NDArray[np.int64], k: int, *, trained: NDArray[np.bool_]) -> Ranked:
    """The k of the `trained` items whose `vectors` (n_items, n_factors) have the largest cosine with those at `rows`.

    An item is not among its own neighbours; one that isn't trained has none.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
    itself = sparse.csr_array((np.ones(len(rows)), (np.arange(len(rows)), rows)), shape=(len(rows), len(unit)))
    found = factor_top_k(unit[rows], unit, k, columns=np.flatnonzero(trained), excluded=itself)
    return only(found, trained[rows])


def factor_top_k(
    users: Floats,
    items: Floats,
    k: int,
    *,
    columns: NDArray[np.int64],
    excluded: sparse.csr_array | None = None,
) -> Ranked:
    """The k items with the largest inner products, by implicit's native code.

    users: (n_users, n_factors); items: (n_items, n_factors), of which those at `columns` take part, ascending;
    excluded: (n_users, n_items).
    """
    from implicit.cpu.topk import topk

    if not len(users) or not len(columns):
        return no_lists(len(users), k)
    allowed = np.zeros(len(items), dtype=bool)
    allowed[columns] = True
    width = min(k, len(columns))
    found, scores = topk(
        items,
        users,
        width,
        filter_query_items=None if excluded is None else sparse.csr_matrix(excluded),
        filter_items=None if allowed.all() else np.flatnonzero(~allowed),
        num_threads=min(load_settings().threads, len(users)),
    )
    result = no_lists(len(users), k)
    kept = scores > -np.finfo(np.float32).max / 2  # what was left out stands at the end with the lowest number
    result.rows[:, :width] = np.where(kept, found, NONE)
    result.scores[:, :width] = np.where(kept, scores, -np.inf)
    return result


def score_top_k(
    n: int,
    score: Callable[[slice], Floats],
    k: int,
    *,
    columns: NDArray[np.int64],
    excluded: sparse.csr_array | None = None,
) -> Ranked:
    """The k best items of n users by dense scores that are made in batches.

    score: gives (n_batch, n_columns) for a slice of the users; items scored -inf are left out, and so are those
    excluded (n, n_items). Of equal scores the item that comes first in `columns` wins.
    """
    result = no_lists(n, k)
    width = min(k, len(columns))
    if not width:
        return result
    step = max(BATCH_CELLS // len(columns), 1)
    for start in range(0, n, step):
        batch = slice(start, min(start + step, n))
        scores = np.array(score(batch), dtype=np.float32)
        if excluded is not None:
            scores[_cells(excluded, batch, columns)] = -np.inf
        best = _best(scores, width)
        found = np.take_along_axis(scores, best, axis=1)
        result.scores[batch, :width] = found
        result.rows[batch, :width] = np.where(np.isfinite(found), columns[best], NONE)
    return result


def sparse_top_k(
    n: int,
    score: Callable[[slice], sparse.csr_array],
    k: int,
    *,
    allowed: NDArray[np.bool_],
    excluded: sparse.csr_array | None = None,
) -> Ranked:
    """The k best items of n users by scores above 0, for models that reach few of the items from a history.

    score: gives (n_batch, n_items) for a slice of the users, what isn't there counts as 0; allowed: (n_items,);
    excluded: (n, n_items). Of equal scores the first item wins, as in `score_top_k`, which gives the same lists.
    """
    result = no_lists(n, k)
    step = max(BATCH_CELLS // max(len(allowed), 1), 1)
    for start in range(0, n, step):
        batch = slice(start, min(start + step, n))
        found = score(batch)
        kept = (found.data > 0) & allowed[found.indices]
        if excluded is not None:
            kept &= ~_among(found, excluded, batch)
        ends = np.concatenate([[0], np.cumsum(kept)])[found.indptr]
        items, scores = found.indices[kept], found.data[kept].astype(np.float32)
        for row, (first, last) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True), start=start):
            best = first + _first(scores[first:last], items[first:last], k)
            result.rows[row, : len(best)], result.scores[row, : len(best)] = items[best], scores[best]
    return result


def _among(found: sparse.csr_array, excluded: sparse.csr_array, batch: slice) -> NDArray[np.bool_]:
    """(found.nnz,) which cells of a batch's scores are excluded."""
    starts = excluded.indptr[batch.start : batch.stop + 1]
    part = slice(starts[0], starts[-1])
    table = np.zeros(found.shape, dtype=bool)
    table[np.repeat(np.arange(len(starts) - 1), np.diff(starts)), excluded.indices[part]] = excluded.data[part]
    hit: NDArray[np.bool_] = table[np.repeat(np.arange(found.shape[0]), np.diff(found.indptr)), found.indices]
    return hit


def _first(scores: Floats, items: NDArray[np.int32], k: int) -> NDArray[np.int64]:
    """The places of the k highest scores of one user, in order; of equals the first item."""
    chosen = np.arange(len(scores))
    if len(scores) > k:
        chosen = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    order: NDArray[np.int64] = chosen[np.lexsort((items[chosen], -scores[chosen]))[:k]]
    return order


def _cells(
    excluded: sparse.csr_array, batch: slice, columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows and columns of a batch of scores that are excluded; slicing a sparse array takes far longer."""
    starts = excluded.indptr[batch.start : batch.stop + 1]
    part = slice(starts[0], starts[-1])
    if part.start == part.stop:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing
    place = np.full(excluded.shape[1], NONE, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    rows, cells = np.repeat(np.arange(len(starts) - 1), np.diff(starts)), place[excluded.indices[part]]
    kept = (cells != NONE) & (excluded.data[part] != 0)
    return rows[kept], cells[kept]


def _best(scores: Floats, width: int) -> NDArray[np.int64]:
    """(n, width) places of the highest scores, in order; of equals the first ones."""
    if width < scores.shape[1]:
        cut = -np.partition(-scores, width - 1, axis=1)[:, width - 1 : width]
        # all above the cut, then as many at the cut as are needed: a stable sort of the masked scores gives both
        places = np.argpartition(-scores, width - 1, axis=1)[:, :width]
        tied = (scores == cut).sum(axis=1) > 1
        if tied.any():
            places[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :width]
        places.sort(axis=1)
    else:
        places = np.broadcast_to(np.arange(width), scores.shape).copy()
    order = np.argsort(-np.take_along_axis(scores, places, axis=1), axis=1, kind="stable")
    best: NDArray[np.int64] = np.take_along_axis(places, order, axis=1)
    return best
