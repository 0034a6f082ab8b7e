"""The flat table of a run: it gives what the rows give, for any of them, however many there are."""

import numpy as np
import pandas as pd
import pytest

from engine import run_table
from engine.errors import UnknownNameError
from engine.metrics.measures import aggregate, row_values
from engine.run_table import CUTS
from engine.run_values import open_values
from engine.runs import RunStore, new_run


def search_rows(n=60, seed=0):
    rng = np.random.default_rng(seed)
    items = [f"i{i}" for i in range(40)]
    hits = [rng.permutation(items)[: rng.integers(0, 30)].tolist() for _ in range(n)]
    relevant = [rng.choice(items, rng.integers(1, 5), replace=False).tolist() for _ in range(n)]
    queries = [("сумка " if i % 4 == 0 else "bag ") * (1 + i % 3) for i in range(n)]
    rows = {"query_id": [f"q{i:03}" for i in range(n)], "query": queries, "hits": hits, "relevant": relevant}
    return pd.DataFrame(rows)


def tag_rows(n=40):
    rng = np.random.default_rng(1)
    tags = np.array(["soft", "warm", "small"])
    lists = [[tags[rng.random(3) < 0.6].tolist() for _ in range(n)] for _ in range(2)]
    categories = ["Bags" if i % 3 else "Shoes" for i in range(n)]
    rows = {"item_id": [f"s{i:02}" for i in range(n)], "category": categories, "predicted": lists[0]}
    return pd.DataFrame({**rows, "ranked": lists[0], "known": lists[1], "true": lists[1]})


def save(workspace, kind, rows):
    run = new_run(kind, "m", config={}, data_hash="d", split="s", seed=0, eligibility="all")
    store = RunStore(workspace)
    store.save(run, rows)
    return store, run.id


@pytest.mark.parametrize(("kind", "rows"), [("search", search_rows()), ("tags", tag_rows())])
def test_figures_are_those_of_the_rows(workspace, kind, rows):
    store, run_id = save(workspace, kind, rows)
    values = open_values(store, run_id)
    assert {name: figure.value for name, figure in values.figures.items()} == pytest.approx(aggregate(kind, rows))
    assert all(figure.low <= figure.value <= figure.high for figure in values.figures.values())
    known = row_values(kind, rows, list(values.metrics)).set_index(values.kind.id).sort_index()
    assert np.allclose(values.page(size=None)[list(values.metrics)], known[list(values.metrics)])


def test_a_part_of_the_rows_has_its_own_figures(workspace):
    rows = tag_rows()
    values = open_values(*save(workspace, "tags", rows))
    bags = rows[rows["category"] == "Bags"]
    found = dict(values.groups("category", "micro_f1"))
    assert found["Bags"].value == pytest.approx(aggregate("tags", bags)["micro_f1"]) and found["Bags"].n == len(bags)
    assert sum(figure.n for figure in found.values()) == len(rows) == values.count()
    assert values.figure("micro_f1", {"category": "Hats"}).n == 0


def test_rows_are_read_part_by_part_with_the_same_result(workspace, monkeypatch):
    rows = search_rows()
    whole = open_values(*save(workspace, "search", rows))
    monkeypatch.setattr(run_table, "ROWS_AT_ONCE", 7)
    parts = open_values(*save(workspace, "search", rows))
    pd.testing.assert_frame_equal(whole.page(size=None), parts.page(size=None))
    assert parts.curves["recall"] == pytest.approx(whole.curves["recall"])


def test_curves_are_the_means_at_each_cut_off(workspace):
    rows = search_rows()
    curves = open_values(*save(workspace, "search", rows)).curves
    for name in ("recall", "ndcg"):
        wanted = aggregate("search", rows, [f"{name}@{k}" for k in CUTS])
        assert curves[name] == pytest.approx(list(wanted.values()))
    assert curves["recall half"][-1] > 0


def test_pages_are_sorted_filtered_and_whole(workspace):
    values = open_values(*save(workspace, "search", search_rows()))
    worst = values.page(sort="mrr", size=10)
    assert worst["mrr"].is_monotonic_increasing and len(worst) == 10
    rest = values.page(sort="mrr", first=10, size=None)
    assert len(rest) == 50 and rest["mrr"].iloc[0] >= worst["mrr"].iloc[-1]
    cyrillic = values.page({"script": "Cyrillic", "mrr": (0.0, 0.5)}, size=None)
    assert set(cyrillic["script"]) == {"Cyrillic"} and cyrillic["mrr"].max() < 0.5
    assert values.count({"script": "Cyrillic", "mrr": (0.0, 0.5)}) == len(cyrillic) > 0


def test_histogram_counts_every_row_once(workspace):
    values = open_values(*save(workspace, "search", search_rows()))
    bins = values.histogram("ndcg@10")
    assert len(bins) == 10 and sum(n for _, _, n in bins) == 60
    low, high, n = bins[3]
    assert values.count({"ndcg@10": (low, high)}) == n


def test_unknown_names_are_named_with_the_nearest(workspace):
    values = open_values(*save(workspace, "search", search_rows()))
    with pytest.raises(UnknownNameError, match="did you mean 'ndcg@10'"):
        values.figure("ndgc@10")
    with pytest.raises(UnknownNameError):
        values.page({'x" OR 1=1 --': 1})


def test_a_damaged_table_is_made_anew(workspace):
    store, run_id = save(workspace, "search", search_rows())
    before = open_values(store, run_id).figures
    (store.folder(run_id) / "values.parquet").write_bytes(b"oops")
    assert open_values(store, run_id).figures == before


@pytest.mark.parametrize(("kind", "rows"), [("search", search_rows()), ("tags", tag_rows())])
def test_rows_for_an_export_give_every_figure_again(workspace, kind, rows):
    store, run_id = save(workspace, kind, rows)
    values = open_values(store, run_id)
    whole = values.whole(sort="mrr")
    assert aggregate(kind, whole) == pytest.approx(aggregate(kind, rows))
    assert whole["mrr"].is_monotonic_increasing and not [name for name in whole if "#" in name]
    column = "words" if kind == "search" else "category"
    part = whole[column].iloc[0]
    assert set(values.whole({column: part})[column]) == {part}


def test_listed_items_are_counted_once_a_list(workspace):
    hits = [["a", "a", "b"], ["a", "c"], [], ["b"]]
    rows = pd.DataFrame({"query_id": list("1234"), "query": "q", "hits": hits, "relevant": [["a"]] * 4})
    store, run_id = save(workspace, "search", rows)
    values = open_values(store, run_id)
    assert values.listed(2).to_numpy().tolist() == [["a", 2], ["b", 1], ["c", 1]]
    assert values.listed(3).to_numpy().tolist() == [["a", 2], ["b", 2], ["c", 1]]


def test_the_same_rows_in_another_order_are_known_to_be_the_same(workspace):
    rows = search_rows()
    one, other = (open_values(*save(workspace, "search", found)) for found in (rows, rows[::-1].reset_index(drop=True)))
    fewer = open_values(*save(workspace, "search", rows[1:].reset_index(drop=True)))
    assert one.ids_hash == other.ids_hash != fewer.ids_hash


def test_a_row_without_lists_wants_nothing(workspace):
    rows = search_rows(3)
    rows.at[1, "relevant"], rows.at[2, "hits"] = None, None
    values = open_values(*save(workspace, "search", rows))
    assert values.page(size=None)["n_wanted"].tolist()[1] == "nothing"
    assert {name: figure.value for name, figure in values.figures.items()} == pytest.approx(aggregate("search", rows))
