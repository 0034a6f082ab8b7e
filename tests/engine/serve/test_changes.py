"""Who has newer events, by whichever connection they were stored."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import text

from engine.serve.changes import SAME, UNSURE, Changed, Changes
from engine.serve.storage import KEYS, Database, Event, database_url


@pytest.fixture
def file(tmp_path):
    return tmp_path / "service.sqlite"


@pytest.fixture
def stored(tmp_path):
    made = Database(database_url(tmp_path))
    made.create()
    yield made
    made.close()


@pytest.fixture
def changes(stored, file):
    made = Changes(file)
    yield made
    made.close()


def view(event_id: str, user_id: str) -> Event:
    return Event(event_id, user_id, "bag-01", "view", 1, 2)


def users(*names: str) -> Changed:
    return Changed(sure=True, users=names)


def test_each_event_is_told_once_and_nothing_else_is(stored, changes):
    stored.add([view("a", "Ann")])
    assert changes.look() == Changed(sure=True, everyone=True) and changes.look() == SAME
    stored.add([view("b", "Bob"), view("c", "Cid")])
    stored.add([view("d", "Bob"), view("b", "Bob")])
    assert sorted(changes.look().users) == ["Bob", "Bob", "Cid"] and changes.look() == SAME
    with stored.begin() as connection:
        connection.execute(KEYS.insert().values(key_id="k", name="n", digest="d", scopes="read", made=1))
    stored.add([view("d", "Bob")])
    assert changes.look() == SAME


def test_the_first_events_of_an_empty_table_are_told(stored, changes):
    assert changes.look().everyone and changes.look() == SAME
    stored.add([view("a", "Ann")])
    assert changes.look() == users("Ann")


def test_what_is_not_committed_is_told_when_it_is(stored, changes, file):
    changes.look()
    other = sqlite3.connect(file)
    other.execute("INSERT INTO events VALUES ('a', 'Ann', 'bag-01', 'view', 1, 2, NULL, NULL)")
    assert changes.look() == SAME
    other.commit()
    assert changes.look() == users("Ann")
    other.close()


def test_events_that_were_deleted_by_hand_may_be_anybodys(stored, changes):
    stored.add([view("a", "Ann")])
    stored.add([view("b", "Bob")])
    changes.look()
    with stored.begin() as connection:
        connection.execute(text("DELETE FROM events WHERE event_id = 'b'"))
    stored.add([view("c", "Cid")])  # it gets the place of the one that was deleted
    assert changes.look().everyone
    stored.add([view("d", "Dan")])
    assert changes.look() == users("Dan")


def test_very_many_events_at_once_may_be_anybodys(stored, changes, monkeypatch):
    monkeypatch.setattr("engine.serve.changes.MOST", 3)
    for before in ([], [view("x", "Xia")]):
        stored.add(before)
        changes.look()
        stored.add([view(f"a{n}-{len(before)}", "Ann") for n in range(2)])
        assert changes.look() == users("Ann", "Ann")
        stored.add([view(f"b{n}-{len(before)}", "Bob") for n in range(4)])
        assert changes.look().everyone and changes.look() == SAME


def test_a_file_that_is_gone_or_another_one_is_noticed(stored, changes, file, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.serve.changes.CHECK", 0.0)
    stored.add([view("a", "Ann")])
    assert changes.look().everyone
    stored.close()
    for path in tmp_path.glob("service.sqlite*"):
        path.unlink()
    assert changes.look() == UNSURE
    again = Database(database_url(tmp_path))
    again.create()
    again.add([view("a", "Ann")])
    assert changes.look().everyone
    again.add([view("b", "Bob")])
    assert changes.look() == users("Bob")
    again.close()


def test_only_a_file_of_sqlite_can_tell(tmp_path):
    assert Changes.of(database_url(tmp_path)) is not None
    assert Changes.of(database_url(tmp_path, "postgresql://u@h/d")) is None
    assert Changes.of(database_url(tmp_path, "sqlite://")) is None
