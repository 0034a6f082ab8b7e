"""Measuring rankers: the rows of a run of kind "rank", one per list, and how long a candidate takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.rank.base import Floats
from engine.rank.lists import Lists, bounds

LENGTHS = ((0, "no history"), (1, "1 event"), (5, "2-5 events"), (20, "6-20 events"), (np.inf, "more than 20 events"))
ELSEWHERE = "not a candidate"  # begins the name of a wanted item that isn't among the candidates


def rank_rows(lists: Lists, scores: Floats, probabilities: Floats) -> pd.DataFrame:
    """The rows of a run: for each list with something wanted its candidates by `scores`, best first.

    scores, probabilities: (n_rows,) in the lists' own order. relevant holds what was wanted; of wanted items that are
    no candidates only the number is known, so they are called "not a candidate 1" and so on. Slices: category (of the
    first wanted candidate), history (how many events the user had). Lists where nothing was wanted can't be measured.
    """
    measured = np.flatnonzero(lists.sought > 0)
    order = lists.ordered(scores)
    ids, right = lists.stock.item_ids[lists.items[order]], lists.known[order]
    owner = lists.list_of_row[order]
    hits, chances = (_split(values, lists.starts) for values in (ids, probabilities[order]))
    n_found = np.bincount(owner[right], minlength=len(lists)).astype(np.int64)
    found = _split(ids[right], bounds(n_found))
    categories = _split(lists.stock.categories[lists.items[order][right]], bounds(n_found))
    ranks = _split(np.arange(len(order))[right] - lists.starts[owner[right]] + 1, bounds(n_found))
    names = lists.stock.category_names
    missing = lists.sought - n_found
    frame = {
        "list_id": lists.list_ids[measured],
        "user_id": lists.users[measured],
        "hits": [hits[n].tolist() for n in measured],
        "scores": [chances[n].tolist() for n in measured],
        "relevant": [[*found[n], *_elsewhere(int(missing[n]))] for n in measured],
        "hit_rank": pd.array([int(ranks[n][0]) if len(ranks[n]) else None for n in measured], dtype="Int64"),
        "n_candidates": lists.sizes[measured],
        "category": [str(names[categories[n][0]]) if len(categories[n]) else "no candidate" for n in measured],
    }
    if lists.histories is not None:
        sizes = lists.histories.sizes[measured]
        frame |= {"n_history": sizes, "history": [_band(int(size)) for size in sizes]}
    return pd.DataFrame(frame)


def list_ndcg(lists: Lists, scores: Floats, k: int) -> Floats:
    """(n_lists,) NDCG@k with a gain of 1 for what was wanted, as a run's rows give it; 0 where nothing was wanted."""
    order = lists.ordered(scores)
    owner = lists.list_of_row[order]
    place = np.arange(len(order)) - lists.starts[owner]
    got = lists.known[order] & (place < k)
    gained = np.bincount(owner[got], 1 / np.log2(place[got] + 2.0), minlength=len(lists))
    best = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])[np.minimum(lists.sought, k)]
    found: Floats = np.divide(gained, best, out=np.zeros(len(lists)), where=best > 0)
    return found


def mean_ndcg(lists: Lists, scores: Floats, k: int) -> float:
    """The mean of NDCG@k over lists where something was wanted, as a run has it; NaN where there is none."""
    measured = lists.sought > 0
    return float(list_ndcg(lists, scores, k)[measured].mean()) if measured.any() else float("nan")


def micros_per_candidate(scores: Callable[[Lists], object], lists: Lists, *, most: int = 20_000) -> float:
    """Microseconds that scoring takes per candidate, over the first lists with up to `most` candidates, warmed up.

    The quicker of two rounds, because other work on the machine only ever adds time.
    """
    n_lists = max(int(np.searchsorted(lists.starts, most, side="right")) - 1, 1)
    some = lists.take(np.arange(min(n_lists, len(lists))))
    scores(some.take(np.arange(min(len(some), 2))))
    return min(_seconds(scores, some) for _ in range(2)) * 1e6 / max(len(some.items), 1)


def _seconds(scores: Callable[[Lists], object], lists: Lists) -> float:
    begun = time.perf_counter()
    scores(lists)
    return time.perf_counter() - begun


def _split(values: NDArray[np.generic], starts: NDArray[np.int64]) -> list[NDArray[np.generic]]:
    return np.split(values, starts[1:-1])


def _elsewhere(n: int) -> list[str]:
    return [f"{ELSEWHERE} {number}" for number in range(1, n + 1)]


def _band(size: int) -> str:
    return next(name for most, name in LENGTHS if size <= most)
