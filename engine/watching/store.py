"""The service's own database, read and never written: a page that looks holds nothing that the service waits for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sqlalchemy import create_engine, func, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from engine.errors import NotBuiltError, StorageError
from engine.serve.storage import FILE, Database, database_url
from engine.serve.traffic_tables import BUCKETS, SERVING, TALLIES, TRAFFIC
from engine.watching.answers import COUNTED, TALLIED, Answers, Window

WAIT = 2.0  # seconds that somebody looks at an empty page because the database doesn't answer
READING = 10.0  # seconds that one question to it may take
LOCAL = f"Another program may hold {FILE} in the workspace, or it may be damaged; /ready of the service says more."
FOREIGN = "Check that the server runs, and that SHELFWISE_DATABASE names it."
ALIVE = 30.0  # seconds since it last wrote that a process counts as running: three writes
NAME = "the service's own database"
NOT_BUILT = "isn't built yet"  # as NotBuiltError says it


class Store(Database):
    """The database opened for reading alone. Methods raise StorageError where it can't be used."""

    def __init__(self, url: URL) -> None:
        super().__init__(url, wait=WAIT)
        if url.get_backend_name() == "sqlite":
            file = f"{Path(url.database or '').resolve().as_uri()}?mode=ro"
            self.engine = create_engine(
                url, creator=lambda: sqlite3.connect(file, timeout=WAIT, uri=True), poolclass=NullPool
            )
        else:
            options = f"-c statement_timeout={int(READING * 1000)} -c default_transaction_read_only=on"
            limits = {"connect_timeout": max(int(WAIT), 2), "options": options}
            self.engine = create_engine(url, connect_args=limits, poolclass=NullPool)

    def tables(self) -> set[str]:
        """The names of the tables that are there: a service of before keeps fewer."""
        with self.begin() as connection:
            return set(inspect(connection).get_table_names())


@contextmanager
def open_store(folder: Path, url: str | None, *, command: str) -> Iterator[Store]:
    """The database of the workspace at `folder`, or at `url`.

    Raises NotBuiltError with `command` where the service never ran, SettingsError for a URL that can't be used,
    StorageError with what to look at where the database doesn't answer.
    """
    if url is None and not (folder / FILE).exists():
        raise NotBuiltError("The service's database", command)
    store = Store(database_url(folder, url))
    try:
        if TRAFFIC.name not in _tables(store, FOREIGN if url else LOCAL):
            raise NotBuiltError("What the service counts", command)
        yield store
    finally:
        store.close()


def _tables(store: Store, hint: str) -> set[str]:
    try:
        return store.tables()
    except StorageError as error:
        raise StorageError(f"{error} {hint}") from None


def read_answers(store: Store, window: Window) -> Answers:
    """What all processes answered in `window`."""
    at = (TRAFFIC.c.minute // window.step * window.step * 60).label("at")
    sums = [func.sum(TRAFFIC.c[name]).label(name) for name in ("n", *BUCKETS)]
    asked = select(at, TRAFFIC.c.route, TRAFFIC.c.status, *sums).where(TRAFFIC.c.minute >= window.start // 60)
    found = _frame(store, asked.group_by(at, TRAFFIC.c.route, TRAFFIC.c.status))
    latency = found.groupby(["at", "route"], as_index=False)[list(BUCKETS)].sum()
    return Answers(window, found[COUNTED], latency, _tallies(store, window), NAME)


def _tallies(store: Store, window: Window) -> pd.DataFrame:
    at = (TALLIES.c.minute // window.step * window.step * 60).label("at")
    by = (at, TALLIES.c.what, TALLIES.c.route, TALLIES.c.kind)
    asked = select(*by, func.sum(TALLIES.c.n).label("n")).where(TALLIES.c.minute >= window.start // 60)
    return _frame(store, asked.group_by(*by))[TALLIED]


def _frame(store: Store, asked: object) -> pd.DataFrame:
    """What a query found, with its column `at` as moments and numbers that are numbers whoever summed them."""
    with store.begin() as connection:
        answer = connection.execute(asked)  # type: ignore[call-overload]
        frame = pd.DataFrame(answer.fetchall(), columns=list(answer.keys()))
    words = {"what", "route", "kind"}
    for name in frame.columns.difference([*words, "at"]):
        frame[name] = frame[name].astype("int64")
    frame["at"] = pd.to_datetime(frame["at"].astype("int64"), unit="s", utc=True)
    return frame.sort_values(list(frame.columns[:4]), kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Part:
    """A part of the service as its processes said last.

    versions: those that serve, of running processes, each with how many; made: when the newest of them was made,
    seconds since 1970, 0 where nothing says; problem: why the newest version doesn't serve, "" when it does.
    """

    name: str
    versions: dict[str, int]
    made: float
    problem: str

    @property
    def built(self) -> bool:
        """Whether there is anything to serve, or to fail: a part that nobody has built yet is no fault."""
        return bool(self.versions) or NOT_BUILT not in self.problem


@dataclass(frozen=True)
class Standing:
    """Whether the service runs. running: processes; seen: when any wrote last, started: since when the oldest running
    one runs, seconds since 1970; None where none ever did; ended: whether the last one ended in order."""

    running: int
    seen: float | None
    started: float | None
    ended: bool
    parts: tuple[Part, ...]


def read_standing(store: Store, now: float) -> Standing:
    """What runs and what it serves, at `now` (seconds since 1970)."""
    with store.begin() as connection:
        frame = pd.DataFrame(
            connection.execute(select(SERVING)).fetchall(), columns=[column.name for column in SERVING.columns]
        )
    if frame.empty:
        return Standing(0, None, None, False, ())
    alive = frame[(frame["seen"] >= now - ALIVE) & ~frame["ended"].astype(bool)]
    newest = frame[frame["process"] == frame.loc[frame["seen"].idxmax(), "process"]]
    told = alive if len(alive) else newest
    return Standing(
        running=int(alive["process"].nunique()),
        seen=float(frame["seen"].max()),
        started=float(alive["started"].min()) if len(alive) else None,
        ended=bool(newest["ended"].all()),
        parts=tuple(_part(str(name), rows) for name, rows in told.groupby("part", sort=False)),
    )


def _part(name: str, rows: pd.DataFrame) -> Part:
    serving = rows[rows["version"] != ""]
    newest = rows.sort_values("seen").iloc[-1]
    versions = {str(version): int(n) for version, n in serving["version"].value_counts().items()}
    return Part(name, versions, float(serving["made"].max()) if len(serving) else 0.0, str(newest["problem"]))
