"""The leak map: every wanted item is lost at one stage or found, and what is found adds up to Recall@K."""

import pandas as pd
import pytest

from engine.errors import SettingsError, WorkspaceError
from engine.leaks import STAGES, leak_map
from engine.metrics.measures import aggregate
from engine.runs import RunStore, new_run

ITEMS = ["found", "low", "dropped", "pushed", "missed"]


@pytest.fixture
def store(workspace):
    with workspace.replace_tables("plain") as writer:
        rows = [{"item_id": item, "title": item, "category": "Bags"} for item in [*ITEMS, "b", "c"]]
        writer.write("items", pd.DataFrame([*rows, {"item_id": "blank", "title": " ", "category": "Bags"}]))
    return RunStore(workspace)


def saved(store, model, hits, *, split="s", relevant=None):
    wanted = relevant or [[*ITEMS, "gone", "blank"], ["found"]]
    rows = pd.DataFrame({"query_id": ["q1", "q2"], "hits": hits, "relevant": wanted})
    run = new_run("search", model, config={}, data_hash="d", split=split, seed=1, eligibility="all")
    return store.save(run, rows), rows


def stages(found):
    return dict(zip(found.pairs["item_id"] + found.pairs["query_id"], found.pairs["stage"], strict=True))


def test_each_wanted_item_has_its_stage(store):
    saved(store, "bm25", [["b", "pushed", "c", "dropped"], ["found"]])
    saved(store, "dense", [["pushed"], []])
    run, rows = saved(store, "hybrid", [["found", "b", "c", "low", "pushed"], ["b", "found"]])
    found = leak_map(store, run.id, 2)
    assert stages(found) == {
        "foundq1": "found",
        "lowq1": "below",
        "droppedq1": "not taken",
        "pushedq1": "demoted",
        "missedq1": "no candidate",
        "goneq1": "absent",
        "blankq1": "unknown",
        "foundq2": "found",
    }
    assert list(found.counts) == list(STAGES) and sum(found.counts.values()) == 8
    assert found.recall == pytest.approx(aggregate("search", rows, ["recall@2"])["recall@2"])
    pushed = found.pairs.set_index(["query_id", "item_id"]).loc[("q1", "pushed")]
    assert (pushed["source"], pushed["source_rank"], pushed["rank"]) == ("dense", 1, 5)
    assert found.by_source.to_dict() == {"dense": 1, "bm25": 1}


def test_sources_of_another_split_are_not_asked(store):
    saved(store, "bm25", [["dropped"], []], split="another")
    run, _ = saved(store, "hybrid", [["found"], ["found"]])
    found = leak_map(store, run.id, 10)
    assert found.sources == () and stages(found)["droppedq1"] == "no candidate"


def test_rows_without_anything_wanted_count_in_recall(store):
    run, rows = saved(store, "hybrid", [["found"], ["found"]], relevant=[["found"], []])
    assert leak_map(store, run.id, 5).recall == aggregate("search", rows, ["recall@5"])["recall@5"] == 0.5


def test_what_has_no_leak_map_is_said(store):
    run, _ = saved(store, "hybrid", [["found"], []])
    with pytest.raises(SettingsError, match="no leak map of search at K = 0"):
        leak_map(store, run.id, 0)


def test_a_damaged_run_is_named(store):
    saved(store, "bm25", [["b"], ["found"]])
    run, _ = saved(store, "hybrid", [["b"], ["found"]])
    (store.folder(run.id) / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(WorkspaceError, match=f"Run {run.id} is damaged"):
        leak_map(store, run.id, 2)


def test_of_a_ranking_what_is_no_candidate_is_told_so(store):
    rows = pd.DataFrame({"list_id": ["l1"], "hits": [["found", "low"]], "relevant": [["found", "not a candidate 1"]]})
    run = new_run("rank", "m", config={}, data_hash="d", split="s", seed=1, eligibility="all")
    store.save(run, rows.assign(scores=[[0.9, 0.1]]))
    assert leak_map(store, run.id, 1).pairs["stage"].tolist() == ["found", "no candidate"]
