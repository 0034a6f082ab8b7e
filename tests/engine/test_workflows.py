from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, DataError, NotBuiltError, UnknownNameError
from engine.metrics.classification import micro_f1
from engine.runs import RunStore
from engine.schema import ItemText
from engine.settings import PROJECT
from engine.tags.base import TaggedItems
from engine.tags.corpus import read_corpus
from engine.tags.labels import label_matrix
from engine.tags.linear import LinearTagger
from engine.tags.predictor import TagPredictor
from engine.tags.prior import PriorConfig
from engine.workflows import catalogue_predictions, tag_rows, tagger_report, train_tagger, trained_on
from engine.workspace import Workspace
from tests.tagged import fill, made

DATA = made(300)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    workspace = fill(Workspace.create(tmp_path_factory.mktemp("home") / "shop"), DATA)
    return workspace, train_tagger(workspace, "linear", seed=1)


@pytest.fixture(autouse=True)
def _without_mlflow(monkeypatch):
    """Logging has its own tests; here it would take most of the time."""
    monkeypatch.setattr("engine.recording.log_run", lambda *_: None)


@pytest.fixture(scope="module", autouse=True)
def _without_mlflow_in_fixtures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.recording.log_run", lambda *_: None)
        yield


def test_the_figures_are_those_of_test_and_the_prior_stands_beside(trained):
    workspace, card = trained
    report = tagger_report(workspace, card)
    assert report.run.model == "linear"
    assert report.n_items == len(trained_on(workspace, "linear")["test"])
    assert report.figures["micro_f1"] > report.baseline["micro_f1"]
    assert report.difference.difference == pytest.approx(report.figures["micro_f1"] - report.baseline["micro_f1"])
    assert report.difference.low > 0
    assert {run.model for run in RunStore(workspace).list("tags")} == {"linear", "prior"}


def test_equal_probabilities_rank_like_chance_and_not_by_name():
    items = [ItemText(str(n), "Bags", ()) for n in range(400)]
    rows = tag_rows(Constant(), TaggedItems(items, [{"a"}] * len(items)))
    assert rows["hit_rank"].mean() == pytest.approx(2.5, abs=0.2)  # four tags, "a" first by name


class Constant:
    tags = ("a", "b", "c", "d")
    thresholds = np.full(4, 0.5)

    def probabilities(self, items):
        return np.full((len(items), 4), 0.25)


def test_a_predictor_is_loaded_by_the_workspaces_name(trained, monkeypatch):
    workspace, card = trained
    monkeypatch.setenv("SHELFWISE_HOME", str(workspace.path.parent))
    assert TagPredictor.load("shop").card == card


def test_the_figure_can_be_recomputed_by_hand(trained):
    workspace, card = trained
    tagger = TagPredictor.load(workspace).tagger
    test = read_corpus(workspace).choose(trained_on(workspace, "linear")["test"])
    by_hand = micro_f1(label_matrix(test.tags, tagger.tags), tagger.probabilities(test.items) >= tagger.thresholds)
    assert tagger_report(workspace, card).figures["micro_f1"] == pytest.approx(by_hand)


def test_predictions_cover_the_catalogue_and_equal_those_of_the_model(trained):
    workspace, _ = trained
    frame, predictor = catalogue_predictions(workspace, "linear"), TagPredictor.load(workspace)
    assert list(frame) == ["item_id", "tag", "probability", "threshold"]
    assert set(frame["item_id"]) == {item.item_id for item in DATA.items}
    item = DATA.items[7]
    stored = frame[frame["item_id"] == item.item_id]
    scores = predictor.scores(item)
    assert stored["tag"].tolist() == [score.tag for score in scores]
    assert stored["probability"].tolist() == pytest.approx([score.probability for score in scores], abs=1e-5)
    assert stored["threshold"].tolist() == [score.threshold for score in scores]


def test_test_labels_change_nothing_that_is_learned(trained, tmp_path):
    workspace, card = trained
    test = set(trained_on(workspace, "linear")["test"])
    strange = [{"strange"} if item.item_id in test else tags for item, tags in zip(*_parts(DATA), strict=True)]
    other = fill(Workspace.create(tmp_path / "other"), TaggedItems(DATA.items, strange))
    again = train_tagger(other, "linear", seed=1)
    ours, theirs = TagPredictor.load(workspace).tagger, TagPredictor.load(other).tagger
    assert again.split == card.split
    assert np.array_equal(ours.thresholds, theirs.thresholds)
    assert np.array_equal(ours.probabilities(DATA.items), theirs.probabilities(DATA.items))
    assert tagger_report(other, again).figures["micro_f1"] == 0.0


def test_a_run_row_says_what_was_predicted_and_true():
    class Fixed:
        tags, thresholds = ("a", "b", "c"), np.array([0.5, 0.5, 0.5])

        def probabilities(self, items):
            return np.array([[0.2, 0.9, 0.6], [0.0, 0.2, 0.1]])[: len(items)]

    items = [ItemText("1", "Bags", ()), ItemText("2", "Bags", ())]
    first, second = tag_rows(Fixed(), TaggedItems(items, [{"c", "z"}, {"z"}])).to_dict("records")
    assert (first["predicted"], first["ranked"], first["scores"]) == (["b", "c"], ["b", "c", "a"], [0.9, 0.6, 0.2])
    assert (first["true"], first["known"], first["hit_rank"]) == (["c", "z"], ["c"], 2)
    assert (second["predicted"], second["ranked"], second["known"]) == ([], ["b", "c"], [])
    assert second["hit_rank"] is None or second["hit_rank"] != second["hit_rank"] or str(second["hit_rank"]) == "<NA>"


def test_a_stopped_training_leaves_the_version_that_served(trained, monkeypatch):
    workspace, card = trained
    monkeypatch.setattr(LinearTagger, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train_tagger(workspace, "linear", seed=1)
    store = ArtifactStore(workspace)
    assert store.current("taggers", "linear", command="") == card.version
    assert store.versions("taggers", "linear") == [card.version]


def test_a_config_is_kept_in_card_and_run(workspace):
    fill(workspace, DATA)
    card = train_tagger(workspace, "prior", seed=1, config=PriorConfig(min_support=9))
    assert card.config["min_support"] == 9
    assert tagger_report(workspace, card).run.config["min_support"] == 9
    assert tagger_report(workspace, card).difference is None


def test_what_is_missing_is_said_with_the_command(workspace):
    with pytest.raises(UnknownNameError, match="linear"):
        train_tagger(workspace, "liner")
    with pytest.raises(NotBuiltError, match="import_data"):
        train_tagger(workspace, "linear")
    with pytest.raises(NotBuiltError, match="train-tags --workspace shop --model linear"):
        catalogue_predictions(workspace, "linear")
    with pytest.raises(NotBuiltError, match="train-tags --workspace shop --model prior"):
        TagPredictor.load(workspace, "prior")


def test_the_source_of_tags_is_the_largest_unless_named(workspace):
    fill(workspace, DATA)
    assert read_corpus(workspace).source == "import"
    with pytest.raises(UnknownNameError, match="import"):
        train_tagger(workspace, "prior", source="impor")
    with workspace.replace_tables("test") as writer:
        writer.write("tags", workspace.read("tags").head(0))
    with pytest.raises(DataError, match="empty"):
        read_corpus(workspace)


def test_a_damaged_artifact_is_named(trained):
    workspace, card = trained
    folder = ArtifactStore(workspace).open("taggers", "linear", card.version)
    whole = (folder / "model.json").read_bytes()
    (folder / "model.json").write_bytes(json.dumps({"model": "linear"}).encode())
    try:
        with pytest.raises(ArtifactError, match=r"model\.json is damaged"):
            TagPredictor.load(workspace)
    finally:
        (folder / "model.json").write_bytes(whole)


def test_predicting_is_one_call(trained):
    workspace, _ = trained
    predictor = TagPredictor.load(workspace)
    predicted = predictor.predict(text="Маломерят, берите на размер больше", good_type="Shoes")
    assert predicted[0][0] == "маломерит" and predicted[0][1] > 0.5
    assert len(predictor.predict(text=["Ok", "норм)"], good_type="Bags", top_k=2)) == 2
    assert predictor.predict(text=[], good_type="Bags")[0][0] == "вместительная"
    with pytest.raises(UnknownNameError, match="did you mean 'Shoes'"):
        predictor.predict(text="x", good_type="Shoez")


def _parts(data):
    return data.items, data.tags


KILLED = """
import os, signal, sys
from pathlib import Path
import engine.workflows
from engine.tags.prior import PriorTagger
from engine.workspace import Workspace

save = PriorTagger.save

def killed(tagger, folder):
    save(tagger, folder)
    os.kill(os.getpid(), signal.SIGKILL)

PriorTagger.save = killed
engine.recording.log_run = lambda *_: None
engine.workflows.train_tagger(Workspace.open(Path(sys.argv[1])), "prior", seed=1)
"""


def test_after_a_kill_while_saving_the_old_version_serves_and_a_rerun_works(workspace):
    first = train_tagger(fill(workspace, DATA), "prior", seed=1)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(workspace.path)], check=False, cwd=PROJECT)
    assert killed.returncode == -signal.SIGKILL
    store = ArtifactStore(workspace)
    assert store.versions("taggers", "prior") == [first.version]
    assert TagPredictor.load(workspace, "prior").card == first
    second = train_tagger(Workspace.open(workspace.path), "prior", seed=1)
    assert TagPredictor.load(workspace, "prior").card == second
