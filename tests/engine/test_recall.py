from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.data.splits import PARTS
from engine.errors import DataError, UnknownNameError
from engine.ranked import Ranked
from engine.recall import Asked, later_reviews, measure_recall
from engine.runs import RunStore
from engine.search.evaluation import Queries
from engine.search.review_splits import split_reviews


class Always:
    """The same order for every query."""

    item_ids = np.array(["a", "b", "c"], dtype=object)

    def __init__(self, *order):
        self.order = np.array(order)

    def search(self, queries, k, *, eligible=None):
        rows = np.tile(self.order, (len(queries), 1))[:, :k]
        return Ranked(rows, np.tile(np.arange(3, 0, -1, dtype=np.float32), (len(queries), 1))[:, :k])


def asked(n, relevant):
    return Asked(Queries([str(i) for i in range(n)], ["q"] * n, relevant), "time abc test", "all", "d1")


@pytest.fixture(autouse=True)
def _untracked(monkeypatch):
    monkeypatch.setattr("engine.recording.log_run", lambda *_: None)


def test_figures_stand_beside_the_baselines_and_runs_are_saved(workspace):
    retrievers = {"popular": Always(0, 1, 2), "dense": Always(1, 0, 2)}
    report = measure_recall(
        workspace,
        retrievers,
        asked(40, [["b"]] * 30 + [["z"]] * 10),
        configs={"popular": {}, "dense": {"encoder": "tiny"}},
        baselines=["popular"],
    )
    assert (report.n_queries, report.n_answerable) == (40, 30)
    assert report.figures["dense"]["recall@1"].b == 0.75 and report.answerable["dense"]["recall@1"].b == 1.0
    assert report.figures["popular"]["mrr"].b == pytest.approx(0.375)
    gain = report.compared("popular", "dense", "recall@1")
    assert gain.words().startswith("+0.750 (") and gain.wins == 30 and gain.clear
    store = RunStore(workspace)
    assert {run.model for run in store.list("search")} == {"popular", "dense"}
    rows = store.rows(report.runs["dense"].id)
    assert rows["answerable"].sum() == 30 and store.aggregate(report.runs["dense"].id, ["recall@5"])["recall@5"] == 0.75


def test_queries_of_a_part_are_its_reviews(workspace):
    reviews = pd.DataFrame(
        {
            "review_id": [f"r{n:03d}" for n in range(50)],
            "item_id": [f"i{n % 7}" for n in range(50)],
            "text": ["" if n == 49 else f"said {n}" for n in range(50)],
            "timestamp": pd.date_range("2026-01-01", periods=50, tz="UTC"),
        }
    )
    with workspace.replace_tables("test") as writer:
        writer.write("items", pd.DataFrame({"item_id": ["i1"], "title": ["one"], "category": ["Bags"]}))
        writer.write("reviews", reviews)
    split = split_reviews(workspace).split
    found = later_reviews(workspace, "test")
    assert sorted(found.queries.texts) == [f"said {n}" for n in range(45, 49)]
    assert found.split == f"time {split.hash} test" and "reviews as queries" in found.about
    assert len(later_reviews(workspace, "valid", most=2).queries) == 2 and set(PARTS) > {"valid"}
    with pytest.raises(UnknownNameError, match="'reviews'"):
        later_reviews(workspace, "test", kind="review")
    with pytest.raises(DataError, match="There are no queries"):
        measure_recall(workspace, {"dense": Always(0, 1, 2)}, asked(0, []), configs={"dense": {}})
