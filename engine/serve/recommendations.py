"""Lists for a user or a session, by the same pipeline as in the app; popular items where it fails or is too slow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.errors import StorageError, UnknownNameError
from engine.ranked import NONE
from engine.recommend.explain import explain
from engine.recommend.interactions import Interactions, interactions
from engine.recommend.pipeline import Gathered, Recommendations
from engine.recommending.people import history_of
from engine.recommending.reasons import because
from engine.serve.assortment import Assortment, Mask
from engine.serve.folding import Happened, folded
from engine.serve.items import item_of
from engine.serve.logs import log_failure
from engine.serve.opening import Recommending
from engine.serve.problems import Problem, not_built
from engine.serve.schemas import Missing, Reason, RecommendationsAnswer, Recommended
from engine.serve.service import Service

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
class Made:
    """A list of the pipeline, and what it was made from; recent: whether events of a moment ago are in it."""

    history: Interactions
    gathered: Gathered
    lists: Recommendations
    recent: bool

    @property
    def rows(self) -> list[int]:
        """The rows of the items, best first."""
        rows = self.lists.ranked.rows[0]
        return [int(row) for row in rows[rows != NONE]]

    @property
    def known(self) -> bool:
        """Whether the user has a history."""
        return bool(self.history.weights.nnz)


async def recommend(service: Service, asked: Asked) -> RecommendationsAnswer:
    """The list. Raises Problem where there is no such category, or nothing at all to answer from."""
    loaded, assortment = service.parts.recommending.current, service.parts.assortment
    if assortment is None:
        raise not_built("This store")
    category = _category(assortment, asked.category)
    if loaded is None:
        return _popular(service, assortment, asked, category, "no_model")
    served, until = loaded.value, time.monotonic() + service.config.deadline
    try:
        made = await service.work.answer(partial(_make, service, served, asked, category), service.config.deadline)
    except TimeoutError:
        return _popular(service, served.assortment, asked, category, "deadline")
    except Exception as error:  # whatever is wrong with a model, its users get a list
        log_failure("a list could not be made", error, model=served.version)
        service.metrics.errors.labels("recommendations", type(error).__name__).inc()
        return _popular(service, served.assortment, asked, category, "error")
    reasons = await _reasons(service, served, made, until - time.monotonic()) if asked.explain else None
    service.metrics.lists.labels("known" if made.known else "cold").inc()
    service.metrics.items.inc(len(made.rows))
    return _answer(served, made, reasons, asked)


def _category(assortment: Assortment, name: str | None) -> Mask | None:
    try:
        return assortment.mask(name)
    except UnknownNameError as error:
        raise Problem(422, "unknown-category", str(error)) from None


def _make(service: Service, served: Recommending, asked: Asked, category: Mask | None) -> Made:
    recent = True
    happened: list[Happened] = []
    if asked.user_id != NOBODY:
        try:
            with service.metrics.stage("events"):
                happened = service.database.events_of(asked.user_id)
        except StorageError as error:
            log_failure("events of a moment ago could not be read", error)
            recent = False
    with service.metrics.stage("history"):
        history = _history(served, asked, happened)
    with service.metrics.stage("gather"):
        gathered = served.pipeline.gather(history, category=category)
    with service.metrics.stage("rank"):
        lists = served.pipeline.rank(gathered, asked.k)
    return Made(history, gathered, lists, recent)


def _history(served: Recommending, asked: Asked, happened: list[Happened]) -> Interactions:
    """What is known of the user, with the session's steps after it, one a second."""
    newest = max([time.time_ns() // 1000, *(one.micros for one in happened)])
    steps = [
        Happened(item_id, event, newest + (place + 1) * SECOND) for place, (item_id, event) in enumerate(asked.steps)
    ]
    log = folded(served.shop, served.assortment.rows, asked.user_id, [*happened, *steps])
    config = served.shop.config.events
    found = interactions(log, config)  # all of one user, so it is their history; ask for one only where it is empty
    return found if len(found) else history_of(log, config, asked.user_id)


async def _reasons(service: Service, served: Recommending, made: Made, seconds: float) -> list[str] | None:
    """Why each item is in the list; None where there is no time for it."""

    def tell() -> list[str]:
        with service.metrics.stage("explain"):
            rows = np.array(made.rows, dtype=np.int64)
            whys = explain(served.pipeline, made.history, rows) if len(rows) else []
            config, shop = served.pipeline.config, served.shop
            both = zip(whys, made.lists.filled[0].tolist(), strict=False)
            return [because(shop, made.gathered, why, config, filled=own).words for why, own in both]

    try:
        return await service.work.answer(tell, max(seconds, 0.001))
    except Exception as error:  # a list without reasons is better than none
        log_failure("a list could not be explained", error, model=served.version)
        return None


def _answer(served: Recommending, made: Made, reasons: list[str] | None, asked: Asked) -> RecommendationsAnswer:
    scores, filled = made.lists.ranked.scores[0].tolist(), made.lists.filled[0].tolist()
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
