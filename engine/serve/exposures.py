"""Who was shown the lists of which variant, and when for the first time: noted in memory, written in the background.

An answer never waits for it. A killed process loses what it noted since it last wrote, a few seconds' worth; one that
is told to stop writes everything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from threading import Lock

from sqlalchemy import BigInteger, Column, String, Table, case

from engine.errors import StorageError
from engine.serve.logs import log_failure
from engine.serve.metrics import Metrics
from engine.serve.storage import TABLES, Database

EXPOSURES = Table(  # happened: UTC microseconds of the first list, of the variant's own where there is one
    "exposures",
    TABLES,
    Column("experiment", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("variant", String, nullable=False),
    Column("model", String, nullable=False),
    Column("happened", BigInteger, nullable=False),
    Column("lists", BigInteger, nullable=False),  # of the variant; 0: the user was not exposed to it
    Column("instead", BigInteger, nullable=False),  # by what serves everyone, as the variant could not
    sqlite_with_rowid=False,
)
EVERY = 2.0  # seconds between writes
AT_ONCE = 500  # users of one transaction, so that events never wait long for it
MOST_WAITING = 200_000  # users kept in memory while the database doesn't answer; more are given up


@dataclass(frozen=True)
class Exposure:
    """What was shown to one user of an experiment since the last write; the fields are those of the table."""

    experiment: str
    user_id: str
    variant: str
    model: str
    happened: int
    lists: int = 1
    instead: int = 0

    def then(self, later: Exposure) -> Exposure:
        """This one and what came after it; the first that was of the variant itself gives time and model."""
        first = later if later.lists and not self.lists else self
        return replace(first, lists=self.lists + later.lists, instead=self.instead + later.instead)


Noted = dict[tuple[str, str], Exposure]  # by experiment and user


class Exposures:
    """What one process notes, and writes."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database, self._metrics = database, metrics
        self._noted: Noted = {}
        self._unwritten: Noted = {}
        self._writing = Lock()

    def note(self, experiment: str, user_id: str, variant: str, model: str, *, stands_in: bool) -> None:
        """Note a list. stands_in: not of the variant. To be called in the event loop alone."""
        lists, instead = (0, 1) if stands_in else (1, 0)
        self._metrics.variant_lists.labels(experiment, variant).inc(lists)  # 0 too, so that it is there to be missed
        self._metrics.variant_instead.labels(experiment, variant).inc(instead)
        now = time.time_ns() // 1000
        _add(self._noted, Exposure(experiment, user_id, variant, model, now, lists, instead))

    async def keep_writing(self) -> None:
        """Write again and again, until it is cancelled; what can't be written now is written later."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.write()
            except Exception as error:  # the next write may go well, and there must be one
                log_failure("exposures could not be written", error)

    async def write(self) -> None:
        """Write what was noted. Raises StorageError; then what could not be written is kept for the next time."""
        noted, self._noted = self._noted, {}
        await asyncio.to_thread(self._write, noted)

    async def end(self) -> None:
        """The last write of a process; that it failed is logged, because nothing must keep it from ending."""
        try:
            await self.write()
        except StorageError as error:
            log_failure("the last exposures could not be written", error)

    def _write(self, noted: Noted) -> None:
        """A few hundred users at a time, in one order, so that two processes never wait for each other in a ring."""
        with self._writing:  # the last write may come while one is under way that nobody waits for any more
            for one in noted.values():
                _add(self._unwritten, one)
            order = sorted(self._unwritten)
            for start in range(0, len(order), AT_ONCE):
                some = order[start : start + AT_ONCE]
                with self._metrics.stores.time():
                    write_exposures(self._database, [self._unwritten[key] for key in some])
                for key in some:
                    del self._unwritten[key]


def _add(noted: Noted, exposure: Exposure) -> None:
    key = exposure.experiment, exposure.user_id
    if (before := noted.get(key)) is not None:
        noted[key] = before.then(exposure)
    elif len(noted) < MOST_WAITING:
        noted[key] = exposure


def write_exposures(database: Database, noted: Sequence[Exposure]) -> None:
    """Add to what is known of these users, in one transaction; each comes once. Raises StorageError.

    The first list of the variant itself gives time and model, whichever process writes first.
    """
    insert = database.insert(EXPOSURES)
    new, old = insert.excluded, EXPOSURES.c
    first = (new.lists > 0) & ((old.lists == 0) | (new.happened < old.happened))
    news = {name: case((first, new[name]), else_=old[name]) for name in ("model", "happened")}
    sums = {name: old[name] + new[name] for name in ("lists", "instead")}
    upsert = insert.on_conflict_do_update(index_elements=["experiment", "user_id"], set_={**news, **sums})
    with database.begin() as connection:
        connection.execute(upsert, [asdict(one) for one in noted])
