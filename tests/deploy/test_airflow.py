"""The schedule of retraining: read as it stands; and run by a real Airflow, where SHELFWISE_TEST_AIRFLOW names one.

That is the folder of an environment made by deploy/airflow/requirements.txt.
"""

from __future__ import annotations

import ast
import json
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from engine.artifacts import ArtifactStore
from engine.retraining.config import STEPS
from engine.settings import PROJECT
from engine.workspace import Workspace
from scripts import retrain
from tests.recommended import build

FOLDER = PROJECT / "deploy" / "airflow"
FILE, NAME = FOLDER / "dags" / "shelfwise_retraining.py", "shelfwise_retraining"
AIRFLOW = os.environ.get("SHELFWISE_TEST_AIRFLOW")
asked_for = pytest.mark.skipif(not AIRFLOW, reason="SHELFWISE_TEST_AIRFLOW names no environment with Airflow")
LOOK = f"""
import json
from airflow.dag_processing.dagbag import DagBag
bag = DagBag({str(FILE.parent)!r})
dag = bag.dags[{NAME!r}]
print("FOUND", json.dumps({{
    "errors": bag.import_errors, "cron": dag.timetable.expression, "zone": str(dag.timezone), "catchup": dag.catchup,
    "at_once": dag.max_active_runs, "tasks": {{task.task_id: {{
        "after": sorted(task.upstream_task_ids), "rule": task.trigger_rule.value, "retries": task.retries,
        "backoff": bool(task.retry_exponential_backoff), "teardown": task.is_teardown,
        "counts": task.on_failure_fail_dagrun}} for task in dag.tasks}},
}}))
"""


@pytest.fixture(scope="module")
def tree() -> ast.Module:
    return ast.parse(FILE.read_text(encoding="utf-8"))


def constant(tree: ast.Module, name: str) -> object:
    """What a name of the file stands for."""
    values = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == name]
    return ast.literal_eval(values[0])


def test_it_runs_each_night_and_one_at_a_time(tree):
    (call,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DAG"]
    said = {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}
    assert said["schedule"] == "0 3 * * *"
    assert (said["catchup"], said["max_active_runs"]) == (False, 1)
    start = next(word.value for word in call.keywords if word.arg == "start_date")
    assert start.keywords[0].value.id == "UTC"


def test_its_steps_and_its_refusal_are_those_of_the_script(tree):
    assert constant(tree, "STEPS") == STEPS
    assert constant(tree, "REFUSED") == retrain.REFUSED


def test_its_commands_are_taken_by_the_script(tree):
    lists = [node for node in ast.walk(tree) if isinstance(node, ast.List)]
    options = next(node for node in lists if any(getattr(one, "value", "") == "--only" for one in node.elts))
    words = [one.value if isinstance(one, ast.Constant) else "x" for one in options.elts]
    taken = retrain._parser().parse_args([*words[:-1], STEPS[0]])
    assert (taken.workspace, taken.run, taken.only) == ("x", "x", STEPS[0])


def test_nothing_of_the_project_is_imported_beside_airflow(tree):
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.split(".")[0] in {"engine", "scripts", "pages"}}


def test_every_package_of_airflows_environment_is_pinned():
    lines = (FOLDER / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    wanted = [line for line in (FOLDER / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert wanted == [f"apache-airflow[postgres]=={pins['apache-airflow']}"]
    assert tuple(map(int, pins["apache-airflow"].split("."))) >= (3, 2, 2)  # older ones have known holes


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an Airflow of its own, over a home with the small shop."""
    place = tmp_path_factory.mktemp("airflow")
    build(place / "home")
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "SHELFWISE"))
        },
        "AIRFLOW_HOME": str(place / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(FILE.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SHELFWISE_PROJECT": str(PROJECT),
        "SHELFWISE_HOME": str(place / "home"),
        "SHELFWISE_THREADS": "1",
    }
    done = airflow(environment, "db", "migrate")
    assert done.returncode == 0, done.stderr
    return environment


def airflow(environment: dict[str, str], *arguments: str, program: str = "airflow") -> subprocess.CompletedProcess[str]:
    command = [str(Path(AIRFLOW or "", "bin", program)), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)


def ended(environment: dict[str, str]) -> tuple[str, dict[str, tuple[str, int]], str]:
    """How the newest run of the schedule ended: its state, that and the tries of each task, and its name."""
    with sqlite3.connect(f"file:{environment['AIRFLOW_HOME']}/airflow.db?mode=ro", uri=True) as database:
        name, state = database.execute("SELECT run_id, state FROM dag_run ORDER BY id DESC").fetchone()
        tasks = database.execute("SELECT task_id, state, try_number FROM task_instance WHERE run_id = ?", [name])
        return state, {task: (state, tries) for task, state, tries in tasks}, name


@asked_for
@pytest.mark.timeout(1800)
def test_airflow_takes_it_for_what_it_is(night):
    done = airflow(night, "-c", LOOK, program="python")
    assert "FOUND" in done.stdout, done.stderr
    found = json.loads(done.stdout.split("FOUND", 1)[1])
    assert (found["errors"], found["cron"], found["zone"]) == ({}, "0 3 * * *", "UTC")
    assert (found["catchup"], found["at_once"]) == (False, 1)
    tasks = found["tasks"]
    before = dict(zip(STEPS[1:-1], STEPS, strict=False))
    assert {step: task["after"] for step, task in tasks.items() if step in before} == {
        step: [one] for step, one in before.items()
    }
    assert tasks["notify"]["after"] == sorted(STEPS[:-1]) and tasks["validate"]["after"] == []
    assert tasks["notify"]["teardown"] and not tasks["notify"]["counts"]
    assert tasks["notify"]["rule"] == "all_done_setup_success"
    assert all(task["retries"] == 2 and task["backoff"] for task in tasks.values())


@asked_for
@pytest.mark.timeout(1800)
def test_a_good_night_ends_with_models_that_serve_and_a_bad_one_is_refused_and_told(night):
    home = Path(night["SHELFWISE_HOME"])
    workspace = Workspace.open(home / "demo")
    before = ArtifactStore(workspace).serving()
    done = airflow(night, "dags", "test", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    state, tasks, name = ended(night)
    assert (state, tasks) == ("success", dict.fromkeys(STEPS, ("success", 1)))
    assert ArtifactStore(workspace).serving() != before
    assert (workspace.path / "retraining" / name / "report.md").is_file()

    items, events = workspace.read("items"), workspace.read("events")
    with workspace.replace_tables("a bad night") as writer:
        writer.write("items", items)
        writer.write("events", events.head(len(events) // 4))
    good = ArtifactStore(workspace).serving()
    assert airflow(night, "dags", "test", NAME).returncode != 0
    state, tasks, name = ended(night)
    assert state == "failed"
    assert tasks["validate"] == ("failed", 1) and tasks["notify"] == ("success", 1)
    assert {tasks[step] for step in STEPS[1:-1]} == {("upstream_failed", 0)}
    assert ArtifactStore(workspace).serving() == good
    last = json.loads((workspace.path / "retraining" / "LAST.json").read_text())
    assert (last["id"], last["outcome"]) == (name, "refused")
