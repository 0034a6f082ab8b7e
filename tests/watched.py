"""Moments and rows that tests of what is watched share."""

from __future__ import annotations

from engine.serve.storage import Database
from engine.serve.traffic_tables import BUCKETS, TALLIES, TRAFFIC

NOW = 1_800_000_000.0  # a whole minute, hour and half day
LISTS = "/recommendations/{user_id}"


def count(database: Database, *rows, process: str = "1-a", now: float = NOW) -> None:
    """Write rows of traffic: minutes ago, route, status, and how many answers fell into which bucket."""
    with database.begin() as connection:
        for minutes, route, status, buckets in rows:
            filled = {**dict.fromkeys(BUCKETS, 0), **buckets}
            told = {"minute": int(now // 60) - minutes, "process": process, "route": route, "status": status}
            n = sum(buckets.values())
            connection.execute(TRAFFIC.insert(), {**told, "n": n, "seconds": 0.01 * n, **filled})


def tally(database: Database, *rows, process: str = "1-a", now: float = NOW) -> None:
    """Write rows of tallies: minutes ago, what, route, kind, n."""
    with database.begin() as connection:
        for minutes, what, route, kind, n in rows:
            told = {"minute": int(now // 60) - minutes, "process": process, "what": what}
            connection.execute(TALLIES.insert(), {**told, "route": route, "kind": kind, "n": n})
