import numpy as np
import pandas as pd
import pytest

from engine.ranked import Ranked
from engine.search.hits import Hit, Stage, contributions, find_hits, hits_of, is_guess, is_weak, similar_items
from engine.search.query import QueryAnalysis

IDS = np.array(["A", "B", "C"], dtype=object)
TRACE = pd.DataFrame(
    {
        "item_id": ["B", "A"],
        "score": [1.5, 0.5],
        "bm25_score": [4.0, 0.0],
        "bm25_rank": [1, 0],
        "dense_score": [0.2, -0.2],
        "dense_rank": [2, 1],
    }
)


class Plain:
    """A retriever without stages: C, then A."""

    item_ids = IDS

    def search(self, queries, k, *, eligible=None):
        rows = [row for row in (2, 0) if eligible is None or eligible[row]]
        rows, scores = rows + [-1] * (k - len(rows)), [0.9, 0.3][: len(rows)]
        return Ranked(np.array([rows]), np.array([scores + [-np.inf] * (k - len(scores))], dtype=np.float32))

    def similar(self, rows, k):
        return self.search(rows, k)


class Traced(Plain):
    """The same, with stages."""

    def trace(self, query, k, eligible=None):
        return TRACE.head(k)

    def contributions(self, query, item_ids, eligible=None):
        return {item: {"cosine": 1.0, "price": 0.5} for item in item_ids if item == "B"}


def test_a_trace_becomes_hits_with_stages_in_its_order():
    first, second = find_hits(Traced(), "second_stage", "bag", 5)
    assert (first.place, first.item_id, first.score) == (1, "B", 1.5)
    assert first.stages == (Stage("bm25", 4.0, 1, 1.0), Stage("dense", 0.2, 2, 1.0))
    assert second.stages == (Stage("bm25", 0.0, None, 0.0), Stage("dense", -0.2, 1, 0.0))


def test_a_retriever_without_stages_is_its_own_stage():
    found = find_hits(Plain(), "dense", "bag", 4)
    assert [(hit.place, hit.item_id, hit.stages[0].name, hit.stages[0].rank) for hit in found] == [
        (1, "C", "dense", 1),
        (2, "A", "dense", 2),
    ]
    assert found[1].stages[0].share == pytest.approx(1 / 3, abs=1e-6)
    assert [hit.item_id for hit in find_hits(Plain(), "dense", "bag", 4, eligible=np.array([True, True, False]))] == [
        "A"
    ]


def test_contributions_are_asked_of_a_retriever_that_has_features():
    assert contributions(Traced(), "bag", "B") == {"cosine": 1.0, "price": 0.5}
    assert contributions(Traced(), "bag", "A") == {} == contributions(Plain(), "bag", "B")


def test_no_hits_are_an_empty_tuple():
    assert hits_of(TRACE.head(0)) == ()
    assert find_hits(Plain(), "dense", "bag", 4, eligible=np.zeros(3, dtype=bool)) == ()


@pytest.mark.parametrize(
    ("cosine", "known", "weak"), [(0.6, 2, False), (0.1, 2, True), (0.6, 0, True), (0.6, 1, False), (None, 2, False)]
)
def test_hits_are_weak_when_far_in_meaning_or_most_words_are_unknown(cosine, known, weak):
    stages = () if cosine is None else (Stage("dense", cosine, 1, 1.0),)
    assert is_weak([Hit(1, "A", 1.0, stages)], QueryAnalysis("red bag", ("red", "bag"), known)) is weak


@pytest.mark.parametrize(("cosine", "known", "guess"), [(0.2, 0, True), (0.2, 1, False), (0.5, 0, False)])
def test_hits_are_a_guess_when_neither_words_nor_meaning_speak_for_them(cosine, known, guess):
    hits = [Hit(1, "A", 1.0, (Stage("dense", cosine, 1, 1.0),)), Hit(2, "B", 0.5, (Stage("dense", 0.1, 2, 0.5),))]
    assert is_guess(hits, QueryAnalysis("red bag", ("red", "bag"), known)) is guess
    assert is_guess([], QueryAnalysis("red bag", ("red", "bag"), 0)) is False


def test_no_hits_are_no_weak_hits():
    assert is_weak([], QueryAnalysis("red bag", ("red", "bag"), 0)) is False


def test_similar_items_are_told_with_their_scores():
    assert [item for item, _ in similar_items(Plain(), "B", 3)] == ["C", "A"]
    assert similar_items(Plain(), "nowhere", 3) == ()
