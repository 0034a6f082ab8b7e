"""The service as one object: what it answers from, where it stores, and what it counts."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from engine.errors import StorageError
from engine.serve.batches import Batches
from engine.serve.config import ServeConfig
from engine.serve.exposures import Exposures
from engine.serve.keys import Caller, Keys, Limits
from engine.serve.logs import Lines, log, log_failure
from engine.serve.metrics import Metrics
from engine.serve.parts import Parts
from engine.serve.problems import Problem
from engine.serve.remembered import Remembered
from engine.serve.slots import Outcome, Slot
from engine.serve.storage import Database
from engine.serve.traffic import Traffic
from engine.serve.work import Work


@dataclass(frozen=True, eq=False)
class Service:
    """One process of the service."""

    config: ServeConfig
    parts: Parts
    database: Database
    keys: Keys
    limits: Limits
    metrics: Metrics
    traffic: Traffic
    work: Work
    lists: Batches[Any, Any]
    stores: Batches[Any, Any]
    exposures: Exposures
    remembered: Remembered
    lines: Lines

    async def refresh(self) -> None:
        """Look once whether newer versions are to be served, and put them in place of the old ones."""
        for slot in self.parts.looked_after():
            self._looked(slot, await self.work.load(slot.refresh))
        experimenting = self.parts.experimenting
        before = experimenting.running
        looked = await self.work.load(experimenting.look)
        if experimenting.running is not before:
            for slot in before.slots.values():
                self.metrics.left(slot)
        for slot, outcome in looked:
            self._looked(slot, outcome)

    def _looked(self, slot: Slot[Any], outcome: Outcome) -> None:
        self.metrics.looked(slot, outcome)
        if outcome == "swapped" and slot.current:
            log("a version serves", part=slot.name, version=slot.current.label)
        elif outcome == "failed":
            log("the newest version can't serve", level=logging.ERROR, part=slot.name, problem=slot.problem)

    async def keep_fresh(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(self.config.refresh)
            await self.look()

    async def look(self) -> None:
        """The same as `refresh`, for whoever must go on: the next look may go well, and there must be one."""
        try:
            await self.refresh()
        except Exception as error:
            log_failure("looking for newer versions failed", error)

    async def caller(self, key: str) -> Caller | None:
        """Whose key it is, by the database; by what it said before, while it doesn't answer.

        Raises Problem for a key that it was never asked about.
        """
        trusted, seconds = self.keys.trusted(key), self.config.store_deadline
        try:
            return await self.work.store(
                lambda: self.keys.find(key), min(self.config.deadline, seconds) if trusted else seconds
            )
        except (StorageError, TimeoutError) as error:
            log_failure("a key could not be checked", error)
            if trusted:
                self.keys.trust(key)
                return trusted
            raise unavailable("Keys can't be checked now; try again.") from None


def unavailable(detail: str) -> Problem:
    """Something that the service needs doesn't answer."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": "1"})
