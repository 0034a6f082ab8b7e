"""A challenger that is worse never serves, a better one does, and what serves is judged without its memory."""

import json
from datetime import UTC, datetime

import pytest
from recommended import BAGS, SHOES, build
from told import NOW, event, tell

from engine.artifacts import CARD, ArtifactStore
from engine.errors import StorageError
from engine.metrics.significance import PairedDifference
from engine.recommend.item_knn import ItemKnnConfig
from engine.recommending.training import KIND, PIPELINE, train_pipeline, train_recommender
from engine.retraining import promoting
from engine.retraining.comparing import SERVING, _verdict
from engine.retraining.folder import RunFolder
from engine.retraining.job import Asked, retrain
from engine.retraining.steps import WORK
from engine.runs import RunStore, compare
from engine.serve.parts import make_parts
from engine.versions import Versions
from engine.workspace import Workspace

ALONE = {"sources": {"item_knn": 1.0}, "alpha": 1.0, "beta": 0.0, "popularity_penalty": 0.0}
GOOD, BAD = 100, 1  # neighbours of an item: with one, most lists are filled with what is popular


def shop_with(home, neighbours):
    shop = build(home, trained=False)
    train_pipeline(shop, ["item_knn"], configs={"item_knn": ItemKnnConfig(neighbours=neighbours)}, given=ALONE, seed=1)
    return shop


def tuned(shop, neighbours):
    (shop.path / "tuning").mkdir(exist_ok=True)
    (shop.path / "tuning" / "tuned.json").write_text(json.dumps({"item_knn": {"neighbours": neighbours}}))


def go(shop, **more):
    return retrain(Workspace.open(shop.path), {"seed": 1, "trials": 3}, Asked(now=NOW), **more)


def found(shop, state, step="compare"):
    return RunFolder(shop.path / "retraining" / state.id).read(step)


def pipeline(shop):
    return ArtifactStore(shop).current(KIND, PIPELINE, command="")


def test_a_worse_challenger_is_kept_from_serving(home):
    shop = shop_with(home, GOOD)
    before = ArtifactStore(shop).serving()
    tuned(shop, BAD)
    state = go(shop)
    said = found(shop, state)
    assert state.outcome == "kept" and ArtifactStore(shop).serving() == before and not Versions(shop).log()
    assert (
        said["difference"]["high"] < 0
        and "worse" in state.words
        and f"pipeline {pipeline(shop)} goes on" in state.words
    )
    assert go(shop).words.startswith("nothing is new")  # it isn't tried every day


def test_a_better_challenger_serves_and_an_open_service_takes_it(home):
    shop = shop_with(home, BAD)
    slot = make_parts(shop.path, 60).recommending
    assert slot.refresh() == "swapped" and slot.current.label == pipeline(shop)
    old = slot.current
    tuned(shop, GOOD)
    tell(shop, event(1, BAGS[0], user="U-00"))
    state = go(shop)
    said = found(shop, state)
    assert state.outcome == "promoted" and said["difference"]["low"] > 0 and "better" in state.words
    assert slot.refresh() == "swapped" and slot.current.label == pipeline(shop) != old.label
    assert slot.current.value.pipeline.models["item_knn"].config.neighbours == GOOD
    log = slot.current.value.shop.log
    assert "bag-00" in log.item_ids[log.item[log.user == log.users.tolist().index("U-00")]].tolist()


def test_both_were_asked_the_same_and_their_runs_open_to_the_same_difference(home):
    shop = shop_with(home, BAD)
    tuned(shop, GOOD)
    said = found(shop, go(shop))
    assert said["way"] == "its recipe fitted anew" and "may know the window" in said["why"]
    store = RunStore(shop)
    assert store.get(said["runs"]["serving"]).model == SERVING
    difference = compare(store, said["runs"]["serving"], said["runs"]["challenger"], "ndcg@10", seed=1)
    assert (difference.a, difference.low) == (said["difference"]["a"], said["difference"]["low"])


def test_what_was_made_before_the_window_is_asked_as_it_is(home):
    shop = shop_with(home, BAD)
    card = shop.path / "artifacts" / KIND / PIPELINE / pipeline(shop) / CARD
    made = json.loads(card.read_text()) | {"created": datetime(2024, 4, 1, tzinfo=UTC).isoformat()}
    card.write_text(json.dumps(made))
    tuned(shop, GOOD)
    said = found(shop, go(shop))
    assert said["way"] == "as it serves" and "before the window began" in said["why"]


def test_the_same_recipe_gives_the_same_lists_and_costs_no_second_fit(home):
    shop = shop_with(home, GOOD)
    tell(shop, *(event(n, SHOES[n]) for n in range(5)))
    state = go(shop)
    said = found(shop, state)
    assert said["way"] == "the same recipe" and state.outcome == "promoted"
    assert said["difference"]["low"] == said["difference"]["high"] == 0


def test_who_promotes_something_else_meanwhile_makes_it_compare_again(home):
    shop = shop_with(home, BAD)
    tuned(shop, GOOD)

    def somebody(context):
        train_recommender(Workspace.open(shop.path), "item_knn", config=ItemKnnConfig(neighbours=2), seed=1)
        return WORK["promote"](context)

    with pytest.raises(StorageError, match=r"serves .* by now"):
        go(shop, work={**WORK, "promote": somebody})
    serving = ArtifactStore(shop).serving()
    state = go(shop)
    assert "compare and what follows from it was done again" in state.notes[0] and state.outcome == "promoted"
    assert ArtifactStore(shop).serving()[KIND, "item_knn"] != serving[KIND, "item_knn"]


def test_a_challenger_that_gives_no_lists_never_serves(home, monkeypatch):
    shop = shop_with(home, BAD)
    before = ArtifactStore(shop).serving()
    tuned(shop, GOOD)

    def refuses(served):
        raise StorageError("it gives no list")

    monkeypatch.setattr(promoting, "check_recommending", refuses)
    with pytest.raises(StorageError, match="gives no list"):
        go(shop)
    assert ArtifactStore(shop).serving() == before


def test_no_worse_means_the_interval_and_guards_hold_beside_it():
    def verdict(low, high, holds=True):
        guard = {"challenger": 0.1, "least": 0.2, "holds": holds}
        return _verdict(PairedDifference(0.5, 0.5, low, high, 1, 1, 1), {"coverage@5": guard}, 0.005)

    assert verdict(-0.004, 0.01) == (True, "no worse")
    assert verdict(0.001, 0.01) == (True, "better")
    assert verdict(-0.006, 0.3) == (False, "too uncertain to be called no worse")
    assert verdict(-0.05, -0.04) == (False, "worse")
    assert verdict(0.001, 0.01, holds=False) == (False, "better; but coverage@5 0.100 is below 0.200")
