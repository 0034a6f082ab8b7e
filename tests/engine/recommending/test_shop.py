import pyarrow as pa
import pytest
from recommended import BAGS, GONE, START, build

from engine.recommending.serving import open_pipeline, open_trial
from engine.recommending.shop import data_of, open_shop, shop_at
from engine.recommending.training import train_pipeline
from engine.runs import RunStore
from engine.workspace import Workspace


@pytest.fixture
def logged(tmp_path):
    """A shop whose first bag was out of stock until after test began, and whose GONE was there until then."""
    workspace = build(tmp_path, trained=False)
    plain = data_of(workspace)
    names = ("item_id", "timestamp", "property", "value")
    rows = [(BAGS[0], START, "available", "0"), (BAGS[0], open_shop(workspace).start("test"), "available", "1")]
    rows += [(GONE, START, "available", "1"), (BAGS[1], START, "category", "Bags / Small")]
    with workspace.replace_tables("test") as writer:
        writer.write("properties", pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]))
    workspace = Workspace.open(workspace.path)
    assert data_of(workspace) != plain
    return workspace


def test_a_shop_without_a_log_of_properties_is_the_same_at_any_moment(tmp_path):
    workspace = build(tmp_path, trained=False)
    shop = open_shop(workspace)
    assert shop_at(workspace, shop, "test") is shop
    assert not shop.task("test").rules.unavailable
    assert data_of(workspace) == workspace.data_hash("items", "events")


def test_what_was_out_of_stock_when_test_began_is_neither_recommended_nor_wanted_then(logged):
    shop = open_shop(logged)
    then = shop_at(logged, shop, "test")
    places = {item: place for place, item in enumerate(shop.catalogue.item_ids)}
    assert shop.catalogue.available[places[BAGS[0]]] and not then.catalogue.available[places[BAGS[0]]]
    assert not shop.catalogue.available[places[GONE]] and then.catalogue.available[places[GONE]]
    assert then.catalogue.categories[then.catalogue.leaves[places[BAGS[1]]]] == "Bags / Small"
    wanted = then.task("test").wanted
    assert not wanted[:, [places[BAGS[0]]]].nnz and shop.task("test").wanted[:, [places[BAGS[0]]]].nnz


def test_training_measures_with_the_shop_as_it_was_and_serves_it_as_it_is(logged):
    train_pipeline(logged, ("item_knn", "popular"), seed=1, trials=2)
    store = RunStore(logged)
    for run in store.list("recommend"):
        assert run.eligibility.endswith("all items except bought, unavailable, hidden")
        hits = {item for row in store.rows(run.id)["hits"] for item in row}
        assert BAGS[0] not in hits and GONE in hits
    shop, pipeline = open_pipeline(logged)
    shown = {item for ids in pipeline.recommend(shop.all, 24).ranked.ids(shop.catalogue.item_ids) for item in ids}
    assert BAGS[0] in shown and GONE not in shown
    trial = open_trial(logged, shop, pipeline.config)
    run = next(run for run in store.list("recommend") if run.model == "pipeline")
    assert trial.rows(pipeline.config)["hits"].tolist() == [list(row) for row in store.rows(run.id)["hits"]]
    assert "Bags / Small" in trial.pipeline.catalogue.categories
