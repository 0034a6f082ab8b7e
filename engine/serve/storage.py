"""Where the service keeps what it is told: SQLite in the workspace's folder, or a PostgreSQL by its URL.

Every event has an id of its sender's choosing and is stored once, however often it is sent. What was acknowledged was
committed and synced: a killed process loses none of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    MetaData,
    Select,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError, SQLAlchemyError

from engine.errors import SettingsError, StorageError
from engine.serve.folding import Happened
from engine.serve.patience import Patience

FILE = "service.sqlite"
TABLES = MetaData()
EVENTS = Table(
    "events",
    TABLES,
    Column("event_id", String, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("item_id", String, nullable=False),
    Column("event", String, nullable=False),
    Column("happened", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("quantity", Float),
    Column("price", Float),
    # It holds all that is read of a user's events, so that nobody looks at the rows themselves.
    Index("events_of_user", "user_id", "happened", "event", "item_id", "quantity", "price"),
    Index("events_received", "received"),
)
KEYS = Table(
    "api_keys",
    TABLES,
    Column("key_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("withdrawn", BigInteger),
)
MOST_FOLDED = 1_000  # newest events of one user that are read for a list
SAME = ("user_id", "item_id", "event")  # what two events with one id must share
_INSERTS: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
Stored = Literal["stored", "duplicate", "conflict"]


@dataclass(frozen=True)
class Event:
    """One event to store. happened, received: UTC microseconds since 1970; the rest as in the table events."""

    event_id: str
    user_id: str
    item_id: str
    event: str
    happened: int
    received: int
    quantity: float | None = None
    price: float | None = None


def paid(event: Event) -> float:
    """What an event brought in: the price of a transaction times its quantity (1 unless it says), else 0.

    A transaction that was told without a price was given the catalogue's when it was stored, if that had one.
    Cancellations take nothing off: they don't say which transaction they undo.
    """
    quantity = 1.0 if event.quantity is None else event.quantity
    return quantity * (event.price or 0.0) if event.event == "transaction" else 0.0


def database_url(folder: Path, url: str | None = None) -> URL:
    """The URL of the database: `url` as it is given, else a file of SQLite in `folder`.

    Raises SettingsError for one that isn't of SQLite or PostgreSQL; what it holds is not repeated, there is a password
    in it.
    """
    if url is None:
        return URL.create("sqlite", database=str(folder / FILE))
    try:
        made = make_url(url)
        kind = made.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        kind = ""
    if kind not in _INSERTS:
        raise SettingsError("The database's URL must begin with postgresql:// or sqlite:/// and be whole.")
    return made.set(drivername="postgresql+psycopg") if kind == "postgresql" else made


class Database:
    """An open database. Each method is one transaction; StorageError means that it did nothing."""

    def __init__(self, url: URL, *, wait: float = 5.0, patience: float = 5.0) -> None:
        """wait: seconds that a locked or distant database may take before StorageError; patience: the same of what
        users did, which a list can do without, where it is distant."""
        self._patience: Patience | None = None
        self._making = False
        if url.get_backend_name() == "sqlite":
            self.engine = create_engine(url, connect_args={"timeout": wait})
            event.listen(self.engine, "connect", _durable)
            if url.database and url.database != ":memory:":
                event.listen(self.engine, "do_connect", self._open_file)
                event.listen(self.engine, "connect", partial(_note_file, url.database))
                event.listen(self.engine, "checkout", partial(_check_file, url.database))
        else:
            self.engine = create_engine(url, pool_pre_ping=True, pool_timeout=wait, connect_args=_limits(wait))
            self._patience = Patience(patience)
        self.insert = _INSERTS[url.get_backend_name()]

    def create(self) -> None:
        """Make the tables that aren't there. Two processes must not do it at once: whoever starts the workers does."""
        from engine.serve import exposures, traffic_tables  # noqa: F401 - they add theirs to TABLES

        self._making = True
        try:
            with self._failing(), self.engine.begin() as connection:
                TABLES.create_all(connection)
        finally:
            self._making = False

    def _open_file(
        self, dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]
    ) -> sqlite3.Connection:
        """Make no file where one is gone: an empty one would stand in the way of the one that is brought back."""
        address = f"{Path(arguments[0]).absolute().as_uri()}?mode={'rwc' if self._making else 'rw'}"
        opened: sqlite3.Connection = sqlite3.connect(address, uri=True, **options)
        return opened

    def add(self, events: Sequence[Event]) -> list[Stored]:
        """Store each event whose id is new, all of them or none.

        "duplicate": it was stored before; "conflict": its id belongs to something else, and that was kept.
        """
        if not events:
            return []
        first = {one.event_id: one for one in reversed(events)}
        rows = [asdict(one) for one in first.values()]
        with self.begin() as connection:
            insert = self.insert(EVENTS).values(rows).on_conflict_do_nothing(index_elements=["event_id"])
            new = set(connection.execute(insert.returning(EVENTS.c.event_id)).scalars())
            there = self._there(connection, [one for one in first if one not in new])
        return [_outcome(one, first[one.event_id] is one and one.event_id in new, first, there) for one in events]

    def _there(self, connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        if not ids:
            return {}
        columns = (EVENTS.c.event_id, *(EVENTS.c[name] for name in SAME))
        return {
            row[0]: tuple(row[1:]) for row in connection.execute(select(*columns).where(EVENTS.c.event_id.in_(ids)))
        }

    def events_of(self, user_ids: Sequence[str]) -> dict[str, list[Happened]]:
        """What users did, as far as it was told to the service: the newest events of each, in the order of time."""
        if self._patience is not None:
            return self._patience.read(partial(self._events_of, user_ids))
        return self._events_of(user_ids)

    def _events_of(self, user_ids: Sequence[str]) -> dict[str, list[Happened]]:
        found: dict[str, list[Happened]] = {}
        with self.begin() as connection:
            for user_id, *told in connection.execute(_NEWEST, {"user_ids": user_ids}):
                found.setdefault(user_id, []).append(Happened(*told))
        return found

    def ping(self) -> None:
        """Raise StorageError unless the database answers, and has its tables."""
        with self.begin() as connection:
            connection.execute(select(EVENTS.c.event_id).limit(1))

    def close(self) -> None:
        """Give all connections back."""
        if self._patience is not None:
            self._patience.close()
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction, committed at the end. Raises StorageError when the database can't be used."""
        with self._failing(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:  # its message repeats the values of the statement
            raise StorageError(f"The database of the service can't be used ({_cause(error)}).") from None


def _newest() -> Select[Any]:
    """The newest events of each of `user_ids`, in the order of time."""
    place = func.row_number().over(partition_by=EVENTS.c.user_id, order_by=EVENTS.c.happened.desc())
    columns = (EVENTS.c.user_id, EVENTS.c.item_id, EVENTS.c.event, EVENTS.c.happened)
    of_users = EVENTS.c.user_id.in_(bindparam("user_ids", expanding=True))
    each = select(*columns, place.label("place")).where(of_users).subquery()
    asked = select(*[each.c[column.name] for column in columns]).where(each.c.place <= MOST_FOLDED)
    return asked.order_by(each.c.happened)


_NEWEST = _newest()  # made once: that takes longer than asking it


def _cause(error: Exception) -> str:
    origin = getattr(error, "orig", None)
    return type(origin or error).__name__


def _outcome(one: Event, new: bool, first: dict[str, Event], there: dict[str, tuple[Any, ...]]) -> Stored:
    if new:
        return "stored"
    kept = there.get(one.event_id) or tuple(getattr(first[one.event_id], name) for name in SAME)
    return "duplicate" if kept == tuple(getattr(one, name) for name in SAME) else "conflict"


def _limits(wait: float) -> dict[str, Any]:
    """How long a PostgreSQL may take to answer at all, to run a statement, and to acknowledge what was sent to it."""
    seconds = max(int(wait), 1)
    return {
        "connect_timeout": seconds,
        "options": f"-c statement_timeout={int(wait * 1000)}",
        "tcp_user_timeout": seconds * 1000,
        "keepalives_idle": seconds,
        "keepalives_interval": seconds,
        "keepalives_count": 2,
    }


def _note_file(path: str, connection: Any, record: Any) -> None:
    record.info["file"] = _identity(path)


def _check_file(path: str, connection: Any, record: Any, proxy: Any) -> None:
    """Use no file that was removed or replaced: what is written to it then would be gone with the process."""
    if record.info.get("file") != _identity(path):
        raise DisconnectionError("The database's file isn't the one that was opened.")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _durable(connection: Any, record: Any) -> None:
    """Readers don't wait for a writer, and a commit is on the disk before it is acknowledged."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
