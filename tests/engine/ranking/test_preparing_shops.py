"""Shops that lack what features are made of: lists are made all the same, and what isn't known is NaN."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from recommended import build

from engine.data.importer import import_files
from engine.errors import DataError
from engine.rank.item_vectors import ItemVectors
from engine.ranking.preparing import PrepareConfig, open_maker, prepare
from engine.workspace import Workspace

CONFIG = PrepareConfig(sources=("item_knn", "popular", "recent"), windows=1, share=0.2, vectors="none")


def column(lists, name):
    return lists.features[:, lists.names.index(name)]


@pytest.fixture
def workspace(tmp_path):
    return build(tmp_path, trained=False)


def write(workspace, **tables):
    with workspace.replace_tables("test") as writer:
        for name, rows in tables.items():
            writer.write(name, pd.DataFrame(rows))


def test_without_tags_reviews_vectors_and_prices_their_features_are_unknown(workspace):
    write(workspace, items=workspace.read("items").assign(price=np.nan, category="Uncategorised"))
    lists = prepare(workspace, CONFIG, seed=1).test
    for name in ("item_rating", "item_reviews", "item_tags", "pair_similarity_max", "item_price", "pair_price_ratio"):
        assert np.isnan(column(lists, name)).all(), name
    assert lists.stock.vectors is None
    assert lists.known.any()


def test_groups_that_are_left_out_leave_their_columns_out(workspace):
    lists = prepare(workspace, replace(CONFIG, groups=("item", "sources")), seed=1).valid
    assert lists.names[0] == "item_events"
    assert lists.names[-1] == "recent_rank"
    assert len(lists.names) == 11 + 4 + 2 * 3


def test_a_user_with_one_event_and_one_with_none_have_lists(workspace):
    events = workspace.read("events")
    last = events["timestamp"].max() + timedelta(hours=1)
    new = [
        ("one", "bag-00", "view", events["timestamp"].min()),
        *((user, "bag-01", "addtocart", last) for user in ("one", "none")),
    ]
    more = pd.DataFrame(new, columns=["user_id", "item_id", "event", "timestamp"])
    write(workspace, events=pd.concat([events, more]))
    lists = prepare(workspace, CONFIG, seed=1).test
    sizes = {
        user: (int(events), int(rows))
        for user, events, rows in zip(lists.users, lists.histories.sizes, lists.sizes, strict=True)
    }
    assert sizes["one"][0] == 1
    assert sizes["none"][0] == 0
    assert sizes["none"][1] > 0
    nobody = lists.list_of_row == lists.users.tolist().index("none")
    assert np.isnan(column(lists, "user_recency_days")[nobody]).all()
    assert (column(lists, "user_events")[nobody] == 0).all()


def test_reviews_and_prices_count_from_their_own_time_on(workspace):
    maker = open_maker(workspace, CONFIG, seed=1)
    start = maker.shop.split.cutoffs[1]
    reviews = [
        ("r1", "bag-02", "good", 5.0, start - timedelta(days=1)),
        ("r2", "bag-02", "bad", 1.0, start),
        ("r3", "bag-02", "when?", 1.0, None),
    ]
    names = ["review_id", "item_id", "text", "rating", "timestamp"]
    events = workspace.read("events")
    prices = np.where(events["timestamp"] < start, 7.0, 70.0)
    times = {"timestamp": lambda rows: pd.to_datetime(rows["timestamp"], utc=True)}
    write(workspace, reviews=pd.DataFrame(reviews, columns=names).assign(**times), events=events.assign(price=prices))
    lists = prepare(workspace, CONFIG, seed=1).test
    bag = lists.stock.item_ids[lists.items] == "bag-02"
    assert set(column(lists, "item_rating")[bag]) == {5.0}
    assert set(column(lists, "item_reviews")[bag]) == {1.0}
    assert set(column(lists, "item_price")[column(lists, "item_events") > 0]) == {7.0}


def test_items_without_a_vector_take_those_that_are_given(workspace):
    n = len(workspace.read("items"))
    given = ItemVectors(np.eye(n, 4, dtype=np.float32), np.arange(n) >= 4)
    lists = prepare(workspace, CONFIG, seed=1, vectors=given).test
    assert np.array_equal(lists.stock.vectors, given.vectors)
    assert lists.stock.without.sum() == n - 4
    assert np.nanmax(column(lists, "pair_similarity_max")) <= 1


def test_categories_are_those_of_the_window_by_the_names_of_today(workspace):
    maker = open_maker(workspace, CONFIG, seed=1)
    valid = maker.shop.split.cutoffs[0]
    rows = [
        ("bag-02", valid - timedelta(days=60), "category", "Shoes"),
        ("bag-02", valid + timedelta(hours=1), "category", "Bags"),
        ("bag-03", valid - timedelta(days=60), "category", "Gone"),
        ("bag-03", valid + timedelta(hours=1), "category", "Bags"),
    ]
    write(workspace, properties=pd.DataFrame(rows, columns=["item_id", "timestamp", "property", "value"]))
    prepared = prepare(workspace, CONFIG, seed=1)
    found = {}
    for lists in (prepared.valid, prepared.test):
        assert lists.stock.category_names.tolist() == ["Bags", "Shoes"]
        for item in ("bag-02", "bag-03", "bag-04"):
            found.setdefault(item, []).append(
                set(column(lists, "item_category")[lists.stock.item_ids[lists.items] == item])
            )
    assert found["bag-02"] == [{1.0}, {0.0}]
    assert found["bag-04"] == [{0.0}, {0.0}]
    assert all(np.isnan(code) for code in found["bag-03"][0])


def test_a_source_that_cannot_be_fitted_is_left_out_and_said(workspace):
    events = workspace.read("events")
    write(workspace, events=events.groupby("item_id").head(4))  # fewer users of an item than item_knn needs
    maker = open_maker(workspace, CONFIG, seed=1)
    lists = maker.lists(maker.windows()[-1])
    assert np.isnan(column(lists, "item_knn_score")).all()
    assert not np.isnan(column(lists, "popular_score")).all()
    assert list(maker.notes) == [f"{maker.windows()[-1].name}, item_knn"]
    alone = open_maker(workspace, replace(CONFIG, sources=("item_knn",)), seed=1)
    with pytest.raises(DataError, match="None of the sources"):
        alone.lists(alone.windows()[-1])


def test_a_sample_of_retailrocket_goes_through(tmp_path, real_data):
    workspace = Workspace.create(tmp_path / "shop")
    folder = real_data / "retailrocket"
    import_files(workspace, "retailrocket", [folder / "events.csv", folder / "category_tree.csv"])
    prepared = prepare(workspace, replace(PrepareConfig(), vectors="none"), seed=1)
    test = prepared.test
    assert len(test) > 10
    assert test.known.any()
    assert (test.histories.micros < test.micros.max()).all()
    assert test.micros.min() > datetime(2015, 8, 1, tzinfo=UTC).timestamp() * 1e6
    assert np.nanmax(column(test, "item_recency_days")) < 200
