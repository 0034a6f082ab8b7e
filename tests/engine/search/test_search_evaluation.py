from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.metrics.measures import aggregate
from engine.ranked import NONE, Ranked
from engine.search.evaluation import METRICS, Queries, figures, judged_queries, review_queries, search_rows

ITEMS = np.array(["a", "b", "c", "d"], dtype=object)


class Fixed:
    """Finds the items whose letters a query names, in its order; remembers how many queries came at once."""

    item_ids = ITEMS

    def __init__(self):
        self.batches = []

    def search(self, queries, k, *, eligible=None):
        self.batches.append(len(queries))
        rows = np.full((len(queries), k), NONE, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for row, query in enumerate(queries):
            found = ["abcd".index(letter) for letter in query if eligible is None or eligible["abcd".index(letter)]]
            rows[row, : len(found[:k])] = found[:k]
            scores[row, : len(found[:k])] = np.arange(len(found[:k]), 0, -1)
        return Ranked(rows, scores)


def test_figures_come_from_the_ranks_of_the_relevant_items():
    queries = Queries(["1", "2", "3", "4"], ["abc", "bca", "", "ab"], [["a"], ["a"], ["a"], ["z"]])
    found = figures(search_rows(Fixed(), queries, k=100))
    assert found["recall@1"].b == 1 / 4  # the first query only; what can't be found counts as missed
    assert found["recall@5"].b == 2 / 4
    assert found["mrr"].b == pytest.approx((1 + 1 / 3) / 4)
    assert found["recall@5"].low < found["recall@5"].b < found["recall@5"].high
    assert queries.answerable(ITEMS).tolist() == [True, True, True, False]
    answerable = queries.choose(queries.answerable(ITEMS))
    assert figures(search_rows(Fixed(), answerable))["recall@5"].b == 2 / 3


def test_rows_are_those_of_a_run_and_lists_end_where_they_end():
    retriever = Fixed()
    queries = Queries(["1", "2", "3"], ["cab", "", "d"], [["b"], ["a"], ["a"]], [[3.0], [2.0], [1.0]])
    done = []
    rows = search_rows(retriever, queries, k=2, batch=2, report=done.append)
    assert rows["hits"].tolist() == [["c", "a"], [], ["d"]] and rows["scores"].tolist() == [[2.0, 1.0], [], [1.0]]
    assert rows["hit_rank"].isna().all() and retriever.batches == [2, 1] and done == [2, 3]
    assert set(aggregate("search", rows, METRICS).values()) == {0.0}
    only = search_rows(retriever, queries, k=3, eligible=np.array([False, True, False, False]))
    assert only["hits"].tolist() == [["b"], [], []] and only["hit_rank"].tolist()[0] == 1


def test_reviews_as_queries_look_for_their_own_product():
    reviews = pd.DataFrame(
        {"review_id": ["r1", "r2", "r3"], "item_id": ["a", "b", "b"], "text": ["warm", "  ", "x" * 20_000]}
    )
    queries = review_queries(reviews)
    assert queries.ids == ["r1", "r3"] and queries.relevant == [["a"], ["b"]]
    assert len(queries.texts[1]) == 10_000
    many = pd.DataFrame({"review_id": map(str, range(50)), "item_id": "a", "text": "good"})
    drawn = review_queries(many, most=10, seed=1).ids
    assert len(drawn) == 10 and drawn == sorted(drawn, key=int) and drawn == review_queries(many, most=10, seed=1).ids


def test_judged_queries_keep_grades_from_the_least_on():
    judgments = pd.DataFrame(
        {
            "query_id": ["q2", "q1", "q1", "q1", "q3"],
            "query": ["boots", "bag", "bag", "bag", "hat"],
            "item_id": ["a", "b", "b", "c", "d"],
            "relevance": [3.0, 2.0, 3.0, 1.0, 1.0],
            "source": ["x", "x", "y", "x", "x"],
        }
    )
    queries = judged_queries(judgments, least=2)
    known = [{"b": 2.5, "c": 1.0}, {"a": 3.0}]
    assert queries == Queries(["q1", "q2"], ["bag", "boots"], [["b"], ["a"]], [[2.5], [3.0]], known)
    assert figures(search_rows(Fixed(), Queries(["q"], ["ba"], [["b"]])))["recall@1"].b == 1.0
