"""The service's own figures by the minute, kept in its database for the app: no Prometheus is needed to look back.

Each process counts its answers in memory and adds them to the tables every few seconds, in the background: an answer
never waits for it. A killed process loses what it has counted since it last wrote. Routes stand here as they are
written in the code; nothing tells who asked, or what for.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from prometheus_client import Counter

from engine.errors import StorageError
from engine.serve.aging import age
from engine.serve.logs import log_failure
from engine.serve.metrics import SECONDS, Metrics
from engine.serve.slots import Slot
from engine.serve.storage import Database
from engine.serve.traffic_tables import BUCKETS, SERVING, TALLIES, TRAFFIC, adding, replacing

TALLIED: Mapping[str, Callable[[Metrics], Counter]] = {
    "fallback": lambda metrics: metrics.fallbacks,
    "list": lambda metrics: metrics.lists,
    "error": lambda metrics: metrics.errors,
}
EVERY = 10.0  # seconds between writes
MOST_WAITING = 10_000  # rows kept in memory while the database doesn't answer; older ones are given up
Row = dict[str, Any]


class Traffic:
    """What one process counts, and writes."""

    def __init__(self, database: Database, metrics: Metrics, slots: Sequence[Slot[Any]]) -> None:
        self._database, self._metrics, self._slots = database, metrics, slots
        self._process = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._started = time.time()
        self._counted: dict[tuple[int, str, int], list[float]] = {}
        self._before: dict[tuple[str, str, str], int] = {}
        self._waiting: dict[str, list[Row]] = {TRAFFIC.name: [], TALLIES.name: []}
        self._writing = Lock()

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count one answer. To be called in the event loop alone."""
        key = (int(time.time() // 60), route, status)
        counts = self._counted.get(key)
        if counts is None:
            counts = self._counted[key] = [0.0] * (len(BUCKETS) + 1)
        counts[bisect_left(SECONDS, seconds)] += 1
        counts[-1] += seconds

    async def keep_writing(self) -> None:
        """Write again and again, until it is cancelled; what can't be written now is written later."""
        while True:
            try:
                await self.write()
            except Exception as error:  # the next write may go well, and there must be one
                log_failure("figures of the service could not be written", error)
            await asyncio.sleep(EVERY)

    async def write(self, *, ended: bool = False) -> None:
        """Add what was counted since the last write to the tables. Raises StorageError; then nothing is lost."""
        counted, self._counted = self._counted, {}
        now = time.time()
        new = {
            TRAFFIC.name: [self._answers(*one) for one in counted.items()],
            TALLIES.name: self._tallied(int(now // 60)),
        }
        await asyncio.to_thread(self._write, new, now, ended)

    def _answers(self, key: tuple[int, str, int], counts: list[float]) -> Row:
        minute, route, status = key
        buckets = dict(zip(BUCKETS, map(int, counts[:-1]), strict=True))
        told = {"minute": minute, "process": self._process, "route": route, "status": status}
        return {**told, "n": sum(buckets.values()), "seconds": counts[-1], **buckets}

    def _tallied(self, minute: int) -> list[Row]:
        """By how much the counters have grown; it counts for the minute in which it is written."""
        rows: list[Row] = []
        for what, counter in TALLIED.items():
            for route, kind, value in _samples(counter(self._metrics)):
                grown = value - self._before.get((what, route, kind), 0)
                self._before[what, route, kind] = value
                if grown > 0:
                    told = {"minute": minute, "process": self._process, "what": what}
                    rows.append({**told, "route": route, "kind": kind, "n": grown})
        return rows

    def _write(self, new: Mapping[str, list[Row]], now: float, ended: bool) -> None:
        """One transaction for what is new, then short ones for what grows old."""
        with self._writing:  # the last write may come while one is under way that nobody waits for any more
            self._waiting = {name: [*self._waiting[name], *new[name]][-MOST_WAITING:] for name in new}
            with self._database.begin() as connection:
                for table in (TRAFFIC, TALLIES):
                    if rows := self._waiting[table.name]:
                        connection.execute(adding(self._database, table), rows)
                connection.execute(replacing(self._database, SERVING), self._serving(now, ended))
            self._waiting = {name: [] for name in new}
            age(self._database, now)

    def _serving(self, now: float, ended: bool) -> list[Row]:
        told = {"process": self._process, "started": self._started, "seen": now, "ended": ended}
        return [{**told, "part": slot.name, **_standing(slot)} for slot in self._slots]


async def end(traffic: Traffic) -> None:
    """The last write of a process; that it failed is logged, because nothing must keep it from ending."""
    try:
        await traffic.write(ended=True)
    except StorageError as error:
        log_failure("the last figures of the service could not be written", error)


def _standing(slot: Slot[Any]) -> Row:
    current = slot.current
    return {
        "version": current.label if current else "",
        "made": current.made if current else 0.0,
        "problem": slot.problem,
    }


def _samples(counter: Counter) -> list[tuple[str, str, int]]:
    """What this process has counted, by the label `route` ("" where it has none) and its other one."""
    found = []
    for sample in (one for metric in counter.collect() for one in metric.samples if one.name.endswith("_total")):
        route = sample.labels.get("route", "")
        kind = next((value for name, value in sample.labels.items() if name != "route"), "")
        found.append((route, kind, int(sample.value)))
    return found
