"""Runs compared: intervals, tests, verdicts, and what can't be compared."""

import numpy as np
import pandas as pd
import pytest

from engine.comparing import Compared, compare_runs
from engine.errors import DataError
from engine.metrics.significance import PairedDifference
from engine.runs import RunStore, new_run


def saved(store, ranks, *, model="bm25", split="s", n_ids=None):
    """A run whose query i finds its one relevant item at `ranks[i]`, or not at all (0)."""
    hits = [[f"x{j}" for j in range(rank - 1)] + ["right"] if rank else ["x"] for rank in ranks]
    ids = [f"q{i}" for i in range(len(ranks))][: n_ids or len(ranks)]
    rows = pd.DataFrame({"query_id": ids, "hits": hits, "relevant": [["right"]] * len(ranks)})
    run = new_run("search", model, config={}, data_hash="d", split=split, seed=1, eligibility="all")
    return store.save(run, rows.sample(frac=1, random_state=len(model))).id


@pytest.fixture
def store(workspace):
    return RunStore(workspace)


def test_a_better_run_is_clearly_better(store):
    rng = np.random.default_rng(0)
    ranks = rng.integers(1, 9, 200)
    a, b = saved(store, ranks), saved(store, np.maximum(ranks - 2, 1), model="dense")
    found = compare_runs(store, a, b, metrics=["mrr", "recall@10"])
    mrr, recall = found.metrics["mrr"], found.metrics["recall@10"]
    assert (mrr.verdict, recall.verdict) == ("better", "no worse")
    assert mrr.p < 0.001 and recall.p == 1.0 and mrr.effect > 0.5 and recall.effect == 0
    assert "clearly better" in mrr.words and f"{mrr.test.wins} queries better, 0 worse" in mrr.words
    assert compare_runs(store, b, a, metrics=["mrr"]).metrics["mrr"].verdict == "worse"


def test_every_metric_of_recommendations_is_tested(store):
    rng = np.random.default_rng(1)
    runs = []
    for model, items in (("popular", 4), ("als", 30)):
        hits = [[f"i{n}" for n in rng.choice(items, 4, replace=False)] for _ in range(40)]
        rows = {"user_id": [f"u{n}" for n in range(40)], "hits": hits, "relevant": [["i1", "i2"]] * 40}
        more = {"surprise": [[1.0] * 4] * 40, "hit_categories": [["Bags"] * 4] * 40, "n_items": 30}
        run = new_run("recommend", model, config={}, data_hash="d", split="s", seed=1, eligibility="all")
        runs.append(store.save(run, pd.DataFrame({**rows, **more})).id)
    found = compare_runs(store, *runs).metrics
    assert found["coverage@5"].verdict == "better" and found["coverage@5"].p < 0.01
    assert found["gini@5"].verdict == "better" and found["novelty@5"].p == 1.0
    assert found["recall@20"].verdict == "worse"


def test_runs_of_another_split_are_refused_with_the_difference(store):
    a, b = saved(store, [1, 2]), saved(store, [1, 2], model="dense", split="other")
    with pytest.raises(DataError, match=r"can't be compared: the split differs \('s' and 'other'\)"):
        compare_runs(store, a, b)


@pytest.mark.parametrize(
    ("low", "high", "higher", "verdict"),
    [
        (0.01, 0.02, True, "better"),
        (-0.004, 0.02, True, "no worse"),
        (-0.004, -0.001, True, "slightly worse"),
        (-0.04, -0.001, True, "worse"),
        (-0.02, 0.02, True, "undecided"),
        (-0.02, -0.01, False, "better"),
        (-0.02, 0.004, False, "no worse"),
        (0.001, 0.02, False, "worse"),
    ],
)
def test_verdicts(low, high, higher, verdict):
    test = PairedDifference(0.5, 0.5 + (low + high) / 2, low, high, 1, 1, 1)
    assert Compared(test, 0.5, 0.0, 0.005, higher).verdict == verdict
