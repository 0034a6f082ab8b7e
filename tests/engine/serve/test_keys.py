from __future__ import annotations

import pytest
from sqlalchemy import select

from engine.errors import SettingsError, UnknownNameError
from engine.serve.keys import Keys, Limits
from engine.serve.storage import KEYS, Database, database_url


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path):
    made = Database(database_url(tmp_path))
    made.create()
    yield made
    made.close()


@pytest.fixture
def keys(database):
    return Keys(database, remember=10, clock=Clock())


def test_a_key_opens_what_it_was_made_for(keys):
    caller = keys.find(keys.make("shop", ["read", "events"]))
    assert caller.name == "shop" and caller.scopes == {"read", "events"}


def test_the_database_holds_no_key(keys, database):
    key = keys.make("shop", ["read"])
    with database.begin() as connection:
        row = connection.execute(select(KEYS)).one()
    assert key.split("_")[2] not in str(row) and len(row.digest) == 64


def test_what_is_no_key_opens_nothing(keys):
    key = keys.make("shop", ["read"])
    for wrong in (
        "",
        "shw",
        "shw__",
        key[:-1],
        key + "0",
        key.replace("shw", "xyz"),
        "shw_%_' OR 1=1",
        "shw_ж_ж",
        "\ud800",
    ):
        assert keys.find(wrong) is None, wrong


def test_a_withdrawn_key_is_remembered_for_a_moment_only(keys):
    key = keys.make("shop", ["read"])
    caller = keys.find(key)
    keys.withdraw(caller.key_id)
    assert keys.remembered(key) == caller and keys.list() == []
    keys._clock.now = 10.1
    with pytest.raises(LookupError):
        keys.remembered(key)
    assert keys.find(key) is None and keys.remembered(key) is None


def test_a_key_needs_a_name_and_scopes_that_there_are(keys):
    with pytest.raises(UnknownNameError, match="read"):
        keys.make("shop", ["reed"])
    for name, scopes in (("", ["read"]), ("shop", [])):
        with pytest.raises(SettingsError):
            keys.make(name, scopes)
    with pytest.raises(UnknownNameError):
        keys.withdraw("nobody")


def test_each_caller_has_a_burst_and_then_a_rate():
    clock = Clock()
    limits = Limits(2, 3, clock=clock)
    assert [limits.wait("a") for _ in range(4)] == [0, 0, 0, 0.5] and limits.wait("b") == 0
    clock.now = 0.5
    assert [limits.wait("a"), limits.wait("a")] == [0, 0.5]
    clock.now = 1000.0
    assert [limits.wait("a") for _ in range(4)].count(0) == 3


def test_no_rate_is_no_limit():
    limits = Limits(0, 1)
    assert {limits.wait("a") for _ in range(100)} == {0}
