import logging
import os
import subprocess
import sys

import pytest

from engine.runs import new_run
from engine.settings import keep_mlflow_silent
from engine.tracking import log_run, tracking_address

FIGURES = {"micro_f1": 0.5, "p@3": 0.25}


@pytest.fixture
def run():
    config = {"c": 1.0, "ngrams": [1, 2], "note": "x" * 9000, **{f"option_{n}": n for n in range(120)}}
    return new_run("tags", "linear", config=config, data_hash="d1", split="item-5", seed=7, eligibility="all")


def test_mlflow_shows_what_was_logged(workspace, run, caplog, capfd):
    with caplog.at_level(logging.INFO):
        logged = log_run(workspace, run, FIGURES)
        again = log_run(workspace, run, FIGURES)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert logged != again

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking_address(workspace), registry_uri=tracking_address(workspace))
    experiment = client.get_experiment_by_name("tags")
    assert {found.info.run_id for found in client.search_runs([experiment.experiment_id])} == {logged, again}
    found = client.get_run(logged)
    assert found.data.metrics == {"micro_f1": 0.5, "p_at_3": 0.25}
    assert found.info.status == "FINISHED"
    assert {"c": "1.0", "model": "linear", "seed": "7", "option_119": "119"}.items() <= found.data.params.items()
    assert {
        "run": run.id,
        "data_hash": "d1",
        "split": "item-5",
        "eligibility": "all",
    }.items() <= found.data.tags.items()
    assert experiment.artifact_location.startswith(workspace.path.resolve().as_uri())
    assert (workspace.path / "mlflow.db").is_file()


def test_a_failure_is_reported_and_stops_nothing(workspace, run, caplog):
    (workspace.path / "mlflow.db").write_bytes(b"this is no database" * 100)
    with caplog.at_level(logging.WARNING, logger="engine.tracking"):
        assert log_run(workspace, run, FIGURES) is None
    assert {record.name for record in caplog.records if record.levelno >= logging.WARNING} == {"engine.tracking"}
    said = [record.getMessage() for record in caplog.records if record.name == "engine.tracking"]
    assert len(said) == 1
    assert run.id in said[0]
    assert "not a database" in said[0]
    assert "mlflow.db" in said[0]


def test_mlflow_loads_only_when_a_run_is_logged():
    code = "import sys, engine.tracking; print('mlflow' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_telemetry_is_off_unless_the_environment_asks_for_it(monkeypatch):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    keep_mlflow_silent()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    keep_mlflow_silent()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
