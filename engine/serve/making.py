"""How lists are made: those that are asked for together in one go, in a thread, with what users did until now."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.errors import StorageError
from engine.ranked import NONE
from engine.recommend.evaluation import histories_of
from engine.recommend.events import EventLog
from engine.recommend.interactions import Interactions, interactions
from engine.recommend.pipeline import Gathered, Recommendations
from engine.serve.folding import SECOND, Happened, folded, together
from engine.serve.logs import log_failure
from engine.serve.opening import Recommending
from engine.serve.remembered import Key, Listed
from engine.serve.reranking import moved_by_categories
from engine.serve.service import Service

NOBODY = ""
Run = Callable[[Callable[[], list["Made"]]], Awaitable[list["Made"]]]


@dataclass(frozen=True)
class Asked:
    """What a list is asked for. user_id: "" for nobody in particular; steps: (item_id, event) of a session, in order;
    category: only items in it."""

    user_id: str
    k: int
    category: str | None = None
    explain: bool = False
    steps: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Kind:
    """What lists that are made together share. alone: what keeps one apart; category: its name."""

    service: Service
    served: Recommending
    k: int
    category: str | None
    alone: object = None

    @property
    def key(self) -> Key:
        """What such lists are remembered by."""
        return self.served.serial, self.k, self.category


@dataclass(frozen=True)
class Made:
    """A list. recent: events of a moment ago are in it; the rest is what it was made of, None where it was remembered:
    the histories and candidates of all lists that were made together, in which it has the place `place`."""

    listed: Listed
    recent: bool
    histories: Interactions | None = None
    gathered: Gathered | None = None
    place: int = 0


async def make_lists(kind: Kind, asked: Sequence[Asked], run: Run | None = None) -> Sequence[Made | Exception]:
    """The lists of one kind, made together; one by one where that fails, so that nobody fails with somebody else.

    What is made is remembered, unless an event of its user came meanwhile. run: in which threads, default: those that
    answer.
    """
    memory, run = kind.service.remembered, run or kind.service.work.run
    users = [one.user_id for one in asked if not one.steps]
    with memory.making(users) as current:
        try:
            made = await run(partial(_make, kind, asked, memory.kept(kind.key, users)))
        except Exception as error:
            if len(asked) == 1:
                return [error]
        else:
            for one, found in zip(asked, made, strict=True):
                if found.recent and not one.steps and one.user_id in current:
                    memory.put(kind.key, one.user_id, found.listed)
            return made
    return [found for one in asked for found in await make_lists(kind, [one], run)]


def _make(kind: Kind, asked: Sequence[Asked], kept: Mapping[str, Listed]) -> list[Made]:
    """The lists; those of `kept` that are of the same events are not made again, unless they are to be explained."""
    happened, recent = _happened(kind, asked)
    told = [hash(tuple(happened.get(one.user_id, ()))) for one in asked]
    there: dict[int, Made] = {}
    if recent and kind.alone is None:
        for place, one in enumerate(asked):
            if not one.steps and (found := kept.get(one.user_id)) and found.told == told[place]:
                there[place] = Made(found, recent)
    rest = [place for place in range(len(asked)) if place not in there]
    made = _rank(kind, [asked[place] for place in rest], happened, recent, [told[place] for place in rest])
    there.update(zip(rest, made, strict=True))
    return [there[place] for place in range(len(asked))]


def _happened(kind: Kind, asked: Sequence[Asked]) -> tuple[dict[str, list[Happened]], bool]:
    """What was told of the users, and whether that could be read."""
    try:
        with kind.service.metrics.stage("events"):
            users = {one.user_id for one in asked if one.user_id != NOBODY}
            return kind.service.database.events_of(list(users)), True
    except StorageError as error:
        log_failure("events of a moment ago could not be read", error)
        return {}, False


def _rank(
    kind: Kind, asked: Sequence[Asked], happened: Mapping[str, list[Happened]], recent: bool, told: Sequence[int]
) -> list[Made]:
    if not asked:
        return []
    stage, served = kind.service.metrics.stage, kind.served
    with stage("history"):
        histories = _histories(served, asked, happened)
    with stage("gather"):
        gathered = served.pipeline.gather(histories, category=served.assortment.mask(kind.category))
    with stage("rank"):
        lists = served.pipeline.rank(gathered, kind.k)
    moved = moved_by_categories(gathered, served.pipeline.config, kind.k).tolist()
    known = (np.diff(histories.weights.indptr) > 0).tolist()
    return [
        Made(_listed(lists, place, known[place], moved[place], told[place]), recent, histories, gathered, place)
        for place in range(len(asked))
    ]


def _listed(lists: Recommendations, place: int, known: bool, moved: bool, told: int) -> Listed:
    rows = lists.ranked.rows[place]
    there = rows != NONE
    return Listed(rows[there], lists.ranked.scores[place][there], lists.filled[place][there], known, moved, told)


def _histories(served: Recommending, asked: Sequence[Asked], happened: Mapping[str, list[Happened]]) -> Interactions:
    """What is known of each user, in order; some have no history."""
    config = served.shop.config.events
    log = together([_log(served, one, happened.get(one.user_id, [])) for one in asked])
    found = interactions(log, config)
    return found if len(found) == len(asked) else histories_of(found, log.users)


def _log(served: Recommending, asked: Asked, happened: Sequence[Happened]) -> EventLog:
    """What the user did, with the session's steps after it, one a second."""
    newest = max([time.time_ns() // 1000, *(one.micros for one in happened)])
    steps = [
        Happened(item_id, event, newest + (place + 1) * SECOND) for place, (item_id, event) in enumerate(asked.steps)
    ]
    return folded(served.shop, served.assortment.rows, asked.user_id, [*happened, *steps])
