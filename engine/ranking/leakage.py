"""A check that lists know nothing of the future: everything from their moment on is made up anew, and nothing changes.

Candidates, scores of their sources and features are made twice for the same users and moment: from what happened, and
from what happened before that moment together with a made-up future. They must be equal to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.rank.lists import Lists
from engine.rank.point_in_time_past import Dated
from engine.ranking.knowing import Known
from engine.ranking.preparing import Maker
from engine.ranking.windows import Window
from engine.recommend.evaluation import Task, histories_of
from engine.recommend.events import EventLog, micros
from engine.recommend.interactions import interactions


@dataclass(frozen=True)
class Leakage:
    """What was compared, and what differed: the feature (or "candidates") -> in how many candidates."""

    n_lists: int
    n_candidates: int
    n_features: int
    n_future: int
    changed: dict[str, int]

    @property
    def words(self) -> str:
        """In one sentence."""
        said = (
            f"{self.n_candidates:,} candidates of {self.n_lists:,} lists with {self.n_features} features, "
            f"{self.n_future:,} later events made up anew: "
        )
        return said + (f"{', '.join(self.changed)} changed" if self.changed else "nothing changed")


def look_ahead(maker: Maker, window: Window, *, seed: int) -> Leakage:
    """Make the lists of `window` with its true future and with a made-up one, and compare them bit by bit."""
    task = maker.task(window)
    other = another_future(maker, micros(task.start), seed)
    before, after = _asked(maker, task), _asked(other, task)
    n_future = int((maker.shop.log.micros >= micros(task.start)).sum())
    counts = (len(before), len(before.items), len(before.columns), n_future)
    return Leakage(*counts, _changed(before, after))


def another_future(maker: Maker, moment: int, seed: int) -> Maker:
    """The same shop, in which other users did other things with other items at other times from `moment` on."""
    rng = np.random.default_rng(seed)
    log = _shuffled(maker.shop.log, moment, rng)
    said = [None if one is None else _redated(one, moment, rng) for one in (maker.known.prices, maker.known.ratings)]
    return replace(maker, shop=replace(maker.shop, log=log), known=Known(said[0], said[1], maker.known.tags))


def _asked(maker: Maker, task: Task) -> Lists:
    shop = maker.shop
    past = interactions(shop.log.between(end=task.start), shop.config.events, now=task.start, sessions=True)
    return maker.asked(histories_of(past, task.histories.users), past, task.start, task.rules)[0]


def _changed(before: Lists, after: Lists) -> dict[str, int]:
    if not np.array_equal(before.sizes, after.sizes) or not np.array_equal(before.items, after.items):
        return {"candidates": len(before.items)}
    apart = before.features.view(np.uint32) != after.features.view(np.uint32)
    apart &= ~(np.isnan(before.features) & np.isnan(after.features))
    counts = apart.sum(axis=0)
    return {name: int(n) for name, n in zip(before.names, counts, strict=True) if n}


def _shuffled(log: EventLog, moment: int, rng: np.random.Generator) -> EventLog:
    """The log with half of what happened from `moment` on, its users, items, kinds and times in another order."""
    future = np.flatnonzero(log.micros >= moment)
    kept = np.sort(np.concatenate([np.flatnonzero(log.micros < moment), rng.permutation(future)[: len(future) // 2]]))
    new = log.micros[kept] >= moment
    columns: dict[str, Any] = {}
    for name in ("user", "item", "kind", "micros"):
        values = getattr(log, name)[kept].copy()
        values[new] = rng.permutation(values[new])
        columns[name] = values
    order = np.lexsort((columns["kind"], columns["item"], columns["micros"], columns["user"]))
    return replace(log, **{name: values[order] for name, values in columns.items()})


def _redated(said: Dated, moment: int, rng: np.random.Generator) -> Dated:
    new = said.micros >= moment
    values = np.where(new, 10 * rng.random(len(new)), said.values)
    return Dated(said.items, said.micros, values)
