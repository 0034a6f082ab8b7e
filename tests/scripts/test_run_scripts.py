"""The scripts that compare and export runs."""

import pandas as pd
import pytest

from engine.runs import RunStore, new_run
from scripts import compare_runs, export_run


@pytest.fixture
def runs(workspace):
    store = RunStore(workspace)
    made = []
    for model, hits in (("bm25", [["x", "a"], ["=b"], []]), ("dense", [["a"], ["=b"], ["c"]])):
        rows = pd.DataFrame({"query_id": ["q1", "q2", "q3"], "hits": hits, "relevant": [["a"], ["=b"], ["c"]]})
        run = new_run("search", model, config={}, data_hash="d", split="s", seed=1, eligibility="all")
        made.append(store.save(run, rows).id)
    return made


def test_compare_prints_each_metric_with_its_verdict(runs, capsys):
    assert compare_runs.main(["--workspace", "shop", *runs, "--metrics", "mrr,recall@10"]) == 0
    said = capsys.readouterr().out
    assert f"dense ({runs[1]}) beside bm25 ({runs[0]})" in said
    assert "mrr             0.5000  1.0000  +0.500" in said and "2 queries better, 0 worse; p 0." in said


def test_compare_names_the_nearest_run(runs, capsys):
    assert compare_runs.main(["--workspace", "shop", runs[0], runs[1][:-1] + "x"]) == 2
    assert f"did you mean '{runs[1]}'" in capsys.readouterr().err
    assert compare_runs.main(["--workspace", "shop", *runs, "--margin", "-1"]) == 2


def test_a_run_is_exported_in_three_ways(runs, tmp_path, capsys):
    prefix = str(tmp_path / "out")
    for name in ("csv", "parquet", "trec"):
        assert export_run.main(["--workspace", "shop", runs[0], "--format", name, "--out", prefix]) == 0
    assert capsys.readouterr().out.split() == [prefix + end for end in (".csv", ".parquet", ".run", ".qrels")]
    assert "'=b" in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    assert pd.read_parquet(tmp_path / "out.parquet")["query_id"].tolist() == ["q1", "q2", "q3"]
    assert (tmp_path / "out.run").read_text().splitlines()[-1] == "q3 Q0 - 1 1 bm25"
    assert (tmp_path / "out.qrels").read_text().splitlines()[1] == "q2 0 =b 1"
