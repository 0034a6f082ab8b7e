"""The service's database is read and never written, and nothing waits for whoever reads it."""

import sqlite3

import pytest
from sqlalchemy import select

from engine.errors import NotBuiltError, SettingsError, StorageError
from engine.serve.storage import EVENTS, FILE, Database, Event, database_url
from engine.serve.traffic_tables import SERVING, TRAFFIC
from engine.watching import store as watching
from engine.watching.answers import window
from engine.watching.store import open_store, read_answers, read_standing
from tests.watched import LISTS, NOW, count

EVENT = Event("e1", "Ann", "bag", "view", 1, 1)


def serving(database, *rows):
    with database.begin() as connection:
        for process, part, seen, more in rows:
            told = {"version": "v1", "made": 5.0, "problem": "", "started": NOW - 600, "ended": False, **more}
            connection.execute(SERVING.insert(), {"process": process, "part": part, "seen": seen, **told})


def test_it_cannot_be_written(store, database):
    with pytest.raises(StorageError), store.begin() as connection:
        connection.execute(EVENTS.delete())
    with pytest.raises(StorageError):
        store.add([EVENT])
    assert database.add([EVENT]) == ["stored"]


def test_the_service_writes_while_somebody_reads(store, database):
    count(database, (0, LISTS, 200, {"ms_5": 1}))
    with store.begin() as reading:
        assert len(reading.execute(select(TRAFFIC)).fetchall()) == 1
        assert database.add([EVENT]) == ["stored"]
        assert reading.execute(select(TRAFFIC)).fetchall()
    assert read_answers(store, window("1h", NOW)).total.n == 1


def test_where_the_service_never_ran_nothing_is_made(tmp_path):
    with pytest.raises(NotBuiltError) as told, open_store(tmp_path, None, command="make serve"):
        pass
    assert told.value.command == "make serve" and not list(tmp_path.iterdir())


def test_a_database_of_before_has_no_figures_yet(tmp_path):
    (tmp_path / FILE).touch()
    database = Database(database_url(tmp_path))
    EVENTS.create(database.engine)
    database.close()
    with pytest.raises(NotBuiltError), open_store(tmp_path, None, command="make serve"):
        pass


def test_a_locked_or_damaged_file_is_told_with_what_to_look_at(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "WAIT", 0.05)
    (tmp_path / FILE).write_bytes(b"this is no database" * 1000)
    with pytest.raises(StorageError, match=r"/ready of the service"), open_store(tmp_path, None, command=""):
        pass
    (tmp_path / FILE).unlink()
    holder = sqlite3.connect(tmp_path / FILE)
    holder.execute("CREATE TABLE held (one)")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="hold"), open_store(tmp_path, None, command=""):
        pass
    holder.close()


def test_a_distant_database_that_does_not_answer_is_told_without_its_password(tmp_path):
    url = "postgresql://somebody:secret@127.0.0.1:1/nothing"
    with pytest.raises(StorageError, match="SHELFWISE_DATABASE") as told, open_store(tmp_path, url, command=""):
        pass
    assert "secret" not in str(told.value)
    with pytest.raises(SettingsError), open_store(tmp_path, "mysql://x", command=""):
        pass


def test_what_runs_and_what_it_serves(store, database):
    two = {"version": "v2", "made": 9.0, "started": NOW - 60}
    serving(
        database,
        ("a", "recommendations", NOW - 5, {}),
        ("b", "recommendations", NOW - 6, two),
        ("a", "tags", NOW - 5, {"version": "", "problem": "A tagger isn't built yet; build it with: x"}),
        ("a", "search", NOW - 5, {"problem": "ArtifactError: damaged"}),
        ("dead", "recommendations", NOW - 500, {"version": "v0"}),
    )
    found = read_standing(store, NOW)
    parts = {part.name: part for part in found.parts}
    assert (found.running, found.started, found.seen) == (2, NOW - 600, NOW - 5)
    assert parts["recommendations"].versions == {"v1": 1, "v2": 1} and parts["recommendations"].made == 9.0
    assert not parts["tags"].built and parts["search"].built and parts["search"].problem == "ArtifactError: damaged"


def test_what_stopped_is_told_apart_from_what_was_killed(store, database):
    assert read_standing(store, NOW).seen is None
    serving(database, ("killed", "tags", NOW - 200, {}))
    killed = read_standing(store, NOW)
    assert (killed.running, killed.seen, killed.ended) == (0, NOW - 200, False) and killed.parts
    serving(database, ("stopped", "tags", NOW - 5, {"ended": True}))
    stopped = read_standing(store, NOW)
    assert (stopped.running, stopped.seen, stopped.ended) == (0, NOW - 5, True)
