"""Measuring recommendations: what users did next, by a split in time, as the rows of a run.

A model knows what happened before a moment and recommends at that moment; right is what the user wanted afterwards.
Every item of the catalogue is ranked, no sample. Who wanted only items that the rules leave out is not measured, and
users without a history are: they are the cold ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import DataError
from engine.ranked import NONE, Ranked
from engine.recommend.catalogue import Catalogue
from engine.recommend.eligibility import Rules, eligibility
from engine.recommend.events import DAY, EventConfig, EventLog, micros
from engine.recommend.interactions import Interactions, interactions, places_of

TARGETS = ("addtocart", "transaction")
K = 50  # items that a run keeps of each list
LENGTHS = ((0, "no history"), (1, "1 item"), (5, "2-5 items"), (20, "6-20 items"), (np.inf, "more than 20 items"))
AGES = ((30, "new, up to 30 days"), (90, "31-90 days"), (np.inf, "older"))


@dataclass(frozen=True)
class Task:
    """What is asked of every model: recommend for `histories`, judged by `wanted`.

    histories: what each user did before `start`, an empty row for those who come later; wanted: (n_users, n_items)
    bool, what the user had a target event with from then on, without what the rules leave out; past: all interactions
    before `start`, which models may learn from; first_seen: (n_items,) microseconds of each item's first event, the
    largest number where there is none before `start`; surprise: (n_items,) -log2 of the share of users who had the
    item before (as if one more had); n_unmeasured: users whose wanted items the rules leave out.
    """

    histories: Interactions
    wanted: sparse.csr_array
    past: Interactions
    start: datetime
    rules: Rules
    first_seen: NDArray[np.int64]
    surprise: NDArray[np.float64]
    n_unmeasured: int


def make_task(
    log: EventLog,
    catalogue: Catalogue,
    config: EventConfig,
    *,
    start: datetime,
    end: datetime | None = None,
    rules: Rules | None = None,
    targets: Sequence[str] = TARGETS,
) -> Task:
    """The task at `start`: events before it are known, target events from it until `end` are wanted.

    Availability of today and not of then leaves nothing out: it counts only when `catalogue` is as of a moment. Raises
    DataError when nobody has a target event in that time.
    """
    rules = rules or Rules()
    rules = replace(rules, unavailable=rules.unavailable and catalogue.as_of is not None)
    before, after = log.between(end=start), log.between(start=start, end=end)
    # a purchase that was cancelled afterwards wasn't wanted
    kinds = [place for place, kind in enumerate(log.kinds) if kind in targets or config.weights[kind] < 0]
    aims = after.take(np.isin(after.kind, kinds))
    if not len(before) or not len(aims):
        raise DataError(
            f"Nothing to measure: {len(before):,} events before {start:%Y-%m-%d %H:%M} and {len(aims):,} of "
            f"{' or '.join(targets)} after it; choose another split or other target events."
        )
    past, future = interactions(before, config, now=start, sessions=True), interactions(aims, config)
    histories = histories_of(past, future.users)
    rules_now = eligibility(histories, catalogue, rules)
    aimed = future.weights.astype(bool).astype(np.int8)
    wanted = sparse.csr_array(aimed - aimed.multiply(rules_now.excluded)).astype(bool)
    wanted.data &= rules_now.eligible[wanted.indices]
    wanted.eliminate_zeros()
    kept = np.flatnonzero(np.diff(wanted.indptr) > 0)
    first = np.full(len(catalogue), np.iinfo(np.int64).max)
    np.minimum.at(first, before.item, before.micros)
    holders = np.bincount(past.weights.indices, minlength=len(catalogue))
    surprise = -np.log2((holders + 1) / (len(past) + 1))
    unmeasured = len(future.users) - len(kept)
    return Task(histories.rows(kept), wanted[kept], past, start, rules, first, surprise, unmeasured)


def histories_of(data: Interactions, users: NDArray[np.object_]) -> Interactions:
    """The histories of `users` in that order; an empty one for a user that `data` doesn't know."""
    places = places_of(users, data.users)
    known = np.flatnonzero(places >= 0)
    pick = sparse.csr_array((np.ones(len(known), dtype=np.int8), (known, places[known])), (len(users), len(data)))
    parts = [sparse.csr_array(pick.astype(m.dtype) @ m) for m in (data.weights, data.last, data.done)]
    for part in parts:
        part.sort_indices()
    return Interactions(users, data.item_ids, data.kinds, *parts)


def run_rows(task: Task, found: Ranked, catalogue: Catalogue) -> pd.DataFrame:
    """The rows of a run of kind "recommend": one per user, with slices (history, category, item_age).

    category: the root category that the user wanted most of; item_age: of the youngest wanted item.
    """
    names = catalogue.categories[catalogue.leaves]
    lists = [row[row != NONE][:K] for row in found.rows]
    wanted = [task.wanted.indices[a:b] for a, b in zip(task.wanted.indptr, task.wanted.indptr[1:], strict=False)]
    right = [set(items.tolist()) for items in wanted]
    ranks = [
        next((rank for rank, item in enumerate(row.tolist(), 1) if item in good), None)
        for row, good in zip(lists, right, strict=True)
    ]
    return pd.DataFrame(
        {
            "user_id": task.histories.users,
            "hits": [catalogue.item_ids[row].tolist() for row in lists],
            "scores": [scores[: len(row)].tolist() for row, scores in zip(lists, found.scores, strict=True)],
            "relevant": [catalogue.item_ids[items].tolist() for items in wanted],
            "surprise": [task.surprise[row].tolist() for row in lists],
            "hit_categories": [names[row].tolist() for row in lists],
            "n_items": len(catalogue),
            "hit_rank": pd.array(ranks, dtype="Int64"),
            "n_history": np.diff(task.histories.weights.indptr),
            "history": [_band(n, LENGTHS) for n in np.diff(task.histories.weights.indptr)],
            "category": [_root(items, catalogue) for items in wanted],
            "item_age": [_age(items, task) for items in wanted],
        }
    )


def _band(value: float, bands: Sequence[tuple[float, str]]) -> str:
    return next(name for most, name in bands if value <= most)


def _root(items: NDArray[np.int32], catalogue: Catalogue) -> str:
    roots, counts = np.unique(catalogue.levels[items, 0], return_counts=True)
    return str(catalogue.categories[roots[np.argmax(counts)]])


def _age(items: NDArray[np.int32], task: Task) -> str:
    days = (micros(task.start) - task.first_seen[items].max()) / DAY
    return "not seen before" if days < 0 else _band(days, AGES)
