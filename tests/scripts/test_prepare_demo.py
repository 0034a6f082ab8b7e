"""The script that makes the demo store: idempotent, polite to other data, and safe to kill."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from engine.ranking.opening import open_lab
from engine.ranking.second_stage import open_second_stage
from engine.recommending.people import events_of, find_users, history_of
from engine.recommending.serving import open_pipeline
from engine.runs import RunStore
from engine.searching import open_retriever
from engine.workspace import Workspace
from scripts import prepare_demo
from tests.demo_home import PROJECT, TABLES

pytestmark = pytest.mark.timeout(1200)  # making the store takes minutes where processors are busy


@pytest.fixture(scope="module")
def home(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a home whose demo store was killed twice while it was made, then finished."""
    return Path(shutil.copytree(demo_home, tmp_path_factory.mktemp("home") / "home"))


def stamps(home: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (home / "demo").rglob("*") if path.is_file()}


def test_a_killed_run_is_finished_by_the_next(home):
    workspace = Workspace.open(home / "demo")
    assert set(workspace.tables) == set(TABLES)
    assert len(workspace.read("items")) == 600
    for model in prepare_demo.TAGGERS:
        assert (workspace.path / "artifacts" / "taggers" / model / "CURRENT").exists()
    assert not list(workspace.path.glob("images/.tmp*")) and not list(workspace.path.glob("tables/.*"))


def test_search_is_built_over_it(home):
    workspace = Workspace.open(home / "demo")
    assert (workspace.path / prepare_demo.SEARCH).exists()
    retriever = open_retriever(workspace, "second_stage")
    titles = workspace.read("items").set_index("item_id")["title"]
    hits = retriever.search(["bag for a laptop"], 10).ids(retriever.item_ids)[0]
    assert len(hits) == 10 and sum("bag" in titles[item].lower() or "back" in titles[item].lower() for item in hits) > 3
    assert {run.model for run in RunStore(workspace).list("search")} >= {"popular", "bm25", "dense", "hybrid"}


def test_the_recommender_is_trained_on_it(home):
    shop, pipeline = open_pipeline(Workspace.open(home / "demo"))
    user = find_users(shop, shop.all, "warm", 1)[0]
    found = pipeline.recommend(history_of(events_of(shop.log, user), shop.config.events, user), 10)
    assert len(found.ranked.ids(pipeline.catalogue.item_ids)[0]) == 10 and not found.filled.any()


def test_an_ensemble_ranks_its_candidates(home):
    workspace = Workspace.open(home / "demo")
    shop, pipeline = open_pipeline(workspace)
    stage, user = open_second_stage(workspace, shop, pipeline), find_users(shop, shop.all, "warm", 1)[0]
    found = stage.recommend(history_of(events_of(shop.log, user), shop.config.events, user), 10)
    assert len(found.ranked.ids(pipeline.catalogue.item_ids)[0]) == 10
    lab = open_lab(workspace).lab
    lines = {line.name: line for line in lab.lines()}
    assert set(lab.scores) == {"lightgbm", "catboost", "xgboost"}
    assert lines["ensemble"].beside["baseline"].difference > 0


def test_a_complete_store_is_left_alone_and_nothing_heavy_is_imported(home):
    before = stamps(home)
    code = (
        "import sys; from scripts.prepare_demo import main; assert main(['--if-missing']) == 0; "
        "assert not {'pandas', 'numpy', 'pyarrow', 'sklearn', 'tqdm'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env={**os.environ, "SHELFWISE_HOME": str(home)}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    assert stamps(home) == before


def test_a_missing_tagger_is_trained_without_touching_the_tables(home, monkeypatch):
    (home / "demo" / "artifacts" / "taggers" / "prior" / "CURRENT").unlink()
    before = Workspace.open(home / "demo").tables
    monkeypatch.setenv("SHELFWISE_HOME", str(home))
    assert prepare_demo.main(["--if-missing"]) == 0
    assert (home / "demo" / "artifacts" / "taggers" / "prior" / "CURRENT").exists()
    assert Workspace.open(home / "demo").tables == before


def test_other_peoples_data_are_not_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHELFWISE_HOME", str(tmp_path))
    workspace = Workspace.create(tmp_path / "mine")
    with workspace.replace_tables("plain") as writer:
        writer.write("items", pd.DataFrame({"item_id": ["1"], "title": ["one"], "category": ["Bags"]}))
    assert prepare_demo.main(["--workspace", "mine", "--if-missing"]) == 0
    assert prepare_demo.main(["--workspace", "mine"]) == 2
    assert "holds data that isn't the demo's" in capsys.readouterr().err
    assert len(Workspace.open(tmp_path / "mine").read("items")) == 1


def test_a_corrupt_workspace_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHELFWISE_HOME", str(tmp_path))
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "workspace.json").write_text("{oops", encoding="utf-8")
    assert prepare_demo.main(["--if-missing"]) == 2
    assert "is corrupt" in capsys.readouterr().err
