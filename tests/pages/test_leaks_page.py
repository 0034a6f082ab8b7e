"""The leak map: a funnel whose stages open to their rows and say what mends them."""

import re

import pandas as pd
import pytest
from conftest import run
from reading import part, shown

from engine.runs import RunStore, new_run

LEAKS = "pages/views/leak_map.py"


@pytest.fixture
def searched(shop):
    store = RunStore(shop)
    for model, hits in (
        ("bm25", [["SK-020", "SK-005", "SK-003"], ["SK-002"]]),
        ("hybrid", [["SK-000", "SK-004", "SK-005"], ["SK-002"]]),
    ):
        rows = {"query_id": ["q1", "q2"], "query": ["a <b>bag</b>", "shoe"], "hits": hits}
        relevant = [["SK-000", "SK-005", "SK-003", "SK-009", "gone"], ["SK-002"]]
        made = new_run("search", model, config={}, data_hash="d", split="s", seed=1, eligibility="all")
        store.save(made, pd.DataFrame({**rows, "relevant": relevant}))
    return store


def test_the_funnel_counts_each_stage_and_its_rows_add_up(searched):
    app = run(LEAKS, {"room": "search", "top": "2"})
    counts = dict(re.findall(r'aria-label="([^":]+): (\d+), open', part(app, "funnel")))
    assert counts == {
        "Not in the catalogue": "1",
        "Nothing known of it": "0",
        "Not a candidate": "1",
        "Not taken up": "1",
        "Demoted": "1",
        "Below K": "0",
        "Found": "2",
    }
    assert "6 wanted items; Recall@2 is 0.600" in part(app, "funnel-title")
    assert part(app, "rows").count("<tr>") == 1 + 4


def test_a_stage_says_what_mends_it_and_names_the_source(searched):
    app = run(LEAKS, {"room": "search", "top": "2", "ask": "demoted"})
    assert "Demoted: 1" in part(app, "rows-title") and "train the second stage again" in part(app, "rows-title")
    assert "2 by bm25" in part(app, "rows") and "sku=SK-005" in part(app, "rows")
    assert "a &lt;b&gt;bag" in part(app, "rows") and "<b>bag" not in shown(app)
    assert "bm25 <b>2</b>" in part(app, "sources")


def test_an_empty_stage_has_a_way_out(searched):
    assert "Nothing was lost here" in shown(run(LEAKS, {"room": "search", "ask": "below"}))


def test_without_runs_the_command_is_shown(shop):
    app = run(LEAKS, {"room": "recommend"})
    assert any("scripts/train_recommender.py" in code.value for code in app.code)
