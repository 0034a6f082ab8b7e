"""What is measured is kept once: as a run, as its table where that takes long to make, and in MLflow."""

import pandas as pd
import pytest

from engine import recording
from engine.recording import record_run
from engine.run_table import FILE
from engine.runs import RunStore, new_run

ROWS = pd.DataFrame({"query_id": list("abc"), "hits": [["x"], ["y"], []], "relevant": [["x"], ["x"], ["x"]]})


@pytest.mark.parametrize(("most", "made"), [(2, True), (3, False)])
def test_the_table_of_many_rows_is_there_before_anybody_opens_it(workspace, monkeypatch, most, made):
    logged = []
    monkeypatch.setattr(recording, "log_run", lambda *given: logged.append(given))
    monkeypatch.setattr(recording, "ROWS_AT_ONCE", most)
    run = new_run("search", "m", config={}, data_hash="d", split="s", seed=0, eligibility="all")
    assert record_run(workspace, run, ROWS) is run
    store = RunStore(workspace)
    assert (store.folder(run.id) / FILE).exists() is made
    assert logged == [(workspace, run, store.aggregate(run.id))]


def test_given_figures_are_the_ones_logged(workspace, monkeypatch):
    logged = []
    monkeypatch.setattr(recording, "log_run", lambda *given: logged.append(given[2]))
    run = new_run("search", "m", config={}, data_hash="d", split="s", seed=0, eligibility="all")
    record_run(workspace, run, ROWS, {"recall@1": 1 / 3})
    assert logged == [{"recall@1": 1 / 3}]
