"""Who has newer events: told by SQLite in microseconds, whichever process stored them."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL

_NEWER = "SELECT rowid, event_id, user_id FROM events WHERE rowid >= ? ORDER BY rowid LIMIT ?"
_NEWEST = "SELECT rowid, event_id FROM events ORDER BY rowid DESC LIMIT 1"
NOTHING = (0, "")
MOST = 10_000  # newer events that are read; of more, whose they are would take too long
CHECK = 1.0  # seconds between looks whether it is still the same file


@dataclass(frozen=True)
class Changed:
    """sure: whether it could be told at all; users: who has events that are newer than the last time it could be;
    everyone: that might be anybody."""

    sure: bool
    users: tuple[str, ...] = ()
    everyone: bool = False


SAME, UNSURE = Changed(sure=True), Changed(sure=False)


class Changes:
    """Looks at the events of one file of SQLite, from one thread.

    `PRAGMA data_version` says whether another connection has committed since, without reading the file. SQLite has one
    writer at a time and gives each event the next rowid, so what is new lies above the last one seen. Events
    are never deleted by the service; that somebody did so by hand is noticed where the newest is among them.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._next_check = 0.0
        self._version = -1
        self._last: tuple[int, str] | None = None

    @classmethod
    def of(cls, url: URL) -> Changes | None:
        """Those of a database; None where it can't tell them."""
        if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
            return None
        return cls(Path(url.database))

    def look(self) -> Changed:
        """What has changed since the last look. It never waits: a database that can't be read now leaves it unsure."""
        try:
            if (now := time.monotonic()) >= self._next_check:
                self._check_file()
                self._next_check = now + CHECK
            connection = self._connection or self._open()
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return SAME
            changed = self._newer(connection)
        except (OSError, sqlite3.Error):
            self.close()
            return UNSURE
        self._version = version  # read before the events: what was committed in between is looked at once more
        return changed

    def close(self) -> None:
        """Give the connection back; the next look opens another, and finds all that was stored meanwhile."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._version = None, -1

    def _check_file(self) -> None:
        """Begin anew where another file is in its place."""
        try:
            found = self._file.stat()
        except OSError:
            self._identity = None  # a new one may get the number of the old one
            raise
        if (identity := (found.st_dev, found.st_ino)) != self._identity:
            self.close()
            self._identity, self._last = identity, None

    def _open(self) -> sqlite3.Connection:
        address = f"{self._file.absolute().as_uri()}?mode=rw"
        self._connection = sqlite3.connect(address, uri=True, timeout=0, check_same_thread=False)
        self._connection.isolation_level = None
        return self._connection

    def _newer(self, connection: sqlite3.Connection) -> Changed:
        if self._last is None:
            return self._everyone(connection)
        rows = connection.execute(_NEWER, (self._last[0], MOST + 1)).fetchall()
        if self._last != NOTHING:
            if not rows or rows[0][:2] != self._last:  # events were deleted by hand, so rowids tell nothing
                return self._everyone(connection)
            rows = rows[1:]
        if len(rows) >= MOST:
            return self._everyone(connection)
        if not rows:
            return SAME
        self._last = rows[-1][:2]
        return Changed(sure=True, users=tuple(user for _, _, user in rows))

    def _everyone(self, connection: sqlite3.Connection) -> Changed:
        self._last = connection.execute(_NEWEST).fetchone() or NOTHING
        return Changed(sure=True, everyone=True)
