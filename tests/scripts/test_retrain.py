"""Retraining as people and schedules run it: exit codes, refused days, kills, and old versions."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from recommended import BAGS, SHOES, build
from told import NOW, event, tell

from engine.artifacts import ArtifactStore
from engine.recommending.training import KIND, PIPELINE
from engine.retraining.folder import LAST
from engine.settings import PROJECT
from engine.workspace import Workspace
from scripts.retrain import main

AT = ["--now", NOW.isoformat(), "--seed", "1"]


@pytest.fixture(autouse=True)
def without_mlflow(monkeypatch):
    """Its copy of each run and model takes most of a small retraining's time, and has tests of its own."""
    for name in ("log_run", "log_training"):
        monkeypatch.setattr(f"engine.recording.{name}", lambda *arguments, **named: None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("log_run", "log_training"):
            patch.setattr(f"engine.recording.{name}", lambda *arguments, **named: None)
        return build(tmp_path_factory.mktemp("retrain")).path


@pytest.fixture
def shop(trained, home):
    return Workspace.open(shutil.copytree(trained, home / "demo"))


def last(shop):
    return json.loads((shop.path / "retraining" / LAST).read_text())


def odd_day(shop, n=400):
    """A day on which forty new people only look at one item that the catalogue doesn't hold."""
    tell(shop, *(event(k, "no-such-item", user=f"bot-{k % 40}", late=60 * k) for k in range(n)))


def test_a_run_says_what_each_step_did_and_how_it_ended(shop, capsys):
    tell(shop, event(1, BAGS[0]))
    assert main(AT) == 0
    said = capsys.readouterr().out
    assert said.rstrip().endswith(": promoted") and "1 event of the service" in said
    assert main(AT) == 0 and "nothing is new" in capsys.readouterr().out


def test_a_drifted_day_is_refused_with_a_report_and_passes_when_somebody_says_why(shop, capsys):
    assert main(AT) == 0
    before, rows = ArtifactStore(shop).serving(), shop.tables["events"]
    odd_day(shop)
    assert main(AT) == 3
    assert Workspace.open(shop.path).tables["events"] == rows and ArtifactStore(shop).serving() == before
    assert last(shop)["outcome"] == "refused" and "drift: unknown items" in last(shop)["words"]
    report = (shop.path / "retraining" / last(shop)["id"] / "report.md").read_text()
    assert (
        "no-such-item" in report
        and '--workspace demo --accept-drift "REASON"' in report
        and "| 400 |" in report
        and "bot-" not in report
    )
    assert main(AT) == 3  # it stays refused
    assert main([*AT, "--run", last(shop)["id"], "--only", "features"]) == 3
    assert main([*AT, "--accept-drift", "We import from elsewhere now"]) == 0
    accepted = (shop.path / "retraining" / last(shop)["id"] / "report.md").read_text()
    assert "We import from elsewhere now" in accepted and "accepted" in accepted
    assert main(AT) == 0  # once: it is the reference now


def test_a_schema_that_is_wrong_passes_for_nobody(shop, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = shop.table_path("events")
    table = pq.read_table(file)
    pq.write_table(table.set_column(3, "timestamp", table.column("timestamp").cast(pa.string())), file)
    assert main([*AT, "--accept-drift", "it will do"]) == 3
    assert "events: columns" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "trian"], "did you mean 'train'"),
        (
            ["--only", "compare", "--run", "x"],
            "do it first: .venv/bin/python scripts/retrain.py --workspace demo --run x",
        ),
        (["--run", "../x"], "can't name a retraining"),
        (["--margin", "2"], "margin is 2.0"),
        (["--now", "today"], "write a time such as"),
        (["--prune", "-1"], "it must be 0 or more"),
        (["--workspace", "nowhere"], "no workspace named 'nowhere'"),
    ],
)
def test_what_cannot_be_is_one_clear_sentence(shop, options, words, capsys):
    assert main([*AT, *options]) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


def test_events_stay_out_when_it_is_asked(shop):
    tell(shop, event(1, BAGS[0]))
    assert main([*AT, "--events-from", "none"]) == 0
    assert Workspace.open(shop.path).tables["events"] == shop.tables["events"]


def test_kill_9_at_any_moment_and_two_at_once(shop, home, tmp_path):
    tell(shop, *(event(n, (BAGS if n % 2 else SHOES)[n % 9]) for n in range(12)))
    command = [sys.executable, "scripts/retrain.py", *AT]
    environment = {**os.environ, "SHELFWISE_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while time.monotonic() < until and not list(home.glob("demo/retraining/*/validate.json")):
        time.sleep(0.02)
    assert main(AT) == 2  # the other one is at work
    time.sleep(random.Random(3).uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert main(AT) == 0 and last(shop)["outcome"] in ("promoted", "kept")
    rows = Workspace.open(shop.path).read("events")
    assert (rows["user_id"] == "fresh").sum() == 12
    assert len(list(home.glob("demo/retraining/*/state.json"))) == 1


def test_old_versions_go_only_when_it_is_asked_and_never_what_is_in_use(shop, capsys):
    store = ArtifactStore(shop)
    first = store.current(KIND, PIPELINE, command="")
    for number in range(3):
        tell(shop, event(number, BAGS[number]))
        assert main(AT) == 0
    assert len(store.versions(KIND, PIPELINE)) == 4
    variants = [{"name": "control", "share": 0.5, "version": None}, {"name": "old", "share": 0.5, "version": first}]
    (shop.path / "experiment.json").write_text(json.dumps({"name": "x", "variants": variants}))
    assert main(["--prune", "0"]) == 0
    assert store.versions(KIND, PIPELINE) == [first, store.current(KIND, PIPELINE, command="")]
    assert len(store.versions(KIND, "popular")) == 2 and "old versions removed" in capsys.readouterr().out
    from engine.recommending.serving import open_pipeline

    open_pipeline(shop, first)
    open_pipeline(shop)
    (shop.path / "experiment.json").write_text("{")
    assert main(["--prune", "0"]) == 2 and "nothing was removed" in capsys.readouterr().err
