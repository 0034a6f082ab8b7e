"""A shop of six items whose features are worked out by hand: three users, and a list of each at noon of day 10."""

import numpy as np
import pytest
from scipy import sparse

from engine.errors import UnknownNameError
from engine.rank import features_made
from engine.rank.features import FEATURES, GROUPS, columns_of
from engine.rank.features_made import make_features
from engine.rank.features_together import together
from engine.rank.lists import Stock
from engine.rank.point_in_time import DAY
from engine.rank.point_in_time_asked import Asked
from engine.rank.point_in_time_past import Dated, Events, ItemPast, UserPast

HOUR = DAY // 24
NOON = 10 * DAY + 12 * HOUR
VIEW, CART, BUY = 0, 1, 2
EVENTS = [  # user, item, kind, when; the last one is at the moment itself
    (0, 0, VIEW, 1 * DAY),
    (0, 0, CART, 2 * DAY),
    (0, 1, VIEW, 9 * DAY),
    (0, 1, BUY, NOON - HOUR // 6),
    (0, 1, VIEW, NOON - HOUR // 12),
    (1, 0, VIEW, 3 * DAY),
    (1, 1, VIEW, 4 * DAY),
    (2, 0, VIEW, NOON),
]
PRICES = [(0, 1 * DAY, 10.0), (0, 5 * DAY, 8.0), (1, 2 * DAY, 4.0), (0, 11 * DAY, 1.0)]
RATINGS = [(0, 2 * DAY, 5.0), (0, 3 * DAY, 2.0), (0, NOON, 1.0)]


def _dated(rows):
    items, micros, values = (np.array(column) for column in zip(*rows, strict=True))
    return Dated(items, micros, values.astype(float))


def _table():
    ids = np.array([f"i{n}" for n in range(6)], dtype=object)
    vectors = np.array([[1, 0], [0, 2], [3, 4], [0, 1], [1, 0], [0, 0]], dtype=np.float32)
    names = np.array(["Bags", "Bags / Totes", "Shoes"], dtype=object)
    stock = Stock(ids, np.array([1, 1, 0, 2, 2, 2], dtype=np.int32), names, vectors)
    levels = np.array([[0, 1], [0, 1], [0, -1], [2, -1], [2, -1], [2, -1]], dtype=np.int32)
    user, item, kind, micros = (np.array(column) for column in zip(*EVENTS, strict=True))
    events = Events(("view", "addtocart", "transaction"), user, item, kind, micros)
    tags = sparse.csr_array(np.array([[1, 1, 0], [0, 1, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]], dtype=bool))
    listed = np.array([99, 99, 12, np.nan, 6, 6], dtype=float)
    items = ItemPast(stock, levels, listed, events, prices=_dated(PRICES), ratings=_dated(RATINGS), tags=tags)
    users = UserPast(events, stock, levels[:, 0])
    who, when, sizes = np.array([0, 2]), np.array([NOON, NOON]), np.array([4, 2])
    scores = np.array([0.5, 0.5, np.nan, 2, np.nan, 1], dtype=np.float32)
    likeness = np.zeros((6, 6), dtype=np.float32)
    likeness[0, 1] = likeness[1, 0] = 0.8
    asked = Asked(
        who,
        when,
        sizes,
        np.array([0, 1, 2, 3, 0, 5]),
        users.histories(who, when, 10),
        {"als": scores},
        sparse.csr_array(likeness),
    )
    columns = columns_of((*GROUPS, "sources"), ["als"])
    table = make_features(items, users, asked, columns)
    return {column.name: table[:, place] for place, column in enumerate(columns)}


@pytest.fixture(scope="module")
def made():
    return _table()


NAN = np.nan


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("user_events", [5, 5, 5, 5, 0, 0]),
        ("user_views", [3, 3, 3, 3, 0, 0]),
        ("user_carts", [1, 1, 1, 1, 0, 0]),
        ("user_purchases", [1, 1, 1, 1, 0, 0]),
        ("user_items", [2, 2, 2, 2, 0, 0]),
        ("user_recency_days", [1 / 288] * 4 + [NAN, NAN]),
        ("user_tenure_days", [9.5] * 4 + [NAN, NAN]),
        ("user_purchase_share", [0.2] * 4 + [NAN, NAN]),
        ("item_events", [3, 4, 0, 0, 3, 0]),
        ("item_views", [2, 3, 0, 0, 2, 0]),
        ("item_users", [2, 2, 0, 0, 2, 0]),
        ("item_events_7d", [0, 4, 0, 0, 0, 0]),
        ("item_recency_days", [7.5, 1 / 288, NAN, NAN, 7.5, NAN]),
        ("item_age_days", [9.5, 6.5, NAN, NAN, 9.5, NAN]),
        ("item_conversion", [0, 1 / 3, NAN, NAN, 0, NAN]),
        ("item_price", [8, 4, 12, NAN, 8, 6]),
        ("item_discount", [0.2, NAN, NAN, NAN, 0.2, NAN]),
        ("user_mean_price", [6] * 4 + [NAN, NAN]),
        ("pair_price_ratio", [8 / 6, 4 / 6, 2, NAN, NAN, NAN]),
        ("item_reviews", [2, 0, 0, 0, 2, 0]),
        ("item_rating", [3.5, NAN, NAN, NAN, 3.5, NAN]),
        ("item_category", [1, 1, 0, 2, 1, 2]),
        ("category_events_30d", [7, 7, 0, 0, 7, 0]),
        ("category_item_share", [3 / 7, 4 / 7, NAN, NAN, 3 / 7, NAN]),
        ("category_root_share", [1, 1, 1, 0, NAN, NAN]),
        ("category_leaf_share", [1, 1, 0, 0, NAN, NAN]),
        ("category_recency_days", [1 / 288, 1 / 288, NAN, NAN, NAN, NAN]),
        ("pair_events", [2, 3, 0, 0, 0, 0]),
        ("pair_purchases", [0, 1, 0, 0, 0, 0]),
        ("pair_recency_days", [8.5, 1 / 288, NAN, NAN, NAN, NAN]),
        ("pair_together_mean", [0.8, 0.8, 0, 0, NAN, NAN]),
        ("item_tags", [2, 2, 1, 0, 2, 0]),
        ("pair_shared_tags", [1, 1, 1, 0, 0, 0]),
        ("pair_tag_share", [0.5, 0.5, 1, NAN, 0, NAN]),
        ("pair_similarity_mean", [0, 0, 0.7, 0.5, NAN, NAN]),
        ("pair_similarity_max", [0, 0, 0.8, 1, NAN, NAN]),
        ("pair_similarity_last", [0, 0, 0.8, 1, NAN, NAN]),
        ("hour", [12] * 6),
        ("weekday", [6] * 6),  # 1970-01-11 was a Sunday
        ("session_events", [2] * 4 + [0, 0]),
        ("session_number", [4] * 4 + [0, 0]),
        ("sources_named", [1, 1, 0, 1, 0, 1]),
        ("sources_fused", [1 / 62, 1 / 62, 0, 1 / 61, 0, 1 / 61]),
        ("sources_first", [1 / 2, 1 / 2, 0, 1, 0, 1]),
        ("sources_height", [2 / 3, 2 / 3, 0, 1, 0, 1]),
        ("als_score", [0.5, 0.5, NAN, 2, NAN, 1]),
        ("als_rank", [2, 2, NAN, 1, NAN, 1]),
    ],
)
def test_each_feature_is_what_its_definition_says(made, name, expected):
    assert made[name].tolist() == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_the_table_names_every_feature_once_and_says_what_it_is(made):
    assert len(FEATURES) == sum(map(len, GROUPS.values()))
    assert set(FEATURES) < set(made)
    assert all(feature.about for feature in FEATURES.values())


def test_batches_change_nothing(made, monkeypatch):
    monkeypatch.setattr(features_made, "BATCH_ROWS", 1)
    again = _table()
    assert all(again[name].tobytes() == values.tobytes() for name, values in made.items())


def test_a_group_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="'price'"):
        columns_of(["prices"], [])


def test_items_are_alike_when_two_users_or_more_have_both():
    last = sparse.csr_array(np.array([[5, 6, 0], [7, 8, 0], [0, 9, 3]]))
    found = together(last).toarray()
    assert found[0, 1] == found[1, 0] == pytest.approx(2 / np.sqrt(2 * 3))
    assert found.sum() == pytest.approx(2 * found[0, 1])
