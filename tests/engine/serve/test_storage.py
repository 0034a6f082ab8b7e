from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from engine.errors import SettingsError, StorageError
from engine.serve.folding import Happened
from engine.serve.storage import EVENTS, Database, Event, database_url
from engine.settings import PROJECT

VIEW = Event("e1", "Zoë", "bag-01", "view", 100, 200)


def count(database: Database) -> int:
    with database.begin() as connection:
        return connection.execute(select(func.count()).select_from(EVENTS)).scalar_one()


def test_an_event_is_stored_once_however_often_it_is_sent(database):
    assert [database.add([VIEW]), database.add([VIEW]), database.add([VIEW, VIEW])] == [
        ["stored"],
        ["duplicate"],
        ["duplicate", "duplicate"],
    ]
    assert count(database) == 1


def test_doubles_in_one_request_are_one(database):
    assert database.add([VIEW, replace(VIEW, happened=300), replace(VIEW, event_id="e2")]) == [
        "stored",
        "duplicate",
        "stored",
    ]
    assert [one.micros for one in database.events_of(["Zoë"])["Zoë"]] == [100, 100]


def test_an_id_that_belongs_to_something_else_is_told_and_the_first_is_kept(database):
    other = replace(VIEW, item_id="shoe-01")
    database.add([VIEW])
    assert database.add([other]) == ["conflict"]
    assert database.add([replace(VIEW, event_id="e9"), replace(other, event_id="e9")]) == ["stored", "conflict"]
    assert {one.item_id for one in database.events_of(["Zoë"])["Zoë"]} == {"bag-01"}


def test_events_come_back_in_the_order_of_time_however_late_they_came(database):
    database.add([replace(VIEW, event_id="late", happened=50), VIEW, replace(VIEW, event_id="x", user_id="Zoe")])
    assert database.events_of(["Zoë"])["Zoë"] == [Happened("bag-01", "view", 50), Happened("bag-01", "view", 100)]


def test_hostile_text_is_text(database):
    hostile = replace(VIEW, event_id="'); DROP TABLE events; --", user_id="' OR '1'='1", item_id="../../etc/passwd")
    database.add([hostile])
    assert [one.item_id for one in database.events_of(["' OR '1'='1"])["' OR '1'='1"]] == ["../../etc/passwd"]
    assert database.events_of(["somebody"]) == {} and count(database) == 1


def test_a_thousand_events_are_one_transaction(database):
    events = [replace(VIEW, event_id=str(n)) for n in range(1000)]
    assert set(database.add(events)) == {"stored"} and count(database) == 1000


def test_what_was_acknowledged_outlives_a_kill(tmp_path):
    code = f"""
from engine.serve.storage import Database, Event, database_url
from pathlib import Path
database = Database(database_url(Path({str(tmp_path)!r}))); database.create()
n = 0
while True:
    database.add([Event(str(n), "u", "i", "view", n, n)]); print(n, flush=True); n += 1
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    for _ in range(20):
        acknowledged = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *map(int, process.communicate()[0].split())])
    database = Database(database_url(tmp_path))
    stored = {one.micros for one in database.events_of(["u"])["u"]}
    database.close()
    assert stored >= set(range(acknowledged + 1)) and len(stored) <= acknowledged + 2


def test_a_locked_database_is_an_error_for_people_that_repeats_no_value(tmp_path):
    database, other = (Database(database_url(tmp_path), wait=0.05) for _ in range(2))
    database.create()
    with other.begin() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError) as told:
            database.add([VIEW])
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("BEGIN")
    assert "Zoë" not in str(told.value) and told.value.__cause__ is None
    assert database.add([VIEW]) == ["stored"]
    database.close()
    other.close()


@pytest.mark.parametrize("url", ["mysql://u:secret@h/db", "nonsense", "", "postgresql"])
def test_a_url_that_cannot_be_used_is_told_without_its_password(tmp_path, url):
    with pytest.raises(SettingsError) as told:
        database_url(tmp_path, url)
    assert "secret" not in str(told.value)


def test_a_url_of_postgresql_takes_the_driver_that_is_installed(tmp_path):
    assert database_url(tmp_path, "postgresql://u:p@h/db").drivername == "postgresql+psycopg"
