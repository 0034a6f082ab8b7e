"""What past events did for a score: what it loses when they are left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engine.rank.base import Floats
from engine.rank.lists import Histories, Lists
from engine.rank.nets.batch import histories_of, newest
from engine.rank.nets.known import Ints


def lost_without(scores: Callable[[Lists], Floats], lists: Lists, most: int) -> list[dict[str, float]]:
    """For each candidate, by the id of a past item, what its score loses without the events with that item.

    `most`: newest events that are read at all. The losses don't add up to the score: two events that say the same
    replace each other. Features stay as they are.
    """
    found: list[dict[str, float]] = []
    histories = histories_of(lists)
    lists = replace(lists, histories=newest(histories, most))
    for place in range(len(lists)):
        found += _of_one(scores, lists.take(np.array([place])))
    return found


def _of_one(scores: Callable[[Lists], Floats], one: Lists) -> list[dict[str, float]]:
    histories = histories_of(one)
    items = np.unique(histories.items).astype(np.int64)
    if not len(items) or not len(one.items):
        return [{} for _ in one.items]
    left = scores(without_each(one, items)).reshape(len(items), -1)
    lost = scores(one)[None, :] - left
    names = one.stock.item_ids[items]
    return [dict(zip(names.tolist(), column.tolist(), strict=True)) for column in lost.T]


def without_each(one: Lists, items: Ints) -> Lists:
    """The single list `one` once for each of `items` (places in the stock), without the events with that item."""
    histories = histories_of(one)
    kept = histories.items[None, :] != items[:, None]
    at = np.nonzero(kept)[1]
    parts = (histories.items[at], histories.kinds[at], histories.micros[at])
    fewer = Histories(kept.sum(axis=1).astype(np.int64), *parts, histories.kind_names)
    return replace(one.take(np.zeros(len(items), dtype=np.int64)), histories=fewer)
