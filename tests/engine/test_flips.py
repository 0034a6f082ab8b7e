"""The flip book: which rows became better or worse, where, and what the release note says of it."""

import pandas as pd
import pytest

from engine.comparing import compare_runs
from engine.errors import UnknownNameError
from engine.flips import by_slice, flips, open_flip, release_note
from engine.run_values import open_values
from engine.runs import RunStore, new_run

QUERIES = ["bag"] * 4 + ["red leather bag"] * 4


@pytest.fixture
def pair(workspace):
    """Two runs over eight queries: three better, one worse, four the same."""
    store, runs = RunStore(workspace), []
    for model, ranks in (("bm25", [3, 3, 1, 2, 1, 2, 2, 2]), ("dense", [1, 1, 1, 2, 4, 1, 2, 2])):
        hits = [[*(f"x{j}" for j in range(rank - 1)), "right", "tail"] for rank in ranks]
        rows = {"query_id": [f"q{i}" for i in range(8)], "query": QUERIES, "hits": hits, "relevant": [["right"]] * 8}
        run = new_run("search", model, config={}, data_hash="d", split="s 1", seed=1, eligibility="all")
        runs.append(store.save(run, pd.DataFrame(rows)))
    return store, *runs


def test_flips_are_the_rows_that_differ_the_largest_first(pair):
    store, a, b = pair
    found = flips(open_values(store, a.id), open_values(store, b.id), "mrr")
    assert found["query_id"].tolist() == ["q4", "q0", "q1", "q5"]
    assert found["way"].tolist() == ["worse", "better", "better", "better"]
    assert found["change"].tolist() == pytest.approx([-0.75, 2 / 3, 2 / 3, 0.5])


def test_a_slice_counts_both_ways_and_all_rows(pair):
    store, a, b = pair
    values = open_values(store, b.id)
    table = by_slice(flips(open_values(store, a.id), values, "mrr"), values, "words").set_index("part")
    assert table.loc["1 word"].tolist() == [4, 2, 0, 2] and table.loc["3 words"].tolist() == [4, 1, 1, 0]
    with pytest.raises(UnknownNameError, match="did you mean 'words'"):
        by_slice(flips(values, values, "mrr"), values, "word")


def test_runs_that_agree_have_no_flips(pair):
    store, a, _ = pair
    values = open_values(store, a.id)
    found = flips(values, values, "mrr")
    assert found.empty and by_slice(found, values, "words")["net"].tolist() == [0, 0]


def test_a_flip_opens_to_both_lists(pair):
    store, a, b = pair
    flip = open_flip(store, a, b, "q4", (1.0, 0.25))
    places = {place.item_id: (place.a, place.b) for place in flip.compared.places}
    assert places["right"] == (1, 4) and places["x0"] == (None, 1)
    assert flip.wanted == {"right"} and flip.label == "red leather bag"
    with pytest.raises(UnknownNameError, match="row of run"):
        open_flip(store, a, b, "q44", (0, 0))


def test_the_release_note_is_written_from_the_figures(pair):
    store, a, b = pair
    values = open_values(store, b.id)
    found = flips(open_values(store, a.id), values, "mrr")
    compared = compare_runs(store, a.id, b.id, metrics=["mrr", "recall@5"]).metrics
    note = release_note(b, a, dict(compared), "mrr", found, by_slice(found, values, "words"))
    assert len(note) == 5
    assert note[0].startswith("dense beside bm25: MRR 0.583 to 0.719, +0.135")
    assert note[2] == "3 rows became better and 1 worse; most won in “1 word” (+2), no part lost."
    assert note[3] == "Measured on 8 queries of split s 1." and "too few to decide" in note[4]


def test_a_part_in_which_nothing_flipped_has_whole_numbers_too(pair):
    store, a, b = pair
    values = open_values(store, b.id)
    found = flips(open_values(store, a.id), values, "mrr")
    parts = by_slice(found[found["words"] == "1 word"], values, "words")
    assert parts.set_index("part")["net"].to_dict() == {"1 word": 2, "3 words": 0}
    compared = compare_runs(store, a.id, b.id, metrics=["mrr"]).metrics
    assert "(+2), no part lost" in release_note(b, a, dict(compared), "mrr", found, parts)[2]
