"""The ranking lab's engine: figures equal their rows, weights tried, decisions taken apart, lists worth a look."""

import json
import shutil

import numpy as np
import pytest

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, NotBuiltError, UnknownNameError
from engine.metrics.measures import aggregate
from engine.rank.seen import seen_values
from engine.rank.swaps import feature_swaps
from engine.ranking.cache import ENSEMBLE, KIND
from engine.ranking.decisions import BASE, history
from engine.ranking.lab import feature_rows
from engine.ranking.lines import BINS, better_words, reliability_of
from engine.ranking.list_table import PRESETS, find_lists
from engine.ranking.opening import lab_version, open_lab
from engine.runs import RunStore
from engine.workspace import Workspace
from tests.recommended import BAGS


@pytest.fixture(scope="module")
def workspace(ranked_home):
    return Workspace.open(ranked_home / "demo")


@pytest.fixture(scope="module")
def opening(workspace):
    return open_lab(workspace)


@pytest.fixture(scope="module")
def lab(opening):
    return opening.lab


def test_figures_are_those_of_the_runs_and_of_the_rows(workspace, opening, lab):
    runs = opening.card.config["runs"] | {ENSEMBLE: opening.card.config["run"]}
    lines = {line.name: line for line in lab.lines()}
    assert set(lines) == {ENSEMBLE, "lightgbm", "xgboost", BASE}
    for name, run in runs.items():
        measured = RunStore(workspace).aggregate(run, ["ndcg@5", "auc", "log_loss", "ece"])
        for metric, value in measured.items():
            found = lines[name].figures[metric]
            assert found.value == pytest.approx(value) and found.low <= found.value <= found.high
        assert lab.table[f"{name} ndcg@5"].mean() == pytest.approx(measured["ndcg@5"])
        assert aggregate("rank", lab.rows[name], ["ndcg@5"])["ndcg@5"] == pytest.approx(measured["ndcg@5"])
    assert "log_loss" not in lines[BASE].figures and "auc" in lines[BASE].figures
    assert lines[ENSEMBLE].beside[BASE].a == pytest.approx(lines[BASE].figures["ndcg@5"].value)
    assert BASE not in lines[BASE].beside


def test_it_says_what_train_held_and_how_long_a_candidate_takes(opening):
    assert opening.balance.before == opening.balance.after
    assert opening.balance.before.total == len(opening.train.items)
    assert opening.balance.before.wanted == opening.train.known.sum()
    assert set(opening.micros) == {ENSEMBLE, "lightgbm", "xgboost"} and min(opening.micros.values()) > 0
    assert opening.current and opening.lab.baseline == "recommend" and not opening.missing


def test_reliability_adds_up_to_the_candidates(lab):
    bins = reliability_of(lab.rows[ENSEMBLE])
    assert len(bins) <= BINS and sum(one.n for one in bins) == len(lab.lists.items)
    assert sum(one.wanted * one.n for one in bins) == pytest.approx(lab.lists.known.sum())
    assert [one.said for one in bins] == sorted(one.said for one in bins)
    assert all(one.low - 1e-12 <= one.said <= one.high + 1e-12 for one in bins)


def test_other_weights_are_measured_against_those_that_serve(lab):
    served = lab.panel.weights
    assert all(found.difference == pytest.approx(0, abs=1e-9) for found in lab.tried(served).values())
    assert lab.moved(served).empty
    alone = {"lightgbm": 0.0, "xgboost": 1.0}
    found = lab.tried(alone)["ndcg@5"]
    assert found.b == pytest.approx(lab.table["xgboost ndcg@5"].mean())
    moved = lab.moved(alone)
    assert len(moved) == found.wins + found.losses
    assert moved["change"].sum() / len(lab.lists) == pytest.approx(found.difference)


def test_a_decision_adds_up_and_has_the_candidates_in_order(lab):
    list_id = str(lab.lists.list_ids[3])
    found = lab.decision(list_id)
    rows = found.candidates
    assert rows["place"].tolist() == list(range(1, len(rows) + 1))
    assert rows["score"].is_monotonic_decreasing
    parts = rows[["lightgbm part", "xgboost part"]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(rows["score"].to_numpy())
    for name in ("lightgbm", "xgboost", BASE):
        assert sorted(rows[f"{name} place"]) == rows["place"].tolist()
    first = rows.loc[rows["wanted"], "place"].min()
    assert first == lab.table[f"{ENSEMBLE} place"].iloc[3]
    row = found.row(rows["item_id"].iloc[4])
    told = lab.explained(found.one, row)
    assert set(told) == {"lightgbm", "xgboost"} and set(told["xgboost"]) <= set(found.one.names)
    past = history(found.one)
    assert past["timestamp"].is_monotonic_decreasing and len(past) == found.one.histories.sizes[0]
    assert past["timestamp"].max() < lab.table["moment"].iloc[3]
    with pytest.raises(UnknownNameError, match="no candidate named 'bag-0x'; did you mean 'bag-"):
        found.row("bag-0x")
    with pytest.raises(UnknownNameError, match="did you mean 'test 2024"):
        lab.decision(list_id + "x")


def test_a_smallest_change_is_found_on_real_members(lab, opening):
    one = lab.decision(str(lab.lists.list_ids[0])).one
    order = one.ordered(lab.panel.scores(one))
    found = feature_swaps(lab.panel, one, int(order[0]), int(order[1]), seen_values(opening.train))
    assert found and found[0].lead > 0 and 0 < found[0].size <= 1


def test_presets_find_what_they_say(lab):
    table = lab.table
    gain = table[f"{ENSEMBLE} ndcg@5"] - table[f"{BASE} ndcg@5"]
    assert len(find_lists(table, "better")) == (gain > 0).sum()
    worse = find_lists(table, "worse")
    assert len(worse) == (gain < 0).sum() and gain[worse.index].is_monotonic_increasing
    assert (find_lists(table, "missed")[f"{ENSEMBLE} place"] > 5).all()
    assert (find_lists(table, "lost")["found"] == 0).all()
    least = find_lists(table, "disagree")
    assert 0 < len(least) < len(table) / 2 and least["agreement"].iloc[0] == table["agreement"].min()
    assert (find_lists(table, "one knew")[f"{ENSEMBLE} place"] > 1).all()
    assert len(PRESETS) == 6
    with pytest.raises(UnknownNameError, match="no question named 'beter'; did you mean 'better'"):
        find_lists(table, "beter")


def test_users_and_features_are_found_by_name(lab):
    assert lab.lists_of("U-00") == [lab.lists.list_ids[list(lab.lists.users).index("U-00")]]
    with pytest.raises(UnknownNameError, match="user with a list of test named 'U-0x'"):
        lab.lists_of("U-0x")
    rows = feature_rows(lab, "item_price", ["lightgbm"], most=100)
    assert 0 < len(rows) <= 100 and set(rows.loc[rows["item_id"].isin(BAGS), "value"]) <= {10.0 + n for n in range(12)}
    with pytest.raises(UnknownNameError, match="did you mean 'item_price'"):
        feature_rows(lab, "item_pric", [], most=10)
    with pytest.raises(UnknownNameError, match="no ranker named 'xgbost'; did you mean 'xgboost'"):
        lab.chances("xgbost")


def test_differences_of_losses_count_the_other_way(lab):
    found = lab.tried({"lightgbm": 1.0, "xgboost": 0.0})["log_loss"]
    assert f"{found.losses} lists better, {found.wins} worse" in better_words(found, "log_loss")


def test_what_is_missing_or_damaged_says_so(workspace, tmp_path):
    with pytest.raises(NotBuiltError, match=r"train_ranker\.py --workspace bare --model ensemble"):
        lab_version(Workspace.create(tmp_path / "bare"))
    shutil.copytree(workspace.path, tmp_path / "demo")
    copy = Workspace.open(tmp_path / "demo")
    store = ArtifactStore(copy)
    folder = copy.path / "artifacts" / KIND / ENSEMBLE / store.current(KIND, ENSEMBLE, command="")
    card = folder / "card.json"
    said = json.loads(card.read_text())
    said["config"]["ranking"]["smote"]["hwo"] = "none"
    card.write_text(json.dumps(said))
    with pytest.raises(ArtifactError, match=r"can't be read any more .*hwo.*train it again"):
        open_lab(copy)
    shutil.rmtree(copy.path / "artifacts" / "rankings")
    del said["config"]["ranking"]["smote"]["hwo"]
    card.write_text(json.dumps(said))
    with pytest.raises(ArtifactError, match="lists that ensemble was measured on can't be read"):
        open_lab(copy)


def test_it_is_outdated_once_the_tables_change(workspace, tmp_path):
    shutil.copytree(workspace.path, tmp_path / "demo")
    copy = Workspace.open(tmp_path / "demo")
    with copy.replace_tables("test") as writer:
        writer.write("items", copy.read("items"))
        writer.write("events", copy.read("events").iloc[:-1])
    assert not open_lab(copy).current


def test_lists_are_kept_where_something_was_wanted(lab):
    assert (lab.lists.sought > 0).all() and np.isfinite(lab.total).all()
