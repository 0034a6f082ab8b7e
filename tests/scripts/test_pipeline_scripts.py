"""The scripts that only the pipeline of dvc.yaml needs: tables of a demo store, and figures as files."""

import json

import pandas as pd

from engine.runs import RunStore, new_run
from engine.workspace import Workspace
from scripts import export_figures, make_demo_tables

SIZES = ["--items", "60", "--users", "20", "--reviews", "100", "--events", "100", "--queries", "5"]


def test_equal_seeds_and_sizes_give_equal_tables(home, capsys):
    for name, seed in (("one", "3"), ("two", "3"), ("three", "4")):
        assert make_demo_tables.main(["--workspace", name, "--seed", seed, *SIZES]) == 0
    assert "60 items" in capsys.readouterr().out
    made = {name: (home / name / "tables" / "reviews.parquet").read_bytes() for name in ("one", "two", "three")}
    assert made["one"] == made["two"] != made["three"]


def test_other_peoples_data_are_left_alone(workspace, items, capsys):
    with workspace.replace_tables("plain") as writer:
        writer.write("items", items)
    assert make_demo_tables.main(["--workspace", "shop", *SIZES]) == 2
    assert "holds data that isn't the demo's" in capsys.readouterr().err
    assert len(Workspace.open(workspace.path).read("items")) == len(items)


def search_run(workspace, model, ranks, eligibility="all"):
    run = new_run("search", model, config={}, data_hash="d", split="s", seed=1, eligibility=eligibility)
    items = ["a", "b", "c"]
    rows = pd.DataFrame(
        {
            "query_id": [f"q{n}" for n in range(len(ranks))],
            "query": "bag",
            "hits": [items for _ in ranks],
            "relevant": [[items[rank - 1]] for rank in ranks],
            "gains": [[1.0] for _ in ranks],
            "hit_rank": ranks,
        }
    )
    return RunStore(workspace).save(run, rows)


def test_figures_are_those_of_the_newest_comparable_runs(workspace, tmp_path, capsys):
    search_run(workspace, "bm25", [1, 1], eligibility="another rule")
    search_run(workspace, "dense", [3, 3])
    search_run(workspace, "dense", [1, 2])
    search_run(workspace, "hybrid", [1, 1])
    folder, table = tmp_path / "figures", tmp_path / "figures.csv"
    options = ["--metrics", "mrr", "recall@1", "--output", str(folder), "--table", str(table)]
    assert export_figures.main(["search", "--workspace", "shop", *options]) == 0
    assert "dense, hybrid" in capsys.readouterr().out
    found = {file.stem: json.loads(file.read_text()) for file in folder.iterdir()}
    assert found == {"dense": {"mrr": 0.75, "recall@1": 0.5}, "hybrid": {"mrr": 1.0, "recall@1": 1.0}}
    assert table.read_text().splitlines()[:2] == ["model,metric,value", "dense,mrr,0.75"]


def test_what_is_missing_is_named(workspace, tmp_path, capsys):
    assert export_figures.main(["search", "--workspace", "shop", "--output", str(tmp_path)]) == 2
    assert export_figures.main(["serch", "--workspace", "shop", "--output", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "has no run of kind search" in said and "'search'" in said
