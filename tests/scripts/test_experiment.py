"""An experiment from its start to its end, as people run it."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter

import pytest

from engine.artifacts import ArtifactStore
from engine.recommending.training import KIND, PIPELINE, train_pipeline
from engine.serve.exposures import Exposure, write_exposures
from engine.serve.outcomes import outcomes
from engine.serve.storage import Database, Event, database_url
from engine.serve.variants import FILE, read_experiment
from engine.versions import Versions
from engine.workspace import Workspace
from scripts.experiment import main
from tests.recommended import SOURCES, build
from tests.served import ask, started


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """A shop with two versions of its pipeline, the older one serving with its models."""
    shop = build(tmp_path_factory.mktemp("twice"), "shop")
    store = ArtifactStore(shop)
    old = store.serving()
    train_pipeline(shop, SOURCES, seed=2, trials=1)
    store.promote_together(old)
    return shop.path


@pytest.fixture
def shop(twice, home):
    return Workspace.open(shutil.copytree(twice, home / "shop"))


def call(*options: str) -> int:
    return main(["--workspace", "shop", *options])


def newest(shop: Workspace) -> str:
    return ArtifactStore(shop).versions(KIND, PIPELINE)[-1]


def start(shop: Workspace, *options: str) -> int:
    return call("--start", "spring", "--variants", "control=0.5", f"new:{newest(shop)}=0.5", *options)


def test_an_experiment_starts_is_shown_and_stops(shop, capsys):
    assert start(shop, "--salt", "pepper") == 0
    told = json.loads((shop.path / FILE).read_text())
    assert told["salt"] == "pepper" and told["variants"] == [
        {"name": "control", "share": 0.5, "version": None},
        {"name": "new", "share": 0.5, "version": newest(shop)},
    ]
    started = told["started"]
    database = Database(database_url(shop.path))
    database.create()
    seen = 4_000_000_000_000_000  # after it started
    write_exposures(
        database, [Exposure("spring", f"u{n}", "new" if n % 2 else "control", "v", seen) for n in range(80)]
    )
    kinds = ["impression", "click"]
    events = [
        Event(f"{n}{kind}", f"u{n}", "bag-01", kind, seen + 1, seen) for n in range(80) for kind in kinds[: 1 + n % 2]
    ]
    write_exposures(database, [Exposure("spring", "late", "control", "v2", seen, lists=1)])
    database.add([*events, Event("t", "u1", "bag-01", "transaction", seen + 1, seen, price=2.5, quantity=2)])
    database.close()
    capsys.readouterr()
    assert call("--show") == call("--show", "spring") == call() == 0
    said = capsys.readouterr().out
    assert said.count(f"Experiment spring, from {started} and runs") == 3
    assert "Users are split 41 : 40 where the shares give 40 : 40" in said
    assert "its version changed meanwhile, so it is no one thing: v (40 users), v2 (1 user)" in said
    assert "CTR               1.0000 (1.0000 to 1.0000)  40 clicks of 40 impressions" in said
    assert "revenue per user  0.1250 (too few users to tell)  5.00, 1 transactions" in said
    assert "new against control: conversion +0.0250 (-0.0631 to 0.1288): may be chance" in said
    assert call("--stop") == 0 and read_experiment(shop.path) is None
    assert "--show spring" in capsys.readouterr().out
    assert call() == call("--show", "spring") == 0
    said = capsys.readouterr().out
    assert "No experiment runs; ended: spring." in said and "Users are split 41 : 40" in said


def test_a_winner_serves_everyone_with_its_models_and_the_reason_is_kept(shop, capsys):
    store, version = ArtifactStore(shop), newest(shop)
    models = json.loads((store.open(KIND, PIPELINE, version) / "models.json").read_text())
    before = store.serving()
    start(shop)
    assert call("--stop", "--promote", "new", "--reason", "More clicks") == 0
    assert f"Version {version} of the pipeline serves everyone" in capsys.readouterr().out
    assert store.serving() == {
        **before,
        **{(KIND, name): one for name, one in models.items()},
        (KIND, PIPELINE): version,
    }
    log = {one.name: one for one in Versions(shop).log()}
    assert log[PIPELINE].reason == "More clicks" and log[PIPELINE].before == before[KIND, PIPELINE]
    assert set(log) == {*models, PIPELINE} and read_experiment(shop.path) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--start", "spring"], "go together"),
        (["--variants", "a=0.5", "b=0.5"], "go together"),
        (["--start", "spring", "--variants", "a=0.5", "b"], "is no variant"),
        (["--start", "spring", "--variants", "a=0.5", "b=0.5.1"], "is no variant"),
        (["--start", "spring", "--variants", "a=.", "b=0.5"], "is no variant"),
        (["--start", "spring", "--variants", "a=0.5", "b=0.6"], "add up to 1"),
        (["--start", "spring", "--variants", "a=0.5", "a=0.5"], "different names"),
        (["--start", "a/b", "--variants", "a=0.5", "b=0.5"], "can't name"),
        (["--start", "spring", "--salt", "", "--variants", "a=0.5", "b=0.5"], "salt"),
        (["--start", "spring", "--variants", "a=0.5", "b:20010101=0.5"], "There is no version of the pipeline"),
        (["--salt", "x"], "--salt belongs to --start"),
        (["--promote", "new", "--reason", "x"], "--promote belongs to --stop"),
        (["--stop", "--promote", "new"], "go together"),
        (["--stop", "--promote", "new", "--reason", "x"], "No experiment runs"),
        (["--stop"], "No experiment runs"),
        (["--show", "spring"], "There is no experiment named"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(shop, options, said, capsys):
    serving = ArtifactStore(shop).serving()
    assert call(*options) == 2 and said in capsys.readouterr().err
    assert ArtifactStore(shop).serving() == serving and not (shop.path / FILE).exists()


def test_a_nearly_right_version_and_variant_are_named(shop, capsys):
    version = newest(shop)
    assert call("--start", "spring", "--variants", "a=0.5", f"b:{version[:-1]}x=0.5") == 2
    assert f"did you mean '{version}'" in capsys.readouterr().err
    start(shop)
    assert call("--stop", "--promote", "nev", "--reason", "x") == 2 and "did you mean 'new'" in capsys.readouterr().err
    assert call("--stop", "--promote", "control", "--reason", "x") == 2 and read_experiment(shop.path)
    assert call("--stop", "--promote", "new", "--reason", " ") == 2 and read_experiment(shop.path)


def test_a_damaged_version_starts_no_experiment(shop, capsys):
    (shop.path / "artifacts" / KIND / PIPELINE / newest(shop) / "pipeline.json").write_text("{}")
    assert start(shop) == 2 and "damaged" in capsys.readouterr().err and not (shop.path / FILE).exists()


def test_one_experiment_at_a_time_and_a_name_once(shop, capsys):
    assert start(shop) == 0 and start(shop) == 2 and "stop it first" in capsys.readouterr().err
    assert call("--stop") == 0 and start(shop) == 2 and "another name" in capsys.readouterr().err


def test_two_processes_agree_on_variants_and_write_what_they_noted_before_they_end(shop, home):
    assert call("--start", "same", "--variants", "a=0.5", "b=0.5") == 0
    test = read_experiment(shop.path)
    process, port = started(home, "--workers", "2", "--workspace", "shop")
    try:
        users = [f"U-{n}" for n in range(60)]
        for user_id in [*users, *users]:
            status, said = ask(port, f"/recommendations/{user_id}")
            assert (status, said["variant"]) == (200, test.variant_of(user_id).name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    database = Database(database_url(shop.path))
    found = [(one.variant, one.users, one.lists) for one in outcomes(database, test).variants]
    database.close()
    split = Counter(test.variant_of(user_id).name for user_id in users)
    assert found == [(name, split[name], 2 * split[name]) for name in ("a", "b")]
