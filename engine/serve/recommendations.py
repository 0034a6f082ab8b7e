"""The list for a user or a session, by the same pipeline as in the app; popular items where it fails or is too slow."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from engine.errors import UnknownNameError
from engine.recommend.explain import explain
from engine.recommending.reasons import because
from engine.serve.answers import Answer, listed_items, popular_items
from engine.serve.assortment import Assortment, Mask
from engine.serve.logs import log_failure
from engine.serve.making import Asked, Kind, Made
from engine.serve.opening import Recommending
from engine.serve.problems import Problem, not_built
from engine.serve.schemas import Missing, Reason
from engine.serve.service import Service
from engine.serve.slots import Loaded


async def recommend(service: Service, asked: Asked) -> bytes:
    """The list, as `schemas.RecommendationsAnswer` in JSON.

    Raises Problem where there is no such category, or nothing at all to answer from.
    """
    chosen = service.parts.experimenting.choose(asked.user_id)
    answer = await _list(service, asked, chosen.loaded)
    if chosen.experiment and chosen.variant and chosen.loaded:
        names = chosen.experiment.name, asked.user_id, chosen.variant.name
        service.exposures.note(*names, chosen.loaded.label, stands_in=chosen.stands_in)
        if chosen.stands_in:
            answer = replace(answer, degraded=(*answer.degraded, "variant"))
        else:
            answer = replace(answer, variant=chosen.variant.name)
    return answer.body


async def _list(service: Service, asked: Asked, loaded: Loaded[Recommending] | None) -> Answer:
    assortment = loaded.value.assortment if loaded else service.parts.assortment
    if assortment is None:
        raise not_built("This store")
    category = _category(assortment, asked.category)
    if loaded is None:
        return _popular(service, assortment, asked, category, "no_model")
    served, until = loaded.value, time.monotonic() + service.config.deadline
    kind = Kind(service, served, asked.k, asked.category, object() if asked.explain else None)
    try:
        if (made := _remembered(service, kind, asked)) is None:
            async with asyncio.timeout(service.config.deadline):
                made = await service.lists.ask(kind, asked)
    except TimeoutError:
        return _popular(service, assortment, asked, category, "deadline")
    except Exception as error:  # whatever is wrong with a model, its users get a list
        log_failure("a list could not be made", error, model=served.version)
        service.metrics.errors.labels("recommendations", type(error).__name__).inc()
        return _popular(service, assortment, asked, category, "error")
    reasons = await _reasons(service, served, made, until - time.monotonic()) if asked.explain else None
    _count(service, made)
    missing: list[Missing] = [] if made.recent else ["recent_events"]
    if asked.explain and reasons is None:
        missing.append("explanation")
    items = listed_items(assortment, made.listed, reasons)
    return Answer(items, made.listed.known, served.version, degraded=tuple(missing))


def _remembered(service: Service, kind: Kind, asked: Asked) -> Made | None:
    """The list where it was made before; one that is to be explained, or of a session, is always new."""
    if asked.explain or asked.steps or not service.remembered.look():
        return None
    listed = service.remembered.get(kind.key, asked.user_id)
    return Made(listed, recent=True) if listed else None


def _count(service: Service, made: Made) -> None:
    metrics, listed = service.metrics, made.listed
    metrics.lists_of["known" if listed.known else "cold",].inc()
    metrics.reranked_of["categories" if listed.moved else "none",].inc()
    metrics.remembered_of["no" if made.gathered else "yes",].inc()
    metrics.items.inc(len(listed.rows))


def _category(assortment: Assortment, name: str | None) -> Mask | None:
    try:
        return assortment.mask(name)
    except UnknownNameError as error:
        raise Problem(422, "unknown-category", str(error)) from None


async def _reasons(service: Service, served: Recommending, made: Made, seconds: float) -> list[str] | None:
    """Why each item is in the list; None where there is no time for it."""
    histories, gathered, rows = made.histories, made.gathered, made.listed.rows
    assert histories is not None and gathered is not None  # it was made for this request alone

    def tell() -> list[str]:
        with service.metrics.stage("explain"):
            whys = explain(served.pipeline, histories, rows) if len(rows) else []
            config, shop = served.pipeline.config, served.shop
            both = zip(whys, made.listed.filled.tolist(), strict=True)
            return [because(shop, gathered, why, config, filled=own).words for why, own in both]

    try:
        return await service.work.answer(tell, max(seconds, 0.001))
    except Exception as error:  # a list without reasons is better than none
        log_failure("a list could not be explained", error, model=served.version)
        return None


def _popular(service: Service, assortment: Assortment, asked: Asked, category: Mask | None, reason: Reason) -> Answer:
    service.metrics.fallbacks.labels("recommendations", reason).inc()
    items = popular_items(assortment, assortment.best(asked.k, category).tolist())
    return Answer(items, known=False, model=None, reason=reason)
