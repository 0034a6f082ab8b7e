"""What a user did a moment ago, beside what the models were trained on: one log, in which nothing counts twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.recommend.events import EventLog
from engine.recommending.people import events_of
from engine.recommending.shop import Shop

SECOND = 1_000_000  # microseconds


@dataclass(frozen=True)
class Happened:
    """One thing that a user did with an item. micros: when, UTC microseconds since 1970."""

    item_id: str
    event: str
    micros: int


def folded(shop: Shop, rows: Mapping[str, int], user_id: str, happened: Iterable[Happened]) -> EventLog:
    """The log's events of one user and what `happened` since, in the order of time.

    rows: where each item stands in the catalogue. Left out are items that aren't in it, events without a weight, what
    the log has already (the same item, kind and time), and all but as many of the newest as the shop's settings keep.
    """
    kinds = {kind: place for place, kind in enumerate(shop.log.kinds)}
    known = events_of(shop.log, user_id)
    new = [
        (one.micros, rows[one.item_id], kinds[one.event])
        for one in happened
        if one.item_id in rows and one.event in kinds
    ]
    if not new:
        return replace(known, users=np.array([user_id], dtype=object), user=np.zeros(len(known), dtype=np.int32))
    old = np.stack([known.micros, known.item.astype(np.int64), known.kind.astype(np.int64)], axis=1)
    both = np.concatenate([old, np.array(new, dtype=np.int64).reshape(-1, 3)])
    kept = np.unique(both, axis=0)[-shop.config.events.most_events :]
    return EventLog(
        users=np.array([user_id], dtype=object),
        item_ids=shop.log.item_ids,
        kinds=shop.log.kinds,
        user=np.zeros(len(kept), dtype=np.int32),
        item=kept[:, 1].astype(np.int32),
        kind=kept[:, 2].astype(np.int16),
        micros=kept[:, 0],
    )


def together(logs: Sequence[EventLog]) -> EventLog:
    """Logs of one user each as one log, its users numbered in their order: whoever comes twice stays two."""
    sizes = [len(log) for log in logs]
    return replace(
        logs[0],
        users=np.array([f"{place:09d}" for place in range(len(logs))], dtype=object),
        user=np.repeat(np.arange(len(logs), dtype=np.int32), sizes),
        item=np.concatenate([log.item for log in logs]),
        kind=np.concatenate([log.kind for log in logs]),
        micros=np.concatenate([log.micros for log in logs]),
    )
