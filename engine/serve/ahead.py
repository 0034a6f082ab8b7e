"""Lists of known users, made before they ask: after a version begins to serve, those who came last first; and anew for
those who did something since their list was made.

It takes a share of one core and pauses between batches, uses its own thread, makes no more lists than are remembered,
and stops with the service. What was made is right or forgotten by the same rules as any other list.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np

from engine.recommend.events import EventLog
from engine.serve.config import USUAL_K
from engine.serve.logs import log, log_failure
from engine.serve.making import Asked, Kind, make_lists
from engine.serve.service import Service

BATCH = 16  # a few milliseconds, so that no request waits long for them
EVERY = 1.0  # seconds between looks whether another version serves


async def keep_ahead(service: Service) -> None:
    """Make lists whenever another version serves, until it is cancelled; those of the old one are forgotten."""
    done: frozenset[int] = frozenset()
    while service.config.remember:
        await asyncio.sleep(EVERY)
        serving = _serving(service)
        if serving != done:
            if not done <= serving:
                service.remembered.clear()
            done = serving
            await _make_all(service, serving)
        elif service.config.ahead:
            service.remembered.look()
            await _make_lists(service, serving, service.remembered.forgotten())


async def _make_all(service: Service, serving: frozenset[int]) -> None:
    """Make lists, as long as these versions serve."""
    if not service.config.ahead:
        return
    start, loaded = time.monotonic(), service.parts.recommending.current
    users = newest_users(loaded.value.shop.log, service.config.remember) if loaded else []
    made = await _make_lists(service, serving, users)
    log("lists were made ahead", lists=made, seconds=round(time.monotonic() - start, 1))


async def _make_lists(service: Service, serving: frozenset[int], users: Sequence[str]) -> int:
    """Make the lists of users, as long as these versions serve; how many were made."""
    made = 0
    try:
        for start in range(0, len(users), BATCH):
            if _serving(service) != serving:
                break
            made += await _make(service, users[start : start + BATCH])
    except Exception as error:  # nobody waits for these lists, and requests tell what is wrong
        log_failure("lists could not be made ahead", error)
    return made


def newest_users(log: EventLog, most: int) -> list[str]:
    """At most `most` users, by their newest event, the newest first."""
    newest = np.zeros(len(log.users), dtype=np.int64)
    np.maximum.at(newest, log.user, log.micros)
    return [str(user) for user in log.users[np.argsort(-newest, kind="stable")[:most]]]


def _serving(service: Service) -> frozenset[int]:
    """The serials of what serves, the versions of an experiment too."""
    slots = (service.parts.recommending, *service.parts.experimenting.running.slots.values())
    return frozenset(slot.current.value.serial for slot in slots if slot.current)


async def _make(service: Service, users: Sequence[str]) -> int:
    """Make the lists of some users, of the version that each of them gets; then wait for what they took of a core."""
    start = time.monotonic()
    asked: dict[Kind, list[Asked]] = {}
    for user_id in users:
        loaded = service.parts.experimenting.choose(user_id).loaded
        if loaded is not None:
            asked.setdefault(Kind(service, loaded.value, USUAL_K, None), []).append(Asked(user_id, USUAL_K))
    made = 0
    for kind, some in asked.items():
        lists = await make_lists(kind, some, service.work.load)
        made += sum(not isinstance(one, Exception) for one in lists)
    share = service.config.ahead
    await asyncio.sleep((time.monotonic() - start) * (1 - share) / share)
    return made
