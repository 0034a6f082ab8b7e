"""Lists for a user or a session, by the same pipeline as in the app; popular items where it fails or is too slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.errors import StorageError, UnknownNameError
from engine.ranked import NONE
from engine.recommend.evaluation import histories_of
from engine.recommend.events import EventLog
from engine.recommend.explain import explain
from engine.recommend.interactions import Interactions, interactions
from engine.recommend.pipeline import Gathered, Recommendations
from engine.recommending.reasons import because
from engine.serve.assortment import Assortment, Mask
from engine.serve.folding import Happened, folded, together
from engine.serve.items import item_of
from engine.serve.logs import log_failure
from engine.serve.opening import Recommending
from engine.serve.problems import Problem, not_built
from engine.serve.reranking import moved_by_categories
from engine.serve.schemas import Missing, Reason, RecommendationsAnswer, Recommended
from engine.serve.service import Service
from engine.serve.slots import Loaded

SECOND = 1_000_000  # microseconds
NOBODY = ""


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


@dataclass(frozen=True)
class Made:
    """The list at `place` of those that the pipeline made together.

    recent: events of a moment ago are in it; moved: the user's categories moved it.
    """

    histories: Interactions
    gathered: Gathered
    lists: Recommendations
    place: int
    recent: bool
    moved: bool

    @property
    def rows(self) -> list[int]:
        """The rows of the items, best first."""
        rows = self.lists.ranked.rows[self.place]
        return [int(row) for row in rows[rows != NONE]]

    @property
    def known(self) -> bool:
        """Whether the user has a history."""
        starts = self.histories.weights.indptr
        return bool(starts[self.place] < starts[self.place + 1])


async def recommend(service: Service, asked: Asked) -> RecommendationsAnswer:
    """The list. Raises Problem where there is no such category, or nothing at all to answer from."""
    chosen = service.parts.experimenting.choose(asked.user_id)
    answer = await _list(service, asked, chosen.loaded)
    if chosen.experiment and chosen.variant and chosen.loaded:
        names = chosen.experiment.name, asked.user_id, chosen.variant.name
        service.exposures.note(*names, chosen.loaded.label, stands_in=chosen.stands_in)
        if chosen.stands_in:
            answer.degraded.append("variant")
        else:
            answer.variant = chosen.variant.name
    return answer


async def _list(service: Service, asked: Asked, loaded: Loaded[Recommending] | None) -> RecommendationsAnswer:
    assortment = loaded.value.assortment if loaded else service.parts.assortment
    if assortment is None:
        raise not_built("This store")
    category = _category(assortment, asked.category)
    if loaded is None:
        return _popular(service, assortment, asked, category, "no_model")
    served, until = loaded.value, time.monotonic() + service.config.deadline
    try:
        kind = Kind(service, served, asked.k, asked.category, object() if asked.explain else None)
        made = await asyncio.wait_for(service.lists.ask(kind, asked), service.config.deadline)
    except TimeoutError:
        return _popular(service, served.assortment, asked, category, "deadline")
    except Exception as error:  # whatever is wrong with a model, its users get a list
        log_failure("a list could not be made", error, model=served.version)
        service.metrics.errors.labels("recommendations", type(error).__name__).inc()
        return _popular(service, served.assortment, asked, category, "error")
    reasons = await _reasons(service, served, made, until - time.monotonic()) if asked.explain else None
    service.metrics.lists.labels("known" if made.known else "cold").inc()
    service.metrics.reranked.labels("categories" if made.moved else "none").inc()
    service.metrics.items.inc(len(made.rows))
    return _answer(served, made, reasons, asked)


def _category(assortment: Assortment, name: str | None) -> Mask | None:
    try:
        return assortment.mask(name)
    except UnknownNameError as error:
        raise Problem(422, "unknown-category", str(error)) from None


async def make_lists(kind: Kind, asked: Sequence[Asked]) -> Sequence[Made | Exception]:
    """The lists of one kind, made together; one by one where that fails, so that nobody fails with somebody else."""
    try:
        return await kind.service.work.run(partial(_make, kind, asked))
    except Exception as error:
        if len(asked) == 1:
            return [error]
        return [made for one in asked for made in await make_lists(kind, [one])]


def _make(kind: Kind, asked: Sequence[Asked]) -> list[Made]:
    stage, served = kind.service.metrics.stage, kind.served
    recent = True
    happened: dict[str, list[Happened]] = {}
    try:
        with stage("events"):
            happened = kind.service.database.events_of([one.user_id for one in asked if one.user_id != NOBODY])
    except StorageError as error:
        log_failure("events of a moment ago could not be read", error)
        recent = False
    with stage("history"):
        histories = _histories(served, asked, happened)
    with stage("gather"):
        gathered = served.pipeline.gather(histories, category=served.assortment.mask(kind.category))
    with stage("rank"):
        lists = served.pipeline.rank(gathered, kind.k)
    moved = moved_by_categories(gathered, served.pipeline.config, kind.k).tolist()
    return [Made(histories, gathered, lists, place, recent, moved[place]) for place in range(len(asked))]


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


async def _reasons(service: Service, served: Recommending, made: Made, seconds: float) -> list[str] | None:
    """Why each item is in the list; None where there is no time for it."""

    def tell() -> list[str]:
        with service.metrics.stage("explain"):
            rows = np.array(made.rows, dtype=np.int64)
            whys = explain(served.pipeline, made.histories, rows) if len(rows) else []
            config, shop = served.pipeline.config, served.shop
            both = zip(whys, made.lists.filled[made.place].tolist(), strict=False)
            return [because(shop, made.gathered, why, config, filled=own).words for why, own in both]

    try:
        return await service.work.answer(tell, max(seconds, 0.001))
    except Exception as error:  # a list without reasons is better than none
        log_failure("a list could not be explained", error, model=served.version)
        return None


def _answer(served: Recommending, made: Made, reasons: list[str] | None, asked: Asked) -> RecommendationsAnswer:
    scores = made.lists.ranked.scores[made.place].tolist()
    filled = made.lists.filled[made.place].tolist()
    items = [
        Recommended(
            **item_of(served.assortment, row, place + 1, scores[place]),
            filled=filled[place],
            because=reasons[place] if reasons else None,
        )
        for place, row in enumerate(made.rows)
    ]
    missing: list[Missing] = [] if made.recent else ["recent_events"]
    if asked.explain and reasons is None:
        missing.append("explanation")
    return RecommendationsAnswer(
        items=items, source="pipeline", reason=None, known=made.known, degraded=missing, model=served.version
    )


def _popular(
    service: Service, assortment: Assortment, asked: Asked, category: Mask | None, reason: Reason
) -> RecommendationsAnswer:
    service.metrics.fallbacks.labels("recommendations", reason).inc()
    items = [
        Recommended(**item_of(assortment, int(row), place, None), filled=True)
        for place, row in enumerate(assortment.best(asked.k, category), start=1)
    ]
    return RecommendationsAnswer(items=items, source="popular", reason=reason, known=False, degraded=[], model=None)
