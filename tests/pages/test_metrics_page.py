"""Metrics: figures beside a baseline, curves, slices and histograms that open to rows, thresholds, every state."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import run
from reading import part, shown

from engine.metrics.measures import aggregate
from engine.runs import RunStore, new_run

METRICS = "pages/views/metrics.py"
TAGS = ["soft", "warm", "<b>loud</b>"]


def search_rows(seed, better=0, n=120):
    rng = np.random.default_rng(seed)
    ranks = np.maximum(rng.integers(1, 15, n) - better, 1)
    hits = [[*(f"x{j}" for j in range(rank - 1)), "right"] for rank in ranks]
    queries = ["bag" if i % 3 else "red leather bag" for i in range(n)]
    rows = {"query_id": [f"q{i:03}" for i in range(n)], "query": queries, "hits": hits}
    return pd.DataFrame({**rows, "relevant": [["right"]] * n, "hit_rank": pd.array(ranks, dtype="Int64")})


def tag_rows(seed=0, n=50):
    rng = np.random.default_rng(seed)
    true = rng.random((n, 3)) < 0.4
    chance = np.clip(0.4 * true + 0.6 * rng.random((n, 3)), 0.01, 1)
    order = np.argsort(-chance, axis=1)
    rows = {
        "item_id": [f"S-{i:02}" for i in range(n)],
        "category": ["Bags" if i % 2 else "Shoes" for i in range(n)],
        "ranked": [[TAGS[t] for t in line] for line in order],
        "scores": [chance[i, line].tolist() for i, line in enumerate(order)],
        "known": [[TAGS[t] for t in np.flatnonzero(line)] for line in true],
        "predicted": [[TAGS[t] for t in np.flatnonzero(line > 0.5)] for line in chance],
    }
    return pd.DataFrame({**rows, "true": rows["known"], "hit_rank": pd.array([1] * n, dtype="Int64")})


@pytest.fixture
def measured(shop):
    """A shop with two search runs and a tag run; gives the store and the runs' ids by model."""
    store, ids = RunStore(shop), {}
    for kind, model, rows, split in (
        ("search", "bm25", search_rows(0), "s"),
        ("search", "hybrid", search_rows(0, better=3), "s"),
        ("search", "dense", search_rows(1), "another"),
        ("tags", "linear", tag_rows(), "t"),
    ):
        made = new_run(kind, model, config={}, data_hash="d", split=split, seed=1, eligibility="all")
        ids[model] = store.save(made, rows).id
    return store, ids


def open_metrics(**address):
    return run(METRICS, address)


def test_figures_stand_beside_the_baseline(measured):
    _, ids = measured
    app = open_metrics(room="search", run=ids["hybrid"])
    tiles = part(app, "tiles")
    figures = aggregate("search", search_rows(0, better=3))
    assert f"<b>{figures['mrr']:.3f}</b><span>MRR</span>" in tiles
    assert re.search(r"MRR</span><small>0\.\d{3} to 0\.\d{3} <span class=\"sw-badge sw-up\">", tiles)
    assert "beside bm25" in part(app, "run-title")
    assert "clearly better" in part(app, "difference") and "queries better" in part(app, "difference")
    assert "1 other run can’t be compared" in part(app, "refused")


def test_a_slice_opens_to_its_rows_with_its_own_figure(measured):
    _, ids = measured
    app = open_metrics(room="search", run=ids["hybrid"], metric="mrr", part="words:3 words")
    rows = search_rows(0, better=3)
    wanted = aggregate("search", rows[rows["query"] == "red leather bag"], ["mrr"])["mrr"]
    said = part(app, "rows-title")
    assert f"40 queries with length of the query “3 words”, the worst first: MRR {wanted:.3f}" in said
    assert "than bm25" in said
    table = part(app, "rows-table")
    assert table.count("red leather bag") == 40 and 'href="./search?workspace=' in table
    assert 'aria-label="3 words:' in part(app, "slices")


def test_a_bar_of_the_histogram_filters_the_rows(measured):
    _, ids = measured
    app = open_metrics(room="search", run=ids["hybrid"], metric="mrr")
    first = re.search(r'href="([^"]*bin=0\.\.0\.1[^"]*)" aria-label="0.00 to 0.10: (\d+) rows', part(app, "histogram"))
    assert first
    app = open_metrics(room="search", run=ids["hybrid"], metric="mrr", bin="0..0.1")
    assert part(app, "rows-title").count(f"{first[2]} queries with MRR from 0 to below 0.1") == 1


def test_the_room_of_tags_moves_thresholds_and_opens_tags(measured):
    _, ids = measured
    app = open_metrics(room="tags", run=ids["linear"])
    assert "no baseline to compare with" in part(app, "run-title")
    table = part(app, "tags-table")
    assert "&lt;b&gt;loud&lt;/b&gt;" in table and "<b>loud</b>" not in shown(app)
    before = part(app, "moved")
    app.slider[0].set_value(0.9).run()
    assert part(app, "moved") != before
    app = open_metrics(room="tags", run=ids["linear"], tag="soft")
    assert "missed" in part(app, "examples-title") and "sku=S-" in part(app, "examples")
    missed = sum(
        "soft" in k and "soft" not in p for k, p in zip(tag_rows()["known"], tag_rows()["predicted"], strict=True)
    )
    assert f">{missed} missed<" in part(app, "examples-title")


def test_names_that_do_not_exist_are_named_with_the_nearest(measured):
    _, ids = measured
    assert f"did you mean &#39;{ids['hybrid']}&#39;" in shown(open_metrics(room="search", run=ids["hybrid"][:-1] + "x"))
    assert "did you mean &#39;mrr&#39;" in shown(open_metrics(room="search", metric="mmr"))
    assert "No such tag" in shown(open_metrics(room="tags", tag="sofd"))


def test_without_a_run_the_command_is_shown(shop):
    app = open_metrics(room="recommend")
    assert "A run of recommendations isn&#39;t there yet" in shown(app)
    assert any("scripts/train_recommender.py --workspace" in code.value for code in app.code)


def test_a_part_without_rows_says_so(measured):
    _, ids = measured
    app = open_metrics(room="search", run=ids["hybrid"], metric="mrr", part="words:no such part")
    assert "Nothing matches" in shown(app) and "All rows" in shown(app)


def test_a_damaged_run_is_named_and_can_be_left(measured):
    store, ids = measured
    (store.folder(ids["hybrid"]) / "rows.parquet").write_bytes(b"PAR1")
    app = open_metrics(room="search", run=ids["hybrid"])
    assert f"Run {ids['hybrid']} is damaged" in shown(app)
    app.get_by_key("at-run").set_value(ids["bm25"]).run()
    assert "<h2>bm25</h2>" in part(app, "run-title")


def test_coverage_opens_to_the_items_that_it_counts(measured):
    store, _ = measured
    rows = pd.DataFrame({"user_id": list("abc"), "hits": [["x", "y"], ["x"], ["<b>z</b>"]], "relevant": [["x"]] * 3})
    rows = rows.assign(surprise=[[1.0, 2.0], [1.0], [1.0]], hit_categories=[["A", "A"], ["A"], ["B"]], n_items=6)
    store.save(new_run("recommend", "als", config={}, data_hash="d", split="s", seed=1, eligibility="all"), rows)
    items = part(open_metrics(room="recommend", metric="coverage@5"), "items")
    assert "3 of 6 items are among the first 5 of a list; 3 are in none." in items
    assert items.index(">x</a>") < items.index("&lt;b&gt;z") and '<td class="sw-r">2</td>' in items
