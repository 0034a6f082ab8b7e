"""What is kept of lists: how many, whose, and for how long."""

from __future__ import annotations

import numpy as np
import pytest

from engine.serve.changes import SAME, UNSURE, Changed
from engine.serve.remembered import Listed, Remembered

KEY, OTHER = (1, 10, None), (1, 10, "Bags")


class Told:
    """Changes as the test says."""

    def __init__(self) -> None:
        self.next = SAME

    def look(self) -> Changed:
        told, self.next = self.next, SAME
        return told

    def close(self) -> None: ...


@pytest.fixture
def told():
    return Told()


def listed(n: int = 3, told: int = 7) -> Listed:
    scores = np.linspace(1, 0.1, n).astype(np.float32)
    return Listed(np.arange(n) + 40_000, scores, np.arange(n) % 2 == 1, known=True, moved=False, told=told)


def same(one: Listed | None, other: Listed) -> bool:
    assert one is not None
    arrays = ("rows", "scores", "filled")
    told = (one.known, one.moved, one.told) == (other.known, other.moved, other.told)
    return told and all(getattr(one, name).tolist() == getattr(other, name).tolist() for name in arrays)


@pytest.mark.parametrize("n", [0, 1, 10, 100])
def test_a_list_comes_back_as_it_was(n):
    one = listed(n, told=-(2**63))
    assert same(Listed.unpacked(one.packed()), one) and len(one.packed()) == 16 + 9 * n


def test_newer_events_forget_the_lists_of_their_user_alone(told):
    memory = Remembered(10, told)
    for user in ("Ann", "Bob"):
        memory.put(KEY, user, listed())
        memory.put(OTHER, user, listed(2))
    told.next = Changed(sure=True, users=("Ann", "nobody"))
    assert memory.look() and len(memory) == 2
    assert memory.get(KEY, "Ann") is None and memory.get(OTHER, "Ann") is None
    assert same(memory.get(KEY, "Bob"), listed()) and same(memory.get(OTHER, "Bob"), listed(2))
    assert memory.get((2, 10, None), "Bob") is None and memory.get((1, 9, None), "Bob") is None
    told.next = Changed(sure=True, everyone=True)
    assert memory.look() and len(memory) == 0


def test_whose_lists_were_forgotten_is_told_once(told):
    memory = Remembered(10, told)
    for user in ("Ann", "Bob"):
        memory.put(KEY, user, listed())
    told.next = Changed(sure=True, users=("Bob", "nobody", "Bob"))
    memory.look()
    assert memory.forgotten() == ["Bob"] and memory.forgotten() == []
    told.next = Changed(sure=True, users=("Ann",))
    memory.look()
    memory.clear()
    assert memory.forgotten() == []


def test_nothing_is_sure_where_the_database_does_not_tell(told):
    told.next = UNSURE
    assert not Remembered(10, told).look() and not Remembered(10, None).look() and not Remembered(0, told).look()


def test_a_list_is_not_kept_when_an_event_came_while_it_was_made(told):
    memory = Remembered(10, told)
    with memory.making(["Ann", "Bob"]) as current:
        told.next = Changed(sure=True, users=("Ann",))
        memory.look()
        assert current == {"Bob"}
    with memory.making(["Ann"]) as current:
        assert current == {"Ann"}
        memory.clear()
        assert not current
    told.next = Changed(sure=True, users=("Bob",))
    with memory.making(["Bob"]) as current:  # what came before is seen by whoever makes it
        assert current == {"Bob"}


def test_the_lists_of_those_who_came_longest_ago_are_given_up(told):
    memory = Remembered(3, told)
    for user in ("Ann", "Bob", "Cid"):
        memory.put(KEY, user, listed())
    memory.get(KEY, "Ann")
    memory.put(KEY, "Dan", listed())
    assert [user for user in ("Ann", "Bob", "Cid", "Dan") if memory.get(KEY, user)] == ["Ann", "Cid", "Dan"]
    memory.put(KEY, "Ann", listed(1))
    assert len(memory) == 3 and same(memory.get(KEY, "Ann"), listed(1))
    for k in range(20):
        memory.put((1, k, None), "Eve", listed(1))
    assert len(memory) <= 3


def test_none_are_kept_where_none_are_wanted(told):
    memory = Remembered(0, told)
    memory.put(KEY, "Ann", listed())
    assert len(memory) == 0 and memory.kept(KEY, ["Ann"]) == {}
