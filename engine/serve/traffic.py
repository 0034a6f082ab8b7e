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
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, String, Table, delete, func, select

from engine.errors import StorageError
from engine.serve.logs import log_failure
from engine.serve.metrics import SECONDS, Metrics
from engine.serve.slots import Slot
from engine.serve.storage import TABLES, Database

BUCKETS = (*(f"ms_{bound * 1000:g}".replace(".", "_") for bound in SECONDS), "ms_more")
TRAFFIC = Table(  # a minute is counted since 1970; a bucket counts answers up to its bound and above the one before
    "traffic",
    TABLES,
    Column("minute", BigInteger, primary_key=True),
    Column("process", String, primary_key=True),
    Column("route", String, primary_key=True),
    Column("status", Integer, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in BUCKETS),
    sqlite_with_rowid=False,
)
TALLIES = Table(  # what: a name of TALLIED; route and kind: as that counter labels it
    "tallies",
    TABLES,
    Column("minute", BigInteger, primary_key=True),
    Column("process", String, primary_key=True),
    Column("what", String, primary_key=True),
    Column("route", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("n", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
SERVING = Table(  # times are seconds since 1970; version and problem are "" where there is none
    "serving",
    TABLES,
    Column("process", String, primary_key=True),
    Column("part", String, primary_key=True),
    Column("version", String, nullable=False),
    Column("made", Float, nullable=False),
    Column("problem", String, nullable=False),
    Column("started", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("ended", Boolean, nullable=False),
)
TALLIED: Mapping[str, Callable[[Metrics], Counter]] = {
    "fallback": lambda metrics: metrics.fallbacks,
    "list": lambda metrics: metrics.lists,
    "error": lambda metrics: metrics.errors,
}
EVERY = 10.0  # seconds between writes
KEEP_DAYS = 30
FORGET = 86_400.0  # seconds after which a process that is gone is forgotten
AT_ONCE = 360  # minutes of old rows that are deleted in one go, so that nobody waits long for the lock
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
        """One transaction for what is new, and a short one that deletes what is old."""
        with self._writing:  # the last write may come while one is under way that nobody waits for any more
            self._waiting = {name: [*self._waiting[name], *new[name]][-MOST_WAITING:] for name in new}
            with self._database.begin() as connection:
                for table in (TRAFFIC, TALLIES):
                    if rows := self._waiting[table.name]:
                        connection.execute(self._adding(table), rows)
                connection.execute(self._replacing(SERVING), self._serving(now, ended))
            self._waiting = {name: [] for name in new}
            forget_old(self._database, now)

    def _serving(self, now: float, ended: bool) -> list[Row]:
        told = {"process": self._process, "started": self._started, "seen": now, "ended": ended}
        return [{**told, "part": slot.name, **_standing(slot)} for slot in self._slots]

    def _adding(self, table: Table) -> Any:
        insert, grows = self._database.insert(table), [one for one in table.columns if not one.primary_key]
        sums = {one.name: one + insert.excluded[one.name] for one in grows}
        return insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=sums)

    def _replacing(self, table: Table) -> Any:
        insert, changes = self._database.insert(table), [one.name for one in table.columns if not one.primary_key]
        news = {name: insert.excluded[name] for name in changes}
        return insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=news)


def forget_old(database: Database, now: float) -> None:
    """Delete figures of more than KEEP_DAYS ago, the oldest first and a few hours at a time, and processes long gone.

    now: seconds since 1970. Raises StorageError.
    """
    last = int(now // 60) - KEEP_DAYS * 1440
    with database.begin() as connection:
        for table in (TRAFFIC, TALLIES):
            oldest = connection.execute(select(func.min(table.c.minute))).scalar_one()
            if oldest is not None and oldest < last:
                connection.execute(delete(table).where(table.c.minute < min(last, oldest + AT_ONCE)))
        gone = select(SERVING.c.process).where(SERVING.c.seen < now - FORGET).limit(1)
        if connection.execute(gone).first():
            connection.execute(delete(SERVING).where(SERVING.c.seen < now - FORGET))


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
