"""Compare: runs beside a baseline, what is refused, flips with both lists, and the release note."""

import re

import pandas as pd
import pytest
from conftest import run
from reading import part, shown

from engine.runs import RunStore, new_run

COMPARE = "pages/views/compare_runs.py"
RANKS = [3, 3, 1, 2, 1, 2, 2, 2] * 6
BETTER = [1, 1, 1, 2, 4, 1, 2, 2] * 6


@pytest.fixture
def ids(shop):
    store, found = RunStore(shop), {}
    for model, ranks, split in (("bm25", RANKS, "s"), ("hybrid", BETTER, "s"), ("dense", RANKS, "another")):
        hits = [[*(f"SK-{j:03}" for j in range(rank - 1)), "SK-020"] for rank in ranks]
        names, queries = [f"q{i:02}" for i in range(48)], ["<i>bag</i>", "red leather bag"] * 24
        rows = {"query_id": names, "query": queries, "hits": hits, "relevant": [["SK-020"]] * 48}
        made = new_run("search", model, config={}, data_hash="d", split=split, seed=1, eligibility="all")
        found[model] = store.save(made, pd.DataFrame(rows)).id
    return found


def open_compare(**address):
    return run(COMPARE, {"room": "search", **address})


def test_runs_stand_beside_the_baseline_with_verdicts(ids):
    app = open_compare()
    matrix = part(app, "matrix")
    baseline = r"MRR</td><td class=\"sw-r\"><a href=\"[^\"]*metric=mrr[^\"]*\">0\.583</a></td>"
    assert re.search(baseline + r".*?0\.719</a> <span class=\"sw-badge sw-up\">", matrix)
    table = part(app, "differences")
    assert "24 queries" not in table and "18 queries better, 6 worse" in table and "clearly better" in table


def test_runs_of_another_split_are_refused_with_the_difference(ids):
    app = open_compare(run=f"{ids['hybrid']}|{ids['dense']}")
    assert "the split differs (&#39;s&#39; and &#39;another&#39;)" in part(app, "refused")
    assert ">dense<" not in part(app, "matrix") and ">hybrid<" in part(app, "matrix")
    app = open_compare(run=ids["dense"])
    assert "Nothing to compare yet" in shown(app)


def test_flips_are_listed_by_way_and_part_and_open_to_both_lists(ids):
    app = open_compare(metric="mrr", ask="worse")
    assert part(app, "flips-count").startswith('<p class="sw-note">6 rows flipped')
    assert "&lt;i&gt;bag&lt;/i&gt;" in part(app, "flips-list") and "<i>bag" not in shown(app)
    app = open_compare(metric="mrr", part="words:3 words")
    assert "12 rows flipped in “3 words”" in part(app, "flips-count")
    app = open_compare(metric="mrr", row="q04")
    flip = part(app, "flip")
    assert re.search(r'sku=SK-020">SK-020</a></td><td class="sw-r">1</td><td class="sw-r">4</td>', flip)
    assert "wanted" in flip and "only in B" in flip


def test_the_margin_changes_the_verdict(ids):
    worse = open_compare(beside=ids["hybrid"], run=ids["bm25"], margin="0.2")
    assert "by no more than the margin" in part(worse, "differences")
    assert "clearly worse<" in part(open_compare(beside=ids["hybrid"], run=ids["bm25"], margin="0"), "differences")


def test_the_release_note_says_what_the_figures_say(ids):
    note = part(open_compare(metric="mrr"), "note")
    assert note.count("<li>") == 5 and "hybrid beside bm25: MRR 0.583 to 0.719" in note
    assert "18 rows became better and 6 worse" in note


def test_bad_names_and_absent_runs(ids):
    assert f"did you mean &#39;{ids['hybrid']}&#39;" in shown(open_compare(run=ids["hybrid"][:-1] + "x"))
    app = run(COMPARE, {"room": "rank"})
    assert any("scripts/run_ranking.py" in code.value for code in app.code)
