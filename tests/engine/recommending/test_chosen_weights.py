import json
import shlex
from dataclasses import replace

import pytest
from recommended import build

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, DataError, SettingsError, StorageError, UnknownNameError
from engine.metrics.measures import aggregate
from engine.recommending.serving import open_pipeline, open_trial
from engine.recommending.training import KIND, PIPELINE
from engine.recommending.weighing import FILE, last_change, moved, set_weights, weights_command
from engine.runs import RunStore


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return build(tmp_path_factory.mktemp("home"))


@pytest.fixture
def served(trained):
    """The workspace, its shop and its pipeline; what serves is the same again afterwards."""
    store = ArtifactStore(trained)
    version = store.current(KIND, PIPELINE, command="")
    yield trained, *open_pipeline(trained)
    store.promote(KIND, PIPELINE, version)


def test_other_weights_serve_over_the_same_models_with_who_why_and_cost(served):
    workspace, shop, pipeline = served
    store = ArtifactStore(workspace)
    before = {name: store.current(KIND, name, command="") for name in store.names(KIND)}
    config = replace(pipeline.config, diversity=0.5, popularity_penalty=0.3)
    change = set_weights(workspace, shop, config, reason=" Too  much of the same ", who="Ann")
    after = {name: store.current(KIND, name, command="") for name in store.names(KIND)}
    assert after.pop(PIPELINE) == change.version and before.pop(PIPELINE) == change.over
    assert after == before and change.over in store.versions(KIND, PIPELINE)
    assert (change.reason, change.who) == ("Too much of the same", "Ann")
    assert change.moved == {"popularity_penalty": (pipeline.config.popularity_penalty, 0.3), "diversity": (0.0, 0.5)}
    assert last_change(workspace) == change
    now_shop, now = open_pipeline(workspace)
    assert now.config == config
    trial = open_trial(workspace, now_shop, now.config)
    assert trial.compare(pipeline.config, ["novelty@5"])["novelty@5"].difference == pytest.approx(
        -change.cost["novelty@5"].difference
    )


def test_a_run_shows_what_serves_by_now_and_says_how_it_was_chosen(served):
    workspace, shop, pipeline = served
    config = replace(pipeline.config, popularity_penalty=0.4)
    change = set_weights(workspace, shop, config, reason="Try", who="Ann")
    store = RunStore(workspace)
    run, first = [run for run in store.list("recommend") if run.model == PIPELINE][:2]
    assert run.config["chosen"] == "by hand, with test in sight" and run.config["reason"] == "Try"
    assert (run.data_hash, run.split, run.eligibility) == (first.data_hash, first.split, first.eligibility)
    figures = aggregate("recommend", store.rows(run.id), ["ndcg@10", "novelty@5"])
    assert figures["novelty@5"] == pytest.approx(change.cost["novelty@5"].b)
    assert figures["ndcg@10"] == pytest.approx(change.cost["ndcg@10"].b)


def test_going_back_is_a_change_of_its_own(served):
    workspace, shop, pipeline = served
    there = set_weights(workspace, shop, replace(pipeline.config, diversity=0.5), reason="Try", who="Ann")
    back = set_weights(workspace, shop, there.before, reason="Back", who="Bob", over=there.version)
    assert back.after == pipeline.config and back.over == there.version
    assert open_pipeline(workspace)[1].config == pipeline.config


def test_a_decision_on_what_no_longer_serves_changes_nothing(served):
    workspace, shop, pipeline = served
    looked_at = ArtifactStore(workspace).current(KIND, PIPELINE, command="")
    mine = set_weights(workspace, shop, replace(pipeline.config, diversity=0.5), reason="Mine", who="Ann")
    with pytest.raises(StorageError, match="Other weights were put to serve meanwhile"):
        set_weights(
            workspace, shop, replace(pipeline.config, diversity=0.2), reason="Theirs", who="Bob", over=looked_at
        )
    assert last_change(workspace) == mine


@pytest.mark.parametrize(
    ("changes", "reason", "error", "said"),
    [
        ({}, "Why", SettingsError, "serve already"),
        ({"diversity": 0.5}, " ", DataError, "The reason is empty"),
        ({"candidates": 7}, "Why", SettingsError, "measured with 100; train again"),
        ({"sources": {"item_knn": 1.0, "als": 0.5}}, "Why", UnknownNameError, "no source .* named 'als'"),
    ],
)
def test_what_cannot_serve_is_named_and_leaves_what_does(served, changes, reason, error, said):
    workspace, shop, pipeline = served
    before = ArtifactStore(workspace).current(KIND, PIPELINE, command="")
    with pytest.raises(error, match=said):
        set_weights(workspace, shop, replace(pipeline.config, **changes), reason=reason, who="Ann")
    assert ArtifactStore(workspace).current(KIND, PIPELINE, command="") == before


def test_the_command_says_what_differs_and_quotes_the_reason(trained):
    _, pipeline = open_pipeline(trained)
    after = replace(pipeline.config, diversity=0.35, sources={"recent": 0.25, "popular": 0.75})
    command = weights_command(trained, pipeline.config, after, reason="Ann's; rm -rf")
    assert shlex.split(command)[1:] == [
        "scripts/train_recommender.py",
        "--workspace",
        "demo",
        "--keep-models",
        "--diversity",
        "0.35",
        "--sources",
        "recent=0.25,popular=0.75",
        "--reason",
        "Ann's; rm -rf",
    ]


def test_a_damaged_change_is_named(served):
    workspace, shop, pipeline = served
    change = set_weights(workspace, shop, replace(pipeline.config, diversity=0.5), reason="Try", who="Ann")
    file = workspace.path / "artifacts" / KIND / PIPELINE / change.version / FILE
    file.write_text(json.dumps({"over": "x"}))
    with pytest.raises(ArtifactError, match="is damaged"):
        last_change(workspace)


def test_training_made_what_serves_when_nobody_changed_it(trained):
    assert last_change(trained) is None


def test_moved_names_what_differs_with_sources_that_have_no_weight_as_nothing(trained):
    _, pipeline = open_pipeline(trained)
    a = replace(pipeline.config, sources={"als": 0.5, "ease": 0.0}, alpha=1.0)
    b = replace(pipeline.config, sources={"als": 0.5, "ease": 0.5}, alpha=0.5)
    assert moved(a, b) == {"alpha": (1.0, 0.5), "source ease": (0.0, 0.5)}
