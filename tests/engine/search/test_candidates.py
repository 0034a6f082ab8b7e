from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from engine.errors import DataError, NotBuiltError
from engine.ranked import NONE, Ranked
from engine.search import candidates
from engine.search.candidates import Made, candidate_rows, retrieve_candidates, write_candidates
from engine.search.documents import Documents
from engine.search.evaluation import Queries

MADE = Made("valid", "letters", {"encoder": "none"}, "time abc", "d1")


class Letters:
    """Finds the items whose letters stand in the query; fails after so many calls when told to."""

    item_ids = np.array(list("abc"), dtype=object)

    def __init__(self, calls=99):
        self.calls = calls

    def search(self, queries, k, *, eligible=None):
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        rows = np.full((len(queries), 3), NONE, dtype=np.int64)
        for row, query in enumerate(queries):
            found = ["abc".index(letter) for letter in query if letter in "abc"]
            rows[row, : len(found)] = found
        scores = np.where(rows == NONE, -np.inf, 1 / np.arange(1, 4)).astype(np.float32)
        return Ranked(rows, scores)


def queries(n):
    return Queries([str(i) for i in range(n)], ["ba" if i % 2 else "zz" for i in range(n)], [["a"]] * n)


def test_candidates_are_kept_one_line_per_query(workspace, monkeypatch):
    monkeypatch.setattr(candidates, "SHARD", 4)
    done = []
    card = retrieve_candidates(workspace, Letters(), queries(10), MADE, k=2, report=done.append)
    assert done == [4, 8, 10] and card.config["queries"] == 10 and card.split == "time abc"
    rows = list(candidate_rows(workspace, "valid"))
    assert [row["query_id"] for row in rows] == [str(i) for i in range(10)]
    assert rows[1]["hits"] == ["b", "a"] and rows[1]["hit_rank"] == 2
    assert rows[0]["hits"] == [] and rows[0]["hit_rank"] is None
    assert not list((workspace.path / ".building").glob("*"))
    with pytest.raises(NotBuiltError, match=r"retrieve_candidates\.py --split test --workspace shop"):
        list(candidate_rows(workspace, "test"))


def test_a_stopped_run_goes_on_after_the_last_whole_shard(workspace, monkeypatch):
    monkeypatch.setattr(candidates, "SHARD", 3)
    with pytest.raises(KeyboardInterrupt):
        retrieve_candidates(workspace, Letters(calls=2), queries(10), MADE)
    again = Letters(calls=2)
    retrieve_candidates(workspace, again, queries(10), MADE)
    assert again.calls == 0 and len(list(candidate_rows(workspace, "valid"))) == 10
    with pytest.raises(KeyboardInterrupt):
        retrieve_candidates(workspace, Letters(calls=3), queries(10), Made("valid", "letters", {}, "time abc", "d2"))


def test_the_file_of_the_beauty_pipeline_names_what_was_found(workspace, tmp_path):
    retrieve_candidates(workspace, Letters(), queries(2), MADE)
    frame = pd.DataFrame(
        {
            "item_id": list("abc"),
            "title": ["A", "B", "C"],
            "price": [1.5, np.nan, 2.0],
            "rating": [np.nan, 4.0, 3.0],
            "brand": ["x", None, None],
            "category": ["Bags"] * 3,
        }
    )
    file = tmp_path / "retrieval_candidates_valid.jsonl"
    assert write_candidates(workspace, "valid", Documents("v", frame), file) == 2
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"review_id": "0", "parent_asin": "a", "keywords": "zz", "hit_rank": None, "candidates": []}
    assert lines[1]["candidates"][0] == {
        "item_asin": "b",
        "score": 1.0,
        "title": "B",
        "price": None,
        "average_rating": 4.0,
        "store": "",
        "main_category": "Bags",
    }


def test_no_queries_are_refused(workspace):
    with pytest.raises(DataError, match="no queries in valid"):
        retrieve_candidates(workspace, Letters(), queries(0), MADE)
