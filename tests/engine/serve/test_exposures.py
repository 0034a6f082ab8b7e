"""Who was shown what is noted without waiting, and written once however many processes note it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from engine.errors import StorageError
from engine.serve import exposures
from engine.serve.exposures import EXPOSURES, Exposure, Exposures, write_exposures
from engine.serve.metrics import Metrics
from engine.serve.storage import Database

SEEN = Exposure("spring", "Zoë", "new", "v2", 100)
STOOD_IN = replace(SEEN, model="v1", lists=0, instead=1)


def stored(database: Database) -> list[Exposure]:
    with database.begin() as connection:
        return [Exposure(*row) for row in connection.execute(select(EXPOSURES).order_by(EXPOSURES.c.user_id))]


@pytest.fixture
def noting(database) -> Exposures:
    return Exposures(database, Metrics())


def note(noting: Exposures, user_id: str, *, stands_in: bool = False) -> None:
    noting.note("spring", user_id, "new", "v1" if stands_in else "v2", stands_in=stands_in)


def test_lists_add_up_and_the_first_one_tells_when(database):
    write_exposures(database, [SEEN, replace(SEEN, user_id="Ann", happened=7)])
    write_exposures(database, [replace(SEEN, happened=150, model="v3", lists=2)])
    assert stored(database) == [replace(SEEN, user_id="Ann", happened=7), replace(SEEN, lists=3)]


@pytest.mark.parametrize("order", [1, -1])
def test_the_earliest_counts_whichever_process_writes_first(database, order):
    for one in [replace(SEEN, happened=50, model="v1"), SEEN][::order]:
        write_exposures(database, [one])
    assert stored(database) == [replace(SEEN, happened=50, model="v1", lists=2)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_user_is_exposed_from_the_first_list_that_was_of_the_variant(database, order):
    for one in [replace(STOOD_IN, happened=10), SEEN][::order]:
        write_exposures(database, [one])
    assert stored(database) == [replace(SEEN, lists=1, instead=1)]


def test_the_same_holds_for_what_one_process_notes_between_writes():
    first = replace(STOOD_IN, happened=10)
    assert first.then(SEEN) == replace(SEEN, lists=1, instead=1)
    assert SEEN.then(replace(STOOD_IN, happened=200)) == replace(SEEN, lists=1, instead=1)
    assert SEEN.then(replace(SEEN, happened=200, model="v3")) == replace(SEEN, lists=2)


def test_everything_is_written_in_the_end_and_once(database, noting):
    users = [f"user {n:04d}" for n in range(2 * exposures.AT_ONCE + 3)]
    for user_id in [*users, *users[:5]]:
        note(noting, user_id)
    asyncio.run(noting.end())
    asyncio.run(noting.end())
    found = stored(database)
    assert [one.user_id for one in found] == users and [one.lists for one in found[:6]] == [2] * 5 + [1]


def test_nothing_is_lost_while_the_database_does_not_answer(database, noting, monkeypatch):
    def gone(*_):
        raise StorageError("gone")

    note(noting, "a")
    with monkeypatch.context() as patched:
        patched.setattr(exposures, "write_exposures", gone)
        with pytest.raises(StorageError):
            asyncio.run(noting.write())
        note(noting, "a")
        note(noting, "b", stands_in=True)
        asyncio.run(noting.end())  # only logged
    asyncio.run(noting.write())
    assert [(one.user_id, one.lists, one.instead) for one in stored(database)] == [("a", 2, 0), ("b", 0, 1)]


def test_memory_is_bounded_while_the_database_does_not_answer(database, noting, monkeypatch):
    monkeypatch.setattr(exposures, "MOST_WAITING", 2)
    for user_id in "abcab":
        note(noting, user_id)
    asyncio.run(noting.write())
    assert [(one.user_id, one.lists) for one in stored(database)] == [("a", 2), ("b", 2)]


def test_two_processes_may_write_the_same_users_at_once(database):
    async def both() -> None:
        pair = [Exposures(database, Metrics()) for _ in range(2)]
        for one in pair:
            for n in range(1200):
                note(one, f"user {n}")
        await asyncio.gather(*(one.write() for one in pair))

    asyncio.run(both())
    assert {one.lists for one in stored(database)} == {2}
