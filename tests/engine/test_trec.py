"""Runs as TREC files: other tools compute our figures from them."""

from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import pytrec_eval

from engine.errors import DataError
from engine.metrics.measures import aggregate, row_values
from engine.runs import RunStore, new_run
from engine.trec import qrel_lines, run_lines, trec_files

METRICS = {
    "recall@10": "recall_10",
    "precision@10": "P_10",
    "map": "map",
    "mrr": "recip_rank",
    "ndcg@10": "ndcg_cut_10",
}


def rows(n=60, seed=0):
    """Lists with repeats, empty ones, queries without anything relevant, ids with blanks and signs."""
    rng = np.random.default_rng(seed)
    items = [f"item {i}%" if i % 3 else f"i{i}" for i in range(30)]
    hits = [rng.choice(items, rng.integers(0, 20)).tolist() for _ in range(n)]
    relevant = [rng.choice(items, rng.integers(0, 5), replace=False).tolist() for _ in range(n)]
    grades = [rng.integers(0, 4, len(wanted)).astype(float).tolist() for wanted in relevant]
    ids = [f"q {i}" for i in range(n)]
    return pd.DataFrame({"query_id": ids, "query": ids, "hits": hits, "relevant": relevant, "gains": grades})


def parsed(lines, value):
    found = {}
    for line in lines:
        words = line.split()
        found.setdefault(words[0], {})[words[2]] = value(words)
    return found


def test_trec_eval_reads_our_figures_query_by_query():
    frame = rows()
    qrels = parsed(qrel_lines("search", frame), lambda words: int(words[3]))
    run = parsed(run_lines("search", frame, "our model"), lambda words: float(words[4]))
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(METRICS.values())).evaluate(run)
    ours = row_values("search", frame, list(METRICS))
    assert len(theirs) == len(frame)
    for line in ours.to_dict("records"):
        found = theirs[line["query_id"].replace(" ", "%20")]
        assert {name: found[name] for name in METRICS.values()} == pytest.approx(
            {theirs: line[mine] for mine, theirs in METRICS.items()}, abs=1e-9
        )


def test_ranx_reads_our_figures_from_the_files(tmp_path, ranx):
    frame = rows(seed=1)
    (tmp_path / "a.qrels").write_text("".join(qrel_lines("search", frame)))
    (tmp_path / "a.run").write_text("".join(run_lines("search", frame, "m")))
    qrels = ranx.Qrels.from_file(str(tmp_path / "a.qrels"), kind="trec")
    run = ranx.Run.from_file(str(tmp_path / "a.run"), kind="trec")
    names = ["recall@10", "precision@10", "map", "mrr", "ndcg@10"]
    theirs = ranx.evaluate(qrels, run, names)
    assert theirs == pytest.approx(aggregate("search", frame, names), abs=1e-9)


def test_lines_have_the_six_and_the_four_columns():
    frame = pd.DataFrame({"query_id": ["q"], "hits": [["a", "b", "a"]], "relevant": [["b", "c d"]]})
    assert list(run_lines("search", frame, "my model")) == [
        "q Q0 a 1 3 my%20model\n",
        "q Q0 b 2 2 my%20model\n",
        "q Q0 a%7Erepeat2 3 1 my%20model\n",
    ]
    assert list(qrel_lines("search", frame)) == ["q 0 b 1\n", "q 0 c%20d 1\n"]


def test_tags_are_lists_of_tags():
    frame = pd.DataFrame({"item_id": ["i"], "ranked": [["soft"]], "known": [["soft", "warm"]]})
    assert list(run_lines("tags", frame, "m")) == ["i Q0 soft 1 1 m\n"]
    assert list(qrel_lines("tags", frame)) == ["i 0 soft 1\n", "i 0 warm 1\n"]


def test_a_grade_that_is_no_whole_number_is_refused():
    frame = pd.DataFrame({"query_id": ["q"], "hits": [["a"]], "relevant": [["a"]], "gains": [[2.33]]})
    with pytest.raises(DataError, match=r"2\.33.*whole numbers only"):
        list(qrel_lines("search", frame))


def test_both_files_lie_in_one_archive(workspace):
    frame = rows(n=5)
    made = new_run("search", "bm25", config={}, data_hash="d", split="s", seed=0, eligibility="all")
    run = RunStore(workspace).save(made, frame)
    with ZipFile(BytesIO(trec_files(RunStore(workspace), run.id))) as archive:
        assert archive.read(f"{run.id}.run").decode() == "".join(run_lines("search", frame, "bm25"))
        assert archive.read(f"{run.id}.qrels").decode() == "".join(qrel_lines("search", frame))
