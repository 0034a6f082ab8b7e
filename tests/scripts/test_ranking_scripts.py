from __future__ import annotations

import pandas as pd
import pytest

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, DataError, NotBuiltError, SettingsError
from engine.ranking.cache import KIND
from engine.ranking.config import load_config
from engine.ranking.logs import logged
from engine.ranking.predictions import predictions, save_predictions
from engine.ranking.serving import open_ranker
from engine.ranking.source import open_source, reopen
from engine.ranking.tuning import last_searches, search_history, with_tuned
from engine.workspace import find_workspace, new_workspace
from scripts import rank, run_ranking, train_ranker, tune_ranker
from tests.given import write_config, write_given
from tests.recommended import build

TUNING = (
    *("--set", "tuning.members=lightgbm", "--set", "tuning.trials=3"),
    *("--set", "tuning.spaces.lightgbm.leaves.low=4", "--set", "tuning.spaces.lightgbm.leaves.high=16"),
)
HOSTILE = '=HYPERLINK("x")'


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A home in which the whole was run on given lists, the arguments it was run with, and what it said."""
    folder = tmp_path_factory.mktemp("given")
    path = write_given(folder)
    table = pd.read_parquet(path)
    table.loc[table["item"] == "i003", "item"] = HOSTILE
    table.to_parquet(path, index=False)
    arguments = ["--workspace", "results", "--config", str(write_config(folder, path)), *TUNING]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFWISE_HOME", str(folder / "home"))
        assert run_ranking.main(arguments) == 0
    return folder / "home", arguments


@pytest.fixture
def ran(given, monkeypatch):
    home, arguments = given
    monkeypatch.setenv("SHELFWISE_HOME", str(home))
    return find_workspace(home, "results"), arguments


def test_one_command_writes_predictions_pictures_and_a_log(ran):
    workspace, _ = ran
    folder = workspace.path / "ranking"
    assert {path.name for path in folder.iterdir()} == {
        "predictions.csv",
        "predictions.parquet",
        "plots",
        "ranking.log",
    }
    drawn = {path.stem for path in (folder / "plots").iterdir()}
    assert drawn == {
        *("class_balance", "calibration", "comparison", "importance", "learning_curves"),
        *("shap_lightgbm", "shap_xgboost", "study_lightgbm"),
    }
    said = (folder / "ranking.log").read_text(encoding="utf-8")
    assert "lightgbm: learning from 72 lists" in said and "transformer is left out" in said and "picture" in said


def test_predictions_are_what_serves_and_no_formulas(ran):
    workspace, _ = ran
    frame = pd.read_parquet(workspace.path / "ranking" / "predictions.parquet")
    served = open_ranker(workspace)
    test = reopen(workspace, served.card).prepared.test
    assert len(frame) == len(test.items) and frame["wanted"].sum() == test.known.sum()
    first = frame[frame["list_id"] == test.list_ids[0]]
    assert first["place"].tolist() == list(range(1, 9)) and first["score"].is_monotonic_decreasing
    parts = frame[[f"{name} part" for name in served.ensemble.active]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(frame["score"].to_numpy())
    assert frame["probability"].between(0, 1).all()
    assert (frame["item_id"] == HOSTILE).any()
    text = (workspace.path / "ranking" / "predictions.csv").read_text(encoding="utf-8-sig")
    assert "'=HYPERLINK" in text and "\n=HYPERLINK" not in text and ",=HYPERLINK" not in text and ',"=' not in text
    assert predictions(served, test, top=2)["place"].max() == 2
    with pytest.raises(SettingsError, match="'xlsx' is no format of predictions"):
        save_predictions(frame, workspace.path, "x", ["xlsx"])


def test_again_it_takes_what_is_there(ran, capsys):
    workspace, arguments = ran
    before = ArtifactStore(workspace).versions(KIND, "ensemble")
    assert run_ranking.main([*arguments, "--set", "output.plots=,"]) == 0
    said = capsys.readouterr().out
    assert ArtifactStore(workspace).versions(KIND, "ensemble") == before
    assert "Tuned    lightgbm" in said and "ensemble against popularity: NDCG@10" in said
    assert "transformer  left out: it reads what users did before" in said


def test_what_tuning_found_is_kept_and_taken(ran, capsys):
    workspace, arguments = ran
    assert tune_ranker.main([*arguments, "--set", "tuning.trials=4"]) == 0
    assert "4 trials" in capsys.readouterr().out
    found = last_searches(workspace)["lightgbm"]
    history = search_history(workspace, "lightgbm")
    assert len(history) == 4 and found["value"] == pytest.approx(history["best"].iloc[-1])
    config = load_config(None, [])
    source = reopen(workspace, open_ranker(workspace).card)
    assert with_tuned(workspace, config, source).of("lightgbm").leaves == found["settings"]["leaves"] <= 16
    assert train_ranker.main([*arguments, "--model", "lightgbm", "--tuned"]) == 0
    assert "lightgbm against popularity" in capsys.readouterr().out
    assert open_ranker(workspace, "lightgbm").card.config["settings"] == found["settings"]
    with pytest.raises(NotBuiltError, match=r"tune_ranker\.py --workspace results --model xgboost"):
        search_history(workspace, "xgboost")


def test_other_lists_are_ranked_with_or_without_answers(ran, tmp_path, capsys):
    path = write_given(tmp_path, 5, seed=3)
    assert rank.main(["--workspace", "results", "--lists", str(path), "--output", str(tmp_path), "--top", "3"]) == 0
    assert "5 lists, 15 candidates, by ensemble" in capsys.readouterr().out
    table = pd.read_parquet(path)
    table.drop(columns="y").to_parquet(path)
    same = ["--workspace", "results", "--model", "xgboost", "--lists", str(path), "--output", str(tmp_path)]
    assert rank.main([*same, "--unanswered", "--format", "csv"]) == 0
    assert "wanted" not in pd.read_csv(tmp_path / "predictions.csv").columns
    assert rank.main(same) == 2
    assert "'y'" in capsys.readouterr().err
    table.rename(columns={"hour": "minute"}).to_parquet(path)
    assert rank.main(same) == 2
    assert "hour missing; minute not known to it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "extra", "said"),
    [
        (train_ranker, ["--model", "lightgmb"], "no ranker named 'lightgmb'; did you mean 'lightgbm'"),
        (train_ranker, ["--set", "smote.hwo=none"], "setting of smote (--set) named 'hwo'; did you mean 'how'"),
        (train_ranker, ["--set", "smote"], "--set is 'smote'; give a key and its value"),
        (tune_ranker, ["--model", "xgboost"], "no tuning.spaces.xgboost"),
        (tune_ranker, ["--set", "tuning.members=,"], "Nothing to tune"),
        (run_ranking, ["--set", "data.lists=nowhere.parquet"], "nowhere.parquet"),
        (run_ranking, ["--set", "logging.file=../x.log"], "give a file's name without a folder"),
        (train_ranker, ["--config", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
    ],
)
def test_bad_input_is_named(ran, capsys, script, extra, said):
    _, arguments = ran
    assert script.main([*arguments, *extra]) == 2
    assert said in capsys.readouterr().err


def test_a_log_takes_what_is_said_meanwhile_only(tmp_path):
    import logging

    config = load_config().logging
    with logged(tmp_path / "a", config) as path:
        logging.getLogger("engine.ranking").info("inside")
        logging.getLogger("engine.ranking").debug("too quiet")
    logging.getLogger("engine.ranking").info("after")
    assert path.read_text(encoding="utf-8").count("\n") == 1 and "INFO inside" in path.read_text(encoding="utf-8")


def test_damaged_searches_are_named(ran):
    workspace, _ = ran
    file = workspace.path / "tuning" / "ranking.json"
    before = file.read_text()
    for text in ("{", "[]", '{"lightgbm": 3}'):
        file.write_text(text)
        with pytest.raises(ArtifactError, match=r"ranking\.json can't be read"):
            last_searches(workspace)
    file.write_text(before)


def test_users_of_a_workspace_are_ranked_as_of_now(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHELFWISE_HOME", str(tmp_path))
    build(tmp_path, "demo")
    small = ["preprocessing.sources=item_knn,popular,recent", "preprocessing.windows=2", "preprocessing.vectors=none"]
    small += ["ensemble.members=lightgbm", "models.lightgbm.rounds=5", "models.lightgbm.least=5"]
    sets = [part for one in small for part in ("--set", one)]
    assert train_ranker.main(sets) == 0
    assert "ensemble against recommend: NDCG@10" in capsys.readouterr().out
    assert rank.main(["--users", "U-00,U-01", "--output", str(tmp_path / "out"), "--top", "4"]) == 0
    frame = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert frame["user_id"].tolist() == ["U-00"] * 4 + ["U-01"] * 4 and "wanted" not in frame
    assert rank.main(["--users", "U-0x", "--output", str(tmp_path / "out")]) == 2
    assert "no user with events named 'U-0x'; did you mean 'U-" in capsys.readouterr().err


def test_a_workspace_without_events_says_what_to_do(tmp_path):
    config = load_config()
    with pytest.raises(DataError, match=r"no items .*import_data\.py"):
        open_source(new_workspace(tmp_path, "empty"), config)
