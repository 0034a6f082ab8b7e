"""Pairs of judged queries: good answers beside ones that people graded lower."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from engine.search.documents import Documents
from engine.search.evaluation import judged_queries
from engine.search.judged_pairs import JudgedPairConfig, judged_pairs

TEXTS = {"A": "brass lamp", "B": "floor lamp", "C": "lamp shade", "D": "garden hose", "E": ""}
DOCUMENTS = Documents("1", pd.DataFrame({"item_id": list(TEXTS), "text": list(TEXTS.values())}))
GRADES = {"lamp": {"A": 3.0, "B": 2.5, "C": 1.0, "E": 3.0}, "hose": {"D": 3.0, "gone": 1.0}}
JUDGED = pd.DataFrame(
    [(query, query, item, grade) for query, of in GRADES.items() for item, grade in of.items()],
    columns=["query_id", "query", "item_id", "relevance"],
)


def made(**config):
    return judged_pairs(judged_queries(JUDGED, least=2.0), DOCUMENTS, JudgedPairConfig(**config))


def test_a_good_answer_stands_beside_one_that_was_graded_lower():
    pairs = made()
    told = dict(zip(pairs.items, zip(pairs.queries, pairs.positives, pairs.negatives, strict=True), strict=True))
    assert told == {
        "A": ("lamp", "brass lamp", "lamp shade"),  # B is too good to be wrong, E has no document
        "B": ("lamp", "floor lamp", "lamp shade"),
        "D": ("hose", "garden hose", ""),
    }


def test_how_much_lower_is_a_share_of_the_range():
    drawn = [made(below=0.2, seed=seed) for seed in range(20)]
    assert {one.negatives[one.items.index("A")] for one in drawn} == {"floor lamp", "lamp shade"}
    assert set(made(below=0.9).negatives) == {"lamp shade", ""}


def test_a_query_gives_no_more_than_its_share():
    assert made(per_query=1).queries.count("lamp") == 1
    assert made(per_query=1, seed=3).hash == made(per_query=1, seed=3).hash


def test_queries_that_nobody_judged_give_no_pair():
    queries = judged_queries(JUDGED, least=2.0)
    assert len(judged_pairs(replace(queries, judged=None), DOCUMENTS)) == 0
