"""What a workspace remembers between runs, in its state.sqlite: people's decisions, LLM answers, steps' progress.

Unlike tables it is written row by row, by several processes at once: SQLite in WAL mode, each change one transaction
that is on the disk before the call returns, so a kill loses nothing that was said to be saved. The layout's version is
`user_version`; opening an older file brings it up to date.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.errors import StorageError, WorkspaceError
from engine.workspace import Workspace

FILE = "state.sqlite"
LOCK_WAIT = 60.0  # seconds: how long a write waits for another process's

# One entry per version, never edited once released: a file of version n runs all but the first n.
MIGRATIONS = (
    """
    CREATE TABLE answers (
        key TEXT PRIMARY KEY,        -- hash of prompt, model and parameters
        prompt TEXT NOT NULL,        -- name@version of the prompt's file
        model TEXT NOT NULL,
        answer TEXT NOT NULL,        -- JSON that fits the prompt's schema
        tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL,
        created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    ) WITHOUT ROWID;
    CREATE TABLE progress (
        step TEXT NOT NULL,          -- "tags llm", for example
        item_id TEXT NOT NULL,
        fingerprint TEXT NOT NULL,   -- hash of what the result was made from
        result TEXT,                 -- JSON; NULL when it failed
        reason TEXT,                 -- why it failed; NULL when it is done
        updated TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
        PRIMARY KEY (step, item_id),
        CHECK ((result IS NULL) <> (reason IS NULL))
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE decisions (         -- a log: rows are only ever added
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        batch TEXT NOT NULL,         -- what was decided together, and is undone together
        item_id TEXT NOT NULL,
        tag TEXT NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'rejected', 'added', 'renamed')),
        reason TEXT NOT NULL,        -- why it was rejected; the new tag where it was renamed
        who TEXT NOT NULL,
        decided TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    );
    CREATE INDEX decisions_pair ON decisions (item_id, tag);
    CREATE INDEX decisions_batch ON decisions (batch);
    CREATE TABLE undone (            -- the batches that were taken back; a log as well
        batch TEXT PRIMARY KEY,
        who TEXT NOT NULL,
        undone TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE judged (            -- how well hits answer queries; a log: rows are only ever added
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,           -- the query in the form in which queries are the same
        query TEXT NOT NULL,         -- as it was asked
        item_id TEXT NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN ('good', 'partly', 'bad')),
        reason TEXT NOT NULL,
        who TEXT NOT NULL,
        judged TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    );
    CREATE INDEX judged_pair ON judged (key, item_id);
    CREATE TABLE unjudged (          -- the judgments that were taken back; a log as well
        id INTEGER PRIMARY KEY,
        who TEXT NOT NULL,
        undone TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    );
    CREATE TABLE asked (             -- how often each query was asked and how it went, without who asked
        key TEXT PRIMARY KEY,
        query TEXT NOT NULL,         -- as it was asked last
        times INTEGER NOT NULL,
        empty INTEGER NOT NULL,      -- how often nothing was found
        weak INTEGER NOT NULL,       -- how often something was, and even the best hit was a poor one
        last TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ) WITHOUT ROWID;
    CREATE INDEX asked_last ON asked (last);
    """,
    """
    CREATE TABLE hidden (            -- items that are not recommended; a log: rows are only ever added
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        item_id TEXT NOT NULL,
        hidden INTEGER NOT NULL CHECK (hidden IN (0, 1)),
        reason TEXT NOT NULL,
        who TEXT NOT NULL,
        decided TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    );
    CREATE INDEX hidden_item ON hidden (item_id);
    """,
    """
    CREATE TABLE promoted (          -- which version of an artifact people let serve; a log
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        version TEXT NOT NULL,       -- the one that serves from then on
        before TEXT NOT NULL,        -- the one that served until then
        reason TEXT NOT NULL,
        who TEXT NOT NULL,
        decided TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    );
    CREATE TABLE noted (             -- what people wrote about runs; a log, the newest of a run counts
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL,
        note TEXT NOT NULL,
        tags TEXT NOT NULL,          -- JSON list
        who TEXT NOT NULL,
        written TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    );
    CREATE TABLE handled (           -- what of the rescue queue is done; a log, the newest of a key counts
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,           -- the kind of task and what it is about
        handled INTEGER NOT NULL CHECK (handled IN (0, 1)),
        who TEXT NOT NULL,
        decided TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    );
    CREATE INDEX handled_key ON handled (key);
    """,
    """
    CREATE TABLE secrets (           -- random bytes of this workspace, such as the key of masked ids
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) WITHOUT ROWID;
    ALTER TABLE answers ADD COLUMN recorded TEXT NOT NULL DEFAULT '';  -- what made a recorded answer; '' for own ones
    """,
)


class State:
    """An open state.sqlite. Use it as a context manager, in the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self.path = connection, path

    @classmethod
    def open(cls, workspace: Workspace) -> State:
        """Open a workspace's state, making or updating the file.

        Raises WorkspaceError when it is damaged or of a newer version, StorageError when the disk refuses.
        """
        path = workspace.path / FILE
        with _storage(path):
            # Transactions are begun explicitly; WAL lets readers go on while one process writes.
            connection = sqlite3.connect(path, timeout=LOCK_WAIT, isolation_level=None)
            try:
                _use_wal(connection)
                connection.execute("PRAGMA synchronous = FULL")
                _migrate(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(connection, path)

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that `sql` selects."""
        with _storage(self.path):
            return self._connection.execute(sql, values).fetchall()

    def write(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run `sql` once per row of values, all in one transaction."""
        with _storage(self.path), _transaction(self._connection):
            self._connection.executemany(sql, rows)

    def close(self) -> None:
        """Close the file; it is removed from WAL mode by whoever closes it last."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to WAL, which it then stays in. SQLite doesn't wait by itself for others who do so just now."""
    until = time.monotonic() + LOCK_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the newest version, one transaction for all of it."""
    if connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),):
        return  # most openings only read, and shouldn't wait for who writes
    with _transaction(connection):  # holds the write lock, so two openers don't migrate at once
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            reads = f"this one reads version {len(MIGRATIONS)}"
            raise WorkspaceError(f"{path} was made by a newer Shelfwise (version {version}; {reads}); update it.")
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    """Say what is wrong with the disk or the file in a person's words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageError(f"{path} can't be used: {error}; check free space and who else writes to it.") from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        way_out = "restore it from a copy; removing it loses people's decisions, the rest is made again"
        raise WorkspaceError(f"{path} is damaged ({error}); {way_out}.") from error
