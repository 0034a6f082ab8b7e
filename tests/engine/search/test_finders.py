import numpy as np
import pytest

from engine.ranked import NONE, Ranked
from engine.search.finders import MOST, Finder, find_finders, found_share


class Spelled:
    """Finds the items whose id begins with the query, in the order of the catalogue."""

    item_ids = np.array(["a1", "a2", "ab", "b1"], dtype=object)

    def __init__(self):
        self.asked = []

    def search(self, queries, k, *, eligible=None):
        self.asked += queries
        found = [[row for row, item in enumerate(self.item_ids) if item.startswith(query.lower())] for query in queries]
        rows = np.array([(rows + [NONE] * k)[:k] for rows in found])
        return Ranked(rows, np.zeros(rows.shape, dtype=np.float32))


def test_places_are_told_best_first_and_what_misses_it_last():
    found = find_finders(Spelled(), "ab", {"known": ["a", "b"], "tag": ["ab"]}, k=3)
    assert found == (Finder("ab", "tag", 1), Finder("a", "known", 3), Finder("b", "known", None))
    assert found_share(found, 2) == (0, 2)
    assert found_share(found, 3) == (1, 2)


def test_beyond_the_hits_that_are_looked_at_there_is_no_place():
    assert find_finders(Spelled(), "ab", {"known": ["a"]}, k=2)[0].place is None


def test_asked_queries_count_only_where_they_find_it():
    assert find_finders(Spelled(), "b1", {"asked": ["a", "b"]}, k=3) == (Finder("b", "asked", 1),)


def test_a_query_is_asked_once_and_keeps_its_first_origin():
    retriever = Spelled()
    found = find_finders(retriever, "ab", {"known": ["A"], "asked": ["a", "AB"], "title": ["a "]}, k=4)
    assert [(one.query, one.origin) for one in found] == [("AB", "asked"), ("A", "known")]
    assert retriever.asked == ["A", "AB"]


@pytest.mark.parametrize("queries", [{}, {"known": [], "tag": [" "]}])
def test_without_queries_nothing_is_asked(queries):
    retriever = Spelled()
    assert find_finders(retriever, "ab", queries, k=3) == ()
    assert retriever.asked == []


def test_an_item_that_is_not_searched_has_no_place_and_queries_are_capped():
    retriever = Spelled()
    found = find_finders(retriever, "gone", {"known": [f"q{n}" for n in range(50)]}, k=3)
    assert len(found) == len(retriever.asked) == MOST
    assert {one.place for one in found} == {None}
