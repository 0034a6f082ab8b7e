"""Events that are told to the service: stored first, then they count in the next list."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Literal

from engine.errors import StorageError
from engine.recommend.events import micros
from engine.serve.assortment import Assortment, finite
from engine.serve.folding import SECOND
from engine.serve.logs import log_failure
from engine.serve.metrics import EVERYONE
from engine.serve.problems import Problem
from engine.serve.schemas import EventOutcome, EventsAnswer, EventTold
from engine.serve.service import Service, unavailable
from engine.serve.storage import Event, Stored, paid

FEW, MOST_TOGETHER = 20, 100  # events of a request that is stored with others; such requests in one transaction
Adjusted = Literal["clock_skew", "late"]


async def tell(service: Service, told: Sequence[EventTold]) -> EventsAnswer:
    """Store events and say what became of each. Raises Problem when none was stored, so that they are sent again."""
    if len(told) > service.config.most_events:
        raise Problem(413, "too-many-events", f"At most {service.config.most_events:,} events go into one request.")
    now = time.time_ns() // 1000
    timed = [_event(service, one, now) for one in told]
    events = [event for event, _ in timed]
    try:
        with service.metrics.stage("store"):
            stored = await asyncio.wait_for(_stored(service, events), service.config.store_deadline)
    except (StorageError, TimeoutError) as error:
        log_failure("events could not be stored", error, events=len(events))
        service.metrics.errors.labels("events", type(error).__name__).inc()
        raise unavailable("The events can't be stored now; send them again with the same ids.") from None
    outcomes = [
        EventOutcome(event_id=one.event_id, outcome=outcome, folded=_folded(service, one, outcome), adjusted=adjusted)
        for (one, adjusted), outcome in zip(timed, stored, strict=True)
    ]
    _count(service, told, outcomes)
    _count_by_variant(service, [event for event, outcome in zip(events, stored, strict=True) if outcome == "stored"])
    counts = Counter(stored)
    return EventsAnswer(
        stored=counts["stored"], duplicates=counts["duplicate"], conflicts=counts["conflict"], outcomes=outcomes
    )


async def _stored(service: Service, events: Sequence[Event]) -> list[Stored]:
    """What became of each, once they are on the disk; many small requests are written together."""
    if len(events) > FEW:
        return await service.work.store(partial(_store, service, events), service.config.store_deadline)
    stored: list[Stored] = await service.stores.ask(service, events)
    return stored


async def store_together(service: Service, told: Sequence[Sequence[Event]]) -> Sequence[list[Stored] | Exception]:
    """The events of several requests in one transaction: syncing one to the disk takes as long as syncing many."""
    together = [event for events in told for event in events]
    outcomes = iter(await service.work.store(partial(_store, service, together), service.config.store_deadline))
    return [list(islice(outcomes, len(events))) for events in told]


def _store(service: Service, events: Sequence[Event]) -> list[Stored]:
    with service.metrics.stores.time():
        return service.database.add(events)


def _event(service: Service, told: EventTold, now: int) -> tuple[Event, Adjusted | None]:
    """The event with its time and price.

    A clock that is ahead is not believed, so that nothing is newer than what comes next.
    """
    config = service.config
    adjusted: Adjusted | None = None
    happened = now if told.timestamp is None else micros(told.timestamp)
    if happened > now + config.skew * SECOND:
        happened, adjusted = now, "clock_skew"
    elif happened < now - config.late * SECOND:
        adjusted = "late"
    price = _price(service.parts.assortment, told)
    return Event(told.event_id, told.user_id, told.item_id, told.event, happened, now, told.quantity, price), adjusted


def _price(assortment: Assortment | None, told: EventTold) -> float | None:
    """What was paid for one, as it is told; a transaction that doesn't tell gets what the catalogue says now, if that
    has a price."""
    if told.price is not None or told.event != "transaction" or assortment is None:
        return told.price
    row = assortment.rows.get(told.item_id)
    return None if row is None else finite(assortment.catalogue.prices[row])


def _folded(service: Service, event: Event, outcome: str) -> bool:
    loaded = service.parts.recommending.current
    if loaded is None or outcome == "conflict":
        return False
    return event.item_id in loaded.value.assortment.rows and event.event in loaded.value.shop.log.kinds


def _count(service: Service, told: Sequence[EventTold], outcomes: Sequence[EventOutcome]) -> None:
    for (kind, outcome), n in Counter(
        (one.event, said.outcome) for one, said in zip(told, outcomes, strict=True)
    ).items():
        service.metrics.events.labels(kind, outcome).inc(n)
    for adjusted in filter(None, (said.adjusted for said in outcomes)):
        service.metrics.adjusted.labels(adjusted).inc()


def _count_by_variant(service: Service, stored: Sequence[Event]) -> None:
    experiment = service.parts.experimenting.running.experiment
    for event in stored:
        variant = experiment.variant_of(event.user_id) if experiment else None
        name = variant.name if variant else EVERYONE
        service.metrics.variant_events.labels(name, event.event).inc()
        if revenue := paid(event):
            service.metrics.variant_revenue.labels(name).inc(revenue)
