"""A retraining from the data to what serves, killed and gone on with at each step."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from recommended import BAGS, SHOES, build
from told import NOW, event, tell

from engine.artifacts import ArtifactStore
from engine.atomic import sha256
from engine.errors import DataError, StorageError, UnknownNameError
from engine.recommending.training import KIND, PIPELINE
from engine.retraining.config import STEPS
from engine.retraining.folder import LAST, RunFolder
from engine.retraining.job import Asked, retrain
from engine.retraining.reference import reference_file
from engine.retraining.steps import WORK
from engine.runs import RunStore
from engine.settings import PROJECT
from engine.versions import Versions
from engine.workspace import Workspace

SETTINGS = {"seed": 1, "trials": 3}
ASKED = Asked(now=NOW)


def go(shop, asked=ASKED, work=WORK, **settings):
    return retrain(Workspace.open(shop.path), {**SETTINGS, **settings}, asked, work=work)


def some_events(shop, first=0):
    tell(shop, *(event(first + n, (BAGS if n % 2 else SHOES)[n % 9], user=f"new-{n % 4}") for n in range(12)))


def serving(shop):
    return ArtifactStore(shop).serving()


def made(shop):
    """What a retraining leaves, but for names and times: the table, the models' files, the decision."""
    store, folder = ArtifactStore(shop), shop.path / "retraining"
    versions = {name: version for (kind, name), version in serving(shop).items() if kind == KIND}
    files = {name: dict(store.card(KIND, name, version).files) for name, version in versions.items()}
    files[PIPELINE].pop("models.json")
    said = json.loads((folder / LAST).read_text())
    rows = Workspace.open(shop.path).tables["events"].sha256
    return rows, files, said["outcome"], sha256(shop.table_path("events"))


def test_a_run_brings_events_in_trains_measures_and_lets_all_serve_together(shop):
    before, runs = serving(shop), len(RunStore(shop).list())
    some_events(shop)
    state = go(shop)
    assert (state.outcome, list(state.steps)) == ("promoted", list(STEPS)) and state.finished
    assert Workspace.open(shop.path).tables["events"].rows == shop.tables["events"].rows + 12
    after = serving(shop)
    assert set(after) == set(before) and not set(after.items()) & set(before.items())
    log = Versions(shop).log()
    assert {entry.name for entry in log} == {name for _, name in after} and {one.who for one in log} == {"retraining"}
    assert all("ndcg@10" in one.reason and "margin 0.005" in one.reason for one in log)
    assert len(RunStore(shop).list()) == runs + len(after)  # each model and the pipeline
    folder = shop.path / "retraining"
    assert json.loads((folder / LAST).read_text())["outcome"] == "promoted"
    report = (folder / state.id / "report.md").read_text()
    assert "12 events of the service" in report and "no worse" in report and "new-1" not in report
    assert not list(folder.glob("*/before_test")) and not list(folder.glob("*/events-*"))


def test_a_day_without_anything_new_trains_nothing(shop):
    some_events(shop)
    go(shop)
    before = serving(shop)
    state = go(shop)
    assert state.outcome == "kept" and "nothing is new" in state.words and serving(shop) == before
    assert state.steps["train"].status == "skipped"
    again = go(shop, replace(ASKED, force="train"))
    assert again.outcome == "promoted" and again.steps["train"].status == "done"
    assert go(shop, seed=2).outcome == "promoted"  # another seed gives other models


@pytest.fixture(scope="module")
def undisturbed(trained_for_days, tmp_path_factory):
    """What a run leaves that nobody disturbed."""
    shop = Workspace.open(shutil.copytree(trained_for_days, tmp_path_factory.mktemp("calm") / "demo"))
    some_events(shop)
    go(shop)
    return made(shop)


@pytest.mark.parametrize(
    ("step", "when"), [("train", "begins"), ("notify", "begins"), *((step, "ends") for step in STEPS)]
)
def test_a_run_that_is_stopped_at_a_step_goes_on_there_to_the_same_end(shop, step, when, undisturbed):
    some_events(shop)
    done = []

    def counted(name):
        def work(context):
            done.append(name)
            if name == step and when == "begins" and done.count(name) == 1:
                raise KeyboardInterrupt
            found = WORK[name](context)
            if name == step and done.count(name) == 1:
                raise KeyboardInterrupt  # it did its work, and nobody noted that it is done
            return found

        return work

    work = {name: counted(name) for name in STEPS}
    with pytest.raises(KeyboardInterrupt):
        go(shop, work=work)
    state = go(shop, work=work)
    assert state.outcome == "promoted" and made(shop) == undisturbed
    assert {name: done.count(name) for name in STEPS} == {name: 2 if name == step else 1 for name in STEPS}
    assert not list(shop.path.rglob(".tmp-*"))
    assert len(Versions(shop).log()) == len(serving(shop))
    assert all(len(ArtifactStore(shop).versions(kind, name)) == 2 for kind, name in serving(shop))


DIES = """
import os, signal, sys
from pathlib import Path
import engine.recording
engine.recording.log_run = engine.recording.log_training = lambda *arguments, **named: None
from engine.retraining.job import Asked, retrain
from engine.retraining import {module}
from engine.workspace import Workspace
real = {module}.{function}
def dies(*arguments, **named):
    found = real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
{module}.{function} = dies
from datetime import datetime
now = datetime.fromisoformat(sys.argv[2])
retrain(Workspace.open(Path(sys.argv[1])), {{"seed": 1, "trials": 3}}, Asked(now=now))
"""


@pytest.mark.parametrize(
    ("module", "function"), [("features", "fold"), ("fitting", "_keep_models"), ("promoting", "_check")]
)
def test_kill_9_amid_a_step_is_gone_on_with_to_the_same_end(shop, module, function, undisturbed):
    some_events(shop)
    script = DIES.format(module=module, function=function)
    process = subprocess.run(
        [sys.executable, "-c", script, str(shop.path), NOW.isoformat()], cwd=PROJECT, capture_output=True, text=True
    )
    assert process.returncode == -9, process.stderr
    assert go(shop).outcome == "promoted" and made(shop) == undisturbed


def test_two_at_once_are_one(shop):
    some_events(shop)
    told = []

    def second(context):
        with pytest.raises(StorageError, match="Another retraining of demo is at work"):
            go(shop)
        told.append(True)
        return WORK["validate"](context)

    assert go(shop, work={**WORK, "validate": second}).outcome == "promoted" and told
    assert len([place for place in (shop.path / "retraining").iterdir() if (place / "state.json").exists()]) == 1


def test_data_that_changes_between_two_steps_is_checked_and_learned_anew(shop):
    some_events(shop)

    def stops(context):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(shop, work={**WORK, "evaluate": stops})
    rows = Workspace.open(shop.path).read("events")
    with shop.replace_tables("csv") as writer:
        writer.write("events", rows[rows["user_id"] != "U-03"])
    state = go(shop)
    assert state.outcome == "promoted" and "validate and what follows from it was done again" in state.notes[0]
    assert "U-03" not in set(Workspace.open(shop.path).read("events")["user_id"])
    (folder,) = (place for place in (shop.path / "retraining").iterdir() if (place / "state.json").exists())
    assert (folder / "report.md").read_text().count("was done again") == 1


def test_steps_one_by_one_as_a_schedule_does_them(shop):
    some_events(shop)
    with pytest.raises(DataError, match=r"train of the retraining day-1 isn't done.*--only train"):
        go(shop, replace(ASKED, run="day-1", only="validate"))
        go(shop, replace(ASKED, run="day-1", only="features"))
        go(shop, replace(ASKED, run="day-1", only="evaluate"))
    for step in STEPS:
        state = go(shop, replace(ASKED, run="day-1", only=step))
    assert state.outcome == "promoted" and state.id == "day-1" and state.finished
    again = go(shop, replace(ASKED, run="day-1", only="train"))  # tried again, it is done
    assert again.steps["train"] == state.steps["train"]


def test_a_run_that_is_checked_again_knows_its_own_events(shop):
    some_events(shop)
    state = go(shop)
    rows = Workspace.open(shop.path).tables["events"]
    again = go(shop, replace(ASKED, run=state.id, force="validate"))
    assert Workspace.open(shop.path).tables["events"] == rows and again.steps["features"].status == "skipped"
    assert "somebody asked for it" in again.notes[0]
    assert go(shop, replace(ASKED, run=state.id, only="features")).notes == again.notes  # it is done


def test_a_step_that_fails_is_told_and_tried_again(shop):
    some_events(shop)

    def fails(context):
        raise DataError("the disk of the models is gone")

    with pytest.raises(DataError, match="is gone"):
        go(shop, work={**WORK, "train": fails})
    last = json.loads((shop.path / "retraining" / LAST).read_text())
    assert last["outcome"] == "failed" and "train failed: the disk of the models is gone" in last["words"]
    state = go(shop)
    assert state.id == last["id"] and state.outcome == "promoted" and state.steps["validate"].when


def test_an_old_unfinished_run_is_left_for_a_new_one(shop):
    def stops(context):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(shop, work={**WORK, "train": stops})
    (folder,) = (place for place in (shop.path / "retraining").iterdir() if (place / "state.json").exists())
    old = RunFolder(folder)
    earlier = (NOW - timedelta(days=1)).isoformat()
    old.save(replace(old.load(), started=earlier))
    assert go(shop).id != folder.name


def test_another_margin_only_compares_again(shop):
    some_events(shop)
    done = []

    def stops(context):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(shop, work={**WORK, "promote": stops})

    def counted(name):
        return lambda context: (done.append(name), WORK[name](context))[1]

    state = go(shop, work={name: counted(name) for name in STEPS}, margin=0.1)
    assert done == ["compare", "promote", "notify"] and "margin 0.1" in state.words


def test_names_that_cannot_be_are_refused(shop):
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        Asked(only="trian")
    with pytest.raises(DataError, match="can't name a retraining"):
        go(shop, replace(ASKED, run="../elsewhere"))


def test_old_folders_go(shop):
    for number in range(4):
        go(shop, replace(ASKED, run=f"r{number}"), keep=3)
    names = {place.parent.name for place in (shop.path / "retraining").glob("*/state.json")}
    assert names == {"r1", "r2", "r3"}


def test_a_shop_without_a_pipeline_gets_its_first(home):
    shop = build(home, "first", trained=False)
    state = go(shop)
    assert state.outcome == "promoted" and "nothing serves yet" in state.steps["compare"].words
    assert (KIND, PIPELINE) in serving(shop) and reference_file(shop).exists()


def test_what_serves_and_is_damaged_is_replaced(shop):
    version = serving(shop)[KIND, PIPELINE]
    (shop.path / "artifacts" / KIND / PIPELINE / version / "pipeline.json").write_text("{")
    state = go(shop)
    assert state.outcome == "promoted" and "can't be opened" in state.steps["compare"].words
