"""What becomes of the service's figures as they grow old: minutes become hours after two days, and go after a month.

Each process does a little of it whenever it writes, so that nobody waits long for a lock.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, delete, func, select

from engine.serve.storage import Database
from engine.serve.traffic_tables import SERVING, TALLIES, TRAFFIC, adding

KEEP_DAYS = 30
FINE = 2 * 1440  # minutes that are kept as they were counted
HOUR = 60
MERGED = ""  # the process of rows that were merged
AT_ONCE = 360  # minutes of old rows that are deleted in one go
FORGET = 86_400.0  # seconds after which a process that is gone is forgotten


def age(database: Database, now: float) -> None:
    """Do a little of it. now: seconds since 1970. Raises StorageError."""
    minute = int(now // 60)
    for table in (TRAFFIC, TALLIES):
        _forget(database, table, minute - KEEP_DAYS * 1440)
        _merge(database, table, (minute - FINE) // HOUR * HOUR)
    with database.begin() as connection:
        gone = SERVING.c.seen < now - FORGET
        if connection.execute(select(SERVING.c.process).where(gone).limit(1)).first():
            connection.execute(delete(SERVING).where(gone))


def _forget(database: Database, table: Table, last: int) -> None:
    """Delete rows from before `last`, the oldest first."""
    with database.begin() as connection:
        oldest = connection.execute(select(func.min(table.c.minute))).scalar_one()
        if oldest is not None and oldest < last:
            connection.execute(delete(table).where(table.c.minute < min(last, oldest + AT_ONCE)))


def _merge(database: Database, table: Table, last: int) -> None:
    """Make one hour from before `last`, the oldest that isn't merged, a row for each route and status.

    What a process deletes nobody else gets, so that two at once count nothing twice.
    """
    fine = (table.c.minute < last) & (table.c.process != MERGED)
    with database.begin() as connection:
        oldest = connection.execute(select(func.min(table.c.minute)).where(fine)).scalar_one()
        if oldest is None:
            return
        hour = oldest // HOUR * HOUR
        within = fine & (table.c.minute >= hour) & (table.c.minute < hour + HOUR)
        taken = connection.execute(delete(table).where(within).returning(*table.columns)).mappings()
        if merged := _summed(table, [dict(row) for row in taken], hour):
            connection.execute(adding(database, table), merged)


def _summed(table: Table, rows: list[dict[str, Any]], hour: int) -> list[dict[str, Any]]:
    names = [one.name for one in table.columns if not one.primary_key]
    by = [one.name for one in table.columns if one.primary_key and one.name not in ("minute", "process")]
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in by)
        told = {"minute": hour, "process": MERGED, **dict(zip(by, key, strict=True)), **dict.fromkeys(names, 0)}
        total = found.setdefault(key, told)
        for name in names:
            total[name] += row[name]
    return list(found.values())
