from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from engine.artifacts import ArtifactStore
from engine.data.demo import make_demo
from engine.data.demo.config import DemoConfig
from engine.errors import ArtifactError, NotBuiltError
from engine.hiding import Hiding
from engine.metrics.measures import aggregate
from engine.recommending import shop as shops
from engine.recommending.serving import open_pipeline, open_trial
from engine.recommending.shop import open_shop
from engine.recommending.training import KIND
from engine.recommending.tuning import tuned_configs
from engine.recommending.weighing import last_change
from engine.runs import RunStore
from engine.workspace import find_workspace, new_workspace
from scripts import evaluate_recommender, train_recommender, tune_recommender

SMALL = DemoConfig(n_items=80, n_users=300, n_reviews=200, n_events=9000, n_queries=5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home with a small shop whose pipeline is trained."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFWISE_HOME", str(home))
        make_demo(new_workspace(home, "demo"), seed=1, config=SMALL)
        assert train_recommender.main(["--sources", "item_knn,ease,popular"]) == 0
    return home


@pytest.fixture
def home(trained, monkeypatch):
    monkeypatch.setenv("SHELFWISE_HOME", str(trained))
    return trained


def test_what_was_trained_serves_and_has_runs_beside_popularity(home):
    workspace = find_workspace(home, "demo")
    models = {run.model for run in RunStore(workspace).list("recommend")}
    assert models == {"item_knn", "ease", "popular", "pipeline"}
    shop, pipeline = open_pipeline(workspace)
    histories = shop.all
    found = pipeline.recommend(histories, 10)
    bought = histories.of_kind("transaction")
    for user, ids in enumerate(found.ranked.ids(shop.catalogue.item_ids)[:50]):
        assert len(ids) == 10
        assert not set(ids) & set(shop.catalogue.item_ids[bought[[user]].indices])
    places = {item: place for place, item in enumerate(shop.catalogue.item_ids)}
    assert all(shop.catalogue.available[places[item]] for item in found.ranked.ids(shop.catalogue.item_ids)[0])


def test_what_people_hide_is_not_recommended(home):
    workspace = find_workspace(home, "demo")
    shop, pipeline = open_pipeline(workspace)
    best = pipeline.recommend(shop.all, 1).ranked.ids(shop.catalogue.item_ids)[0][0]
    Hiding(workspace).hide([best], who="Ann")
    shop, pipeline = open_pipeline(workspace)
    assert all(best not in ids for ids in pipeline.recommend(shop.all, 10).ranked.ids(shop.catalogue.item_ids))
    Hiding(workspace).show([best], who="Ann")


def test_the_model_that_serves_learned_from_everything_and_the_measured_one_did_not(home):
    shop = open_shop(find_workspace(home, "demo"))
    task = shop.task("test")
    assert task.past.last.data.max() < shop.all.last.data.max()
    assert len(task.past) < len(shop.all)


def test_a_trial_starts_from_the_figures_of_the_run_and_shows_what_other_weights_cost(home):
    workspace = find_workspace(home, "demo")
    shop, pipeline = open_pipeline(workspace)
    trial = open_trial(workspace, shop, pipeline.config)
    store = RunStore(workspace)
    run = next(run for run in store.list("recommend") if run.model == "pipeline")
    metrics = ["ndcg@10", "recall@20", "coverage@5", "novelty@5", "diversity@5"]
    assert aggregate("recommend", trial.rows(pipeline.config), metrics) == pytest.approx(
        store.aggregate(run.id, metrics), abs=1e-9
    )
    same = trial.compare(pipeline.config, ["ndcg@10"])["ndcg@10"]
    assert (same.difference, same.wins, same.losses) == (0, 0, 0)
    spread = trial.compare(replace(pipeline.config, diversity=0.6), ["diversity@5"])["diversity@5"]
    assert spread.difference > 0.05 and spread.clear


def test_evaluate_prints_figures_differences_and_slices(home, capsys):
    assert evaluate_recommender.main(["--slice", "history"]) == 0
    said = capsys.readouterr().out
    assert "all items except bought, hidden" in said
    assert "pipeline against popular: ndcg@10" in said and "6-20 items" in said


def test_tuning_goes_on_where_it_was_stopped_and_training_takes_what_was_found(home, capsys):
    assert tune_recommender.main(["--model", "ease", "--trials", "2"]) == 0
    assert tune_recommender.main(["--model", "ease", "--trials", "3"]) == 0
    assert "after 3 trials" in capsys.readouterr().out
    found = tuned_configs(find_workspace(home, "demo"), ["ease", "als"])
    assert list(found) == ["ease"]
    assert train_recommender.main(["--model", "ease"]) == 0
    workspace = find_workspace(home, "demo")
    store = ArtifactStore(workspace)
    card = store.card(KIND, "ease", store.current(KIND, "ease", command=""))
    assert card.config["regularization"] == found["ease"].regularization


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "alz"], "no recommender named 'alz'; did you mean 'als'"),
        (["--model", "als", "--set", "factor=3"], "did you mean 'factors'"),
        (["--sources", "als=0.5,ease"], "--sources is 'als=0.5,ease'; give each a number"),
        (["--sources", "esae"], "did you mean 'ease'"),
        (["--diversity", "2"], "diversity is 2.0; it must be 0 or more and below 1"),
        (["--model", "ease", "--alpha", "0.5"], "--model trains one model, so the pipeline's sources and weights"),
        (["--keep-models", "--model", "ease"], "--keep-models trains nothing"),
        (["--keep-models", "--sources", "ease", "--reason", "Try"], "needs a weight for each of --sources"),
        (["--keep-models", "--diversity", "0.2"], "The reason is empty"),
        (["--session-gap", "0"], "session_gap is 0.0"),
        (["--weight", "view"], "--weight is 'view'; give an event and a number"),
        (["--target", "like", "--model", "popular"], "0 of like after it"),
    ],
)
def test_bad_options_are_named(home, capsys, arguments, said):
    assert train_recommender.main(arguments) == 2
    assert said in capsys.readouterr().err


def test_given_weights_serve_over_the_same_models_and_training_takes_them_as_they_are(home, capsys):
    workspace = find_workspace(home, "demo")
    store = ArtifactStore(workspace)
    ease = store.current(KIND, "ease", command="")
    assert train_recommender.main(["--keep-models", "--diversity", "0.5", "--reason", "Too much alike"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"diversity +0 -> 0\.5", said) and re.search(r"diversity@5 .* users better", said)
    assert evaluate_recommender.main([]) == 0
    assert "pipeline: its weights were chosen by hand, with test in sight (Too much alike)" in capsys.readouterr().out
    assert last_change(workspace).reason == "Too much alike" and store.current(KIND, "ease", command="") == ease
    assert train_recommender.main(["--sources", "ease=0.7,popular=0.3", "--alpha", "0.8", "--diversity", "0.1"]) == 0
    config = open_pipeline(workspace)[1].config
    assert dict(config.sources) == {"ease": 0.7, "popular": 0.3}
    assert (config.alpha, config.diversity) == (0.8, 0.1) and last_change(workspace) is None


def test_events_are_read_once(home, monkeypatch):
    read = []
    whole = shops.read_events
    monkeypatch.setattr(shops, "read_events", lambda *given, **more: read.append(1) or whole(*given, **more))
    assert train_recommender.main(["--model", "popular"]) == 0
    assert read == [1]


def test_a_failed_fit_leaves_the_model_that_serves(home, capsys):
    workspace = find_workspace(home, "demo")
    before = ArtifactStore(workspace).current(KIND, "ease", command="")
    assert train_recommender.main(["--model", "ease", "--set", "most_items=3"]) == 2
    assert "the most is 3" in capsys.readouterr().err
    assert ArtifactStore(workspace).current(KIND, "ease", command="") == before


def test_without_a_pipeline_the_command_is_given(tmp_path):
    workspace = new_workspace(tmp_path, "empty")
    with pytest.raises(NotBuiltError, match=r"scripts/train_recommender\.py --workspace empty"):
        open_pipeline(workspace)


def test_models_of_another_catalogue_are_refused(home):
    workspace = find_workspace(home, "demo")
    items = workspace.read("items")
    try:
        with workspace.replace_tables("test") as writer:
            writer.write("items", items[1:])
        with pytest.raises(ArtifactError, match="fitted on another catalogue"):
            open_pipeline(workspace)
    finally:
        with workspace.replace_tables("test") as writer:
            writer.write("items", items)


def test_damaged_tuning_is_named(home):
    file = find_workspace(home, "demo").path / "tuning" / "tuned.json"
    file.parent.mkdir(exist_ok=True)
    before = file.read_text() if file.exists() else json.dumps({})
    file.write_text("{")
    with pytest.raises(ArtifactError, match=r"tuned\.json can't be read"):
        tuned_configs(find_workspace(home, "demo"), ["als"])
    file.write_text(before)
