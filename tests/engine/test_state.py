import sqlite3
import threading

import pytest

from engine.errors import WorkspaceError
from engine.state import MIGRATIONS, State

SAVE = "INSERT INTO progress (step, item_id, fingerprint, result) VALUES (?, ?, ?, ?)"


def test_what_was_written_is_there_for_the_next_opener(workspace):
    with State.open(workspace) as state, State.open(workspace) as other:
        state.write(SAVE, [("s", "1", "f", "[]"), ("s", "2", "f", "[]")])
        assert other.read("SELECT item_id FROM progress ORDER BY item_id") == [("1",), ("2",)]
    with State.open(workspace) as state:
        assert state.read("PRAGMA user_version") == [(len(MIGRATIONS),)]
        assert state.read("PRAGMA journal_mode") == [("wal",)]


def test_rows_that_belong_together_are_written_together(workspace):
    with State.open(workspace) as state:
        with pytest.raises(sqlite3.IntegrityError):
            state.write(SAVE, [("s", "1", "f", "[]"), ("s", "1", "f", "[]")])
        assert state.read("SELECT * FROM progress") == []


def test_a_newer_file_is_refused(workspace):
    with State.open(workspace) as state:
        state.write("PRAGMA user_version = 99", [()])
    with pytest.raises(WorkspaceError, match="newer Shelfwise"):
        State.open(workspace)


def test_a_damaged_file_is_named(workspace):
    (workspace.path / "state.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(WorkspaceError, match=r"state\.sqlite is damaged"):
        State.open(workspace)


def test_whoever_makes_the_file_at_this_moment_is_waited_for(workspace):
    """SQLite doesn't wait for a lock by itself when a file is switched to WAL."""
    other = sqlite3.connect(workspace.path / "state.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE made (by_another TEXT)")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    with State.open(workspace) as state:
        assert state.read("PRAGMA journal_mode") == [("wal",)]
    release.join()
    other.close()
