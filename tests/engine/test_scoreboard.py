"""Runs side by side: which is compared with which, and that figures equal those of the rows."""

import numpy as np
import pandas as pd
import pytest

from engine.errors import DataError, UnknownNameError
from engine.metrics.measures import aggregate
from engine.run_values import open_values
from engine.runs import RunStore, compare, new_run
from engine.scoreboard import baseline_of, difference_of, first_run, runs_of, scores


def saved(store, model, ranks, *, split="s", ids=None):
    hits = [[*(f"x{j}" for j in range(rank - 1)), "right"] for rank in ranks]
    names = ids or [f"q{i:03}" for i in range(len(ranks))]
    rows = pd.DataFrame({"query_id": names, "hits": hits, "relevant": [["right"]] * len(ranks)})
    run = new_run("search", model, config={}, data_hash="d", split=split, seed=1, eligibility="all")
    store.save(run, rows.sample(frac=1, random_state=len(model)))
    return run, rows


@pytest.fixture
def store(workspace):
    return RunStore(workspace)


def test_a_run_is_shown_beside_its_baseline(store):
    ranks = np.random.default_rng(0).integers(1, 12, 80)
    base, base_rows = saved(store, "bm25", ranks)
    run, rows = saved(store, "hybrid", np.maximum(ranks - 3, 1))
    runs = runs_of(store, "search")
    assert first_run(runs, "search").id == run.id and baseline_of(runs, run).id == base.id
    found = {line.name: line for line in scores(store, run.id, base.id)}
    assert {name: line.figure.value for name, line in found.items()} == pytest.approx(aggregate("search", rows))
    assert {name: line.baseline for name, line in found.items()} == pytest.approx(aggregate("search", base_rows))
    mrr = found["mrr"]
    assert mrr.better == 1 and mrr.difference.wins == compare(store, base.id, run.id, "mrr").wins
    assert found["recall@10"].label == "Recall@10"


def test_only_comparable_runs_are_baselines(store):
    saved(store, "bm25", [1, 2], split="other")
    run, _ = saved(store, "hybrid", [1, 2])
    assert baseline_of(runs_of(store, "search"), run) is None
    assert all(line.baseline is None and line.better == 0 for line in scores(store, run.id, None))


def test_a_part_is_the_same_rows_of_both_runs(store):
    """Also where the two runs part their rows differently."""
    rows = []
    for model, other in (("bm25", 3), ("hybrid", 5)):
        frame = {"query_id": [f"q{i}" for i in range(10)], "hits": [["x", "right"]] * 5 + [["right"]] * 5}
        categories = ["Bags" if i < other else "Shoes" for i in range(10)]
        run = new_run("search", model, config={}, data_hash="d", split="s", seed=1, eligibility="all")
        rows.append(store.save(run, pd.DataFrame({**frame, "relevant": [["right"]] * 10, "category": categories})).id)
    base, run = (open_values(store, run_id) for run_id in rows)
    gap = difference_of(base, run, "mrr", {"category": "Bags"})
    assert (gap.a, gap.b, gap.ties) == (0.5, 0.5, 5)


def test_other_rows_are_refused(store):
    base, _ = saved(store, "bm25", [1, 2], ids=["q1", "q9"])
    run, _ = saved(store, "hybrid", [1, 2], ids=["q1", "q2"])
    with pytest.raises(DataError, match="their queries aren't the same"):
        scores(store, run.id, base.id)


def test_an_unknown_room_is_named(store):
    with pytest.raises(UnknownNameError, match="did you mean 'search'"):
        runs_of(store, "serch")
    assert first_run([], "search") is None
