import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.comparison import compare_lists

LISTS = st.lists(st.sampled_from("abcdefgh"), max_size=8)


def test_a_case_worked_by_hand():
    compared = compare_lists(["a", "b", "c", "d"], ["b", "a", "e", "d"])
    assert [(p.item_id, p.a, p.b, p.where, p.moved) for p in compared.places] == [
        ("b", 2, 1, "up", 1),
        ("a", 1, 2, "down", -1),
        ("e", None, 3, "only B", 0),
        ("d", 4, 4, "same", 0),
        ("c", 3, None, "only A", 0),
    ]
    assert compared.counts == {"same": 1, "up": 1, "down": 1, "only A": 1, "only B": 1}
    assert compared.overlap == pytest.approx(3 / 5)


def test_two_empty_lists_agree():
    assert compare_lists([], []).places == ()
    assert compare_lists([], []).overlap == 1.0


@given(LISTS, LISTS)
def test_swapping_the_lists_swaps_the_sides(a, b):
    mirrored = {"only A": "only B", "only B": "only A", "up": "down", "down": "up", "same": "same"}
    there = {place.item_id: place.where for place in compare_lists(a, b).places}
    back = {place.item_id: mirrored[place.where] for place in compare_lists(b, a).places}
    assert there == back
    assert sum(compare_lists(a, b).counts.values()) == len({*a, *b})


@given(LISTS)
def test_a_list_beside_itself_is_the_same(a):
    assert {place.where for place in compare_lists(a, a).places} <= {"same"}
