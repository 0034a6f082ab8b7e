"""What reaches a real MLflow server, and what its absence costs."""

import json
import logging
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient

from engine import tracking_place
from engine.artifacts import ArtifactStore, Card, new_version
from engine.recording import record_model
from engine.runs import RunStore, new_run
from engine.settings import keep_mlflow_quick
from engine.tracking import log_files, log_run, register, tracking_address
from engine.versions import Versions
from engine.workspace import new_workspace

POSTGRES = os.environ.get("SHELFWISE_TEST_POSTGRES")
FIGURES = {"ndcg@10": 0.25, "coverage@5": 0.5}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, tmp_path_factory):
    """The address of MLflow's own server, over each kind of store; a PostgreSQL is asked for by the environment."""
    folder = tmp_path_factory.mktemp("mlflow")
    if request.param == "postgresql" and not POSTGRES:
        pytest.skip("SHELFWISE_TEST_POSTGRES names no database to test on")
    store = f"sqlite:///{folder}/mlflow.db" if request.param == "sqlite" else empty_database()
    address = f"http://127.0.0.1:{(port := free_port())}"
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", store]
    options += ["--artifacts-destination", str(folder / "files")]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "mlflow", "server", *options]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(address, process, folder / "log")
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def empty_database() -> str:
    import sqlalchemy

    url = sqlalchemy.make_url(POSTGRES).set(drivername="postgresql+psycopg")
    name = f"mlflow_{uuid.uuid4().hex[:12]}"
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


def wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(f"{address}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(autouse=True)
def rested(monkeypatch):
    monkeypatch.setattr(tracking_place, "_resting", {})
    monkeypatch.setattr(tracking_place, "LIMIT", 60.0)  # where processors are busy


@pytest.fixture
def shop(tmp_path):
    """A workspace whose name MLflow's registry can't take as it is."""
    return new_workspace(tmp_path, f"my shop {uuid.uuid4().hex[:6]}: 2")


def trained(workspace, *, record=record_model, **options):
    card = Card("recommenders", "als", new_version(), {"factors": 32}, "d1", "time s1", 7, {"valid_ndcg@10": 0.3})
    return record(workspace, card, lambda folder: (folder / "weights.bin").write_bytes(b"x" * 100), **options)


def kept(workspace, card, write):
    return ArtifactStore(workspace).save(card, write)


def measured(workspace):
    return new_run("search", "bm25", config={"k1": 1.2}, data_hash="d1", split="s1", seed=7, eligibility="all")


def test_a_run_reaches_the_server_with_its_values_figures_data_and_file(server, shop, monkeypatch, caplog, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    run = measured(shop)
    folder = shop.path / "runs" / run.id
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    with caplog.at_level(logging.INFO):
        logged = log_run(shop, run, {**FIGURES, "auc": float("nan")})
    assert caplog.records == [] and capfd.readouterr() == ("", "")
    client = MlflowClient(tracking_uri=server)
    found = client.get_run(logged)
    assert client.get_experiment(found.info.experiment_id).name == f"{shop.name}/search"
    assert {"model": "bm25", "seed": "7", "k1": "1.2"}.items() <= found.data.params.items()
    assert {"ndcg_at_10": 0.25, "coverage_at_5": 0.5}.items() <= found.data.metrics.items()
    assert {"run": run.id, "data_hash": "d1", "workspace": shop.name}.items() <= found.data.tags.items()
    assert [file.path for file in client.list_artifacts(logged)] == ["run.json"]
    assert not (shop.path / "mlflow.db").exists() and tracking_address(shop) == server


def test_what_serves_is_current_in_the_registry(server, shop, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    first, second = trained(shop), trained(shop)
    client, model = (
        MlflowClient(tracking_uri=server),
        f"{shop.name.replace(' ', '_').replace(':', '')}.recommenders.als",
    )
    model = model.replace("__", "_")
    current = client.get_model_version_by_alias(model, "current")
    assert (current.version, current.tags["version"]) == ("2", second.version)
    run = client.get_run(current.run_id)
    assert run.data.metrics == {"valid_ndcg_at_10": 0.3} and run.data.params["factors"] == "32"
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["card.json"]
    Versions(shop).promote("recommenders", "als", first.version, reason="the newer one is worse", who="Ana")
    current = client.get_model_version_by_alias(model, "current")
    assert (current.version, current.tags["who"], current.tags["reason"]) == ("1", "Ana", "the newer one is worse")
    waiting = trained(shop, serve=False)
    assert len(client.search_model_versions(f"name = '{model}'")) == 2
    (tmp_path / "report.md").write_text("# Better")
    report = [tmp_path / "report.md", tmp_path / "no.png"]
    assert log_files(shop, "recommenders", "als", waiting.version, report)
    entered = register(shop, "recommenders", "als", waiting.version, metrics={"ndcg@10": 0.4}, tags={"why": "better"})
    assert entered == f"{model}/3" == register(shop, "recommenders", "als", waiting.version)
    run = client.get_run(client.get_model_version(model, "3").run_id)
    assert run.data.metrics["ndcg_at_10"] == 0.4
    assert sorted(file.path for file in client.list_artifacts(run.info.run_id)) == ["card.json", "report.md"]


def test_a_version_from_before_the_server_is_logged_when_it_is_registered(server, shop, monkeypatch, caplog):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    card = trained(shop, record=kept)
    assert register(shop, "recommenders", "als", card.version) is None  # there is no registry without a server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert register(shop, "recommenders", "als", card.version).endswith(".recommenders.als/1")
    assert register(shop, "recommenders", "als", "20990101-000000-000000") is None
    assert "can't be read" in caplog.text and "serves, but MLflow has not logged it" in caplog.text


def test_a_server_that_is_gone_is_asked_once_and_costs_nothing(shop, monkeypatch, caplog):
    asked = []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ana:secret@127.0.0.1:{free_port()}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(tracking_place, "_client", lambda *given: asked.append(1) or real_client(*given))
    with caplog.at_level(logging.WARNING, logger="engine.tracking"):
        cards = [trained(shop) for _ in range(3)]
        assert log_run(shop, measured(shop), FIGURES) is None
    assert ArtifactStore(shop).versions("recommenders", "als") == [card.version for card in cards]
    assert len(asked) == 1 and len(caplog.records) == 1
    said = caplog.records[0].getMessage()
    assert "is kept, but MLflow has not logged it" in said and "for 60 s" in said and "secret" not in said


real_client = tracking_place._client


def test_a_server_that_never_ends_its_answer_is_left(shop, monkeypatch, caplog):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=trickle, args=(listening,), daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setattr(tracking_place, "LIMIT", 1.0)
        with caplog.at_level(logging.WARNING, logger="engine.tracking"):
            assert log_run(shop, measured(shop), FIGURES) is None
        assert "TimeoutError: no end after 1 s" in caplog.text
    time.sleep(0.3)  # its thread ends with the connection


def trickle(listening: socket.socket) -> None:
    """Answer the first request with one more header every tenth of a second, until nobody listens."""
    try:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while listening.fileno() >= 0:
                connection.sendall(b"X-Wait: 1\r\n")
                time.sleep(0.1)
    except OSError:
        return


def test_requests_take_seconds_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    keep_mlflow_quick()
    assert (os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"], os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) == ("30", "1")


def test_an_evaluation_is_in_the_workspace_whatever_the_server_does(shop, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    run = measured(shop)
    assert log_run(shop, run, FIGURES) is None
    assert json.dumps(RunStore(shop).damaged()) == "{}"
