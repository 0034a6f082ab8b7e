"""A ranker as the second stage of recommend: its order, the pipeline's rules, diversity and fill; ways to say no."""

import shutil

import numpy as np
import pytest

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, NotBuiltError
from engine.hiding import Hiding
from engine.ranked import NONE
from engine.ranking.cache import ENSEMBLE, KIND
from engine.ranking.config import load_config
from engine.ranking.second_stage import open_second_stage
from engine.ranking.source import open_source
from engine.ranking.training import train_ensemble
from engine.recommend.evaluation import histories_of
from engine.recommending.people import edited, events_of, history_of
from engine.recommending.serving import open_pipeline
from engine.workspace import Workspace
from tests.given import write_config, write_given
from tests.ranked_shop import SETTINGS
from tests.recommended import BAGS, SHOES


@pytest.fixture(scope="module")
def workspace(ranked_home):
    return Workspace.open(ranked_home / "demo")


@pytest.fixture(scope="module")
def opened(workspace):
    shop, pipeline = open_pipeline(workspace)
    return shop, pipeline, open_second_stage(workspace, shop, pipeline)


def histories(shop, *users):
    return histories_of(shop.all, np.array(users, dtype=object))


def test_candidates_stand_in_the_order_of_the_ranker(opened):
    shop, _, stage = opened
    gathered = stage.pipeline.gather(histories(shop, "U-00", "U-01"))
    lists = stage.lists(gathered)
    assert lists.items.tolist() == gathered.items.tolist() and lists.columns == stage.ranker.columns
    scores = stage.ranker.scores(lists)
    order = lists.ordered(scores)
    found = stage.rank(gathered, 5)
    for user in range(2):
        mine = [int(lists.items[row]) for row in order if lists.list_of_row[row] == user][:5]
        assert found.ranked.rows[user].tolist() == mine
    assert not found.filled.any()


def test_rules_hold_and_popularity_fills(opened):
    shop, pipeline, stage = opened
    found = stage.recommend(histories(shop, "U-00", "nobody"), 12)
    bought = shop.all.of_kind("transaction")
    user = shop.all.users.tolist().index("U-00")
    mine = found.ranked.rows[0][found.ranked.rows[0] != NONE]
    assert not set(mine) & set(bought[[user]].indices)
    assert stage.pipeline.config.diversity == pipeline.config.diversity
    assert (found.ranked.rows[1] != NONE).all()
    everything = stage.recommend(histories(shop, "U-00"), 30)
    assert everything.filled.any() or len(set(everything.ranked.rows[0])) >= 20


def test_hidden_items_stay_away(workspace, opened, tmp_path):
    shop, _, stage = opened
    first = stage.recommend(histories(shop, "U-01"), 1).ranked.ids(shop.catalogue.item_ids)[0][0]
    shutil.copytree(workspace.path, tmp_path / "demo")
    copy = Workspace.open(tmp_path / "demo")
    Hiding(copy).hide([first], who="tester")
    found = open_second_stage(copy, *open_pipeline(copy)).recommend(histories(shop, "U-01"), 10)
    assert first not in found.ranked.ids(shop.catalogue.item_ids)[0]


def test_edited_histories_change_the_features(opened):
    shop, _, stage = opened
    log = edited(shop, events_of(shop.log, "U-01"), dropped=(), steps=[(SHOES[0], "view")] * 1, user_id="U-01")
    gathered = stage.pipeline.gather(history_of(log, shop.config.events, "U-01"))
    before = stage.lists(stage.pipeline.gather(histories(shop, "U-01")))
    after = stage.lists(gathered, log=log)
    events = after.names.index("user_events")
    assert after.features[0, events] == before.features[0, events] + 1
    assert after.histories.items[-1] == shop.catalogue.item_ids.tolist().index(SHOES[0])


def test_a_taste_is_followed(opened):
    shop, _, stage = opened
    found = stage.recommend(histories(shop, "U-01", "U-00"), 5).ranked.ids(shop.catalogue.item_ids)
    assert sum(item in BAGS for item in found[0]) >= 3 and sum(item in SHOES for item in found[1]) >= 3


def test_without_a_ranker_the_command_is_named(workspace, tmp_path):
    shutil.copytree(workspace.path, tmp_path / "demo")
    shutil.rmtree(tmp_path / "demo" / "artifacts" / KIND)
    copy = Workspace.open(tmp_path / "demo")
    with pytest.raises(NotBuiltError, match=r"train_ranker\.py --workspace demo --model ensemble"):
        open_second_stage(copy, *open_pipeline(copy))


def test_a_ranker_of_given_lists_is_refused_with_the_command(workspace, tmp_path):
    shutil.copytree(workspace.path, tmp_path / "demo")
    copy = Workspace.open(tmp_path / "demo")
    config = load_config(write_config(tmp_path, write_given(tmp_path)))
    train_ensemble(copy, config, open_source(copy, config))
    with pytest.raises(ArtifactError, match=r"learned from .*given\.parquet.*train_ranker\.py --workspace demo"):
        open_second_stage(copy, *open_pipeline(copy))


def test_lists_prepared_with_other_features_since_are_refused(workspace, tmp_path):
    shutil.copytree(workspace.path, tmp_path / "demo")
    copy = Workspace.open(tmp_path / "demo")
    version = ArtifactStore(copy).current(KIND, ENSEMBLE, command="")
    config = load_config(None, [*SETTINGS, "preprocessing.groups=user,item"])
    train_ensemble(copy, config, open_source(copy, config))
    ArtifactStore(copy).promote(KIND, ENSEMBLE, version)
    with pytest.raises(ArtifactError, match=r"fitted on other features .*missing.*train_ranker\.py"):
        open_second_stage(copy, *open_pipeline(copy))
