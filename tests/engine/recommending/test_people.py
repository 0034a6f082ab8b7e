from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from tastes import BAGS, ITEMS, NOW, SHOES, event_rows, two_categories

from engine.data.splits import split_by_time
from engine.errors import UnknownNameError
from engine.recommend.events import EventConfig, clean_events
from engine.recommend.pipeline import PipelineConfig
from engine.recommending.lists import audience, exposure, listed, make_lists, newest, ranked_by, unseen
from engine.recommending.people import (
    PRESETS,
    described,
    edited,
    events_of,
    find_users,
    history_of,
    made_up,
    portrait,
    timeline,
)
from engine.recommending.shop import RecommendConfig, Shop, fit_model, make_pipeline


@pytest.fixture(scope="module")
def shop():
    rows = [("buyer", item, "transaction", day) for day, item in enumerate(BAGS[:6], start=3)]
    rows += [("buyer", SHOES[0], "view", 30), ("one", SHOES[1], "view", 2)]
    rows += [("both", item, "view", day) for day, item in enumerate([*BAGS[:3], *SHOES[:3]], start=9)]
    rows += [("late", BAGS[0], "view", 1), ("late", SHOES[0], "view", 1.5)]
    log, report = clean_events(event_rows(*rows), ITEMS, EventConfig(), now=NOW)
    split = split_by_time(pd.Series(pd.to_datetime(log.micros, unit="us", utc=True)))
    return Shop(log, report, two_categories(), split, RecommendConfig())


def test_a_portrait_says_who_a_user_is_in_words(shop):
    buyer, one, both = (portrait(shop, user) for user in ("buyer", "one", "both"))
    assert buyer.words == "buyer · 6 orders · mostly Bags"
    assert (buyer.n_events, buyer.n_items, buyer.spent) == (7, 7, 6.0)
    assert buyer.last == NOW - timedelta(days=3)
    assert one.words == "one · 1 event · mostly Shoes"
    assert both.share == pytest.approx(0.5)
    assert portrait(shop, "stranger").words == "stranger · no events yet"


@pytest.mark.parametrize(
    ("preset", "first"),
    [("warm", "buyer"), ("cold", "one"), ("one category", "buyer"), ("big spender", "buyer"), ("latest", "late")],
)
def test_presets_find_the_users_they_name(shop, preset, first):
    assert find_users(shop, shop.all, preset)[0] == first
    assert set(PRESETS) == {"warm", "cold", "one category", "big spender", "latest"}


def test_a_preset_leaves_out_who_does_not_fit_and_an_unknown_one_is_named(shop):
    assert find_users(shop, shop.all, "big spender") == ["buyer"]
    assert find_users(shop, shop.all, "warm", 2) == ["buyer", "both"]
    with pytest.raises(UnknownNameError, match="did you mean 'warm'"):
        find_users(shop, shop.all, "warn")


def test_visits_are_counted_and_an_edit_begins_another_one(shop):
    found = portrait(shop, "both")
    assert (found.n_visits, found.words) == (6, "both · 6 events in 6 visits · mostly Bags")
    assert portrait(shop, "buyer").n_visits == 7 and portrait(shop, "stranger").n_visits == 0
    log = edited(shop, events_of(shop.log, "both"), dropped=(), steps=[(BAGS[5], "view")] * 2, user_id="both")
    assert described(shop, log, "both").n_visits == 7  # a minute apart
    assert timeline(shop, log)["visit"].tolist() == [7, 7, 6, 5, 4, 3, 2, 1]


def test_a_timeline_is_newest_first_with_titles(shop):
    frame = timeline(shop, events_of(shop.log, "buyer"))
    assert frame["item_id"].tolist() == [*BAGS[:6], SHOES[0]]
    assert frame.iloc[-1]["event"] == "view" and frame.iloc[0]["title"] == "A leather bag"
    assert timeline(shop, events_of(shop.log, "stranger")).empty


def test_a_made_up_visitor_is_newer_than_everyone_and_has_a_history(shop):
    log = made_up(shop, [(BAGS[1], "view"), (BAGS[2], "addtocart")])
    assert log.micros.min() > shop.log.micros.max()
    assert described(shop, log, "new visitor").n_events == 2
    history = history_of(log, shop.config.events, "new visitor")
    assert history.weights.toarray()[0][[ITEMS.tolist().index(item) for item in BAGS[1:3]]].tolist() == [1, 4]
    assert history_of(made_up(shop, []), shop.config.events, "nobody").weights.shape == (1, len(ITEMS))
    with pytest.raises(UnknownNameError, match="item of the catalogue"):
        made_up(shop, [("bag-77", "view")])
    with pytest.raises(UnknownNameError, match="kind of event"):
        made_up(shop, [(BAGS[1], "like")])


def test_an_edited_history_loses_what_is_dropped_and_ends_with_what_is_added(shop):
    log = events_of(shop.log, "buyer")
    dropped, steps = [(BAGS[0], "transaction"), (BAGS[1], "view"), ("bag-77", "view")], [(SHOES[3], "addtocart")]
    found = edited(shop, log, dropped=dropped, steps=steps, user_id="buyer")
    frame = timeline(shop, found)
    assert frame["item_id"].tolist() == [SHOES[3], *BAGS[1:6], SHOES[0]]
    assert described(shop, found, "buyer").words == "buyer · 5 orders · mostly Bags"
    assert len(log) == 7
    assert history_of(found, shop.config.events, "buyer").weights.nnz == 7
    with pytest.raises(UnknownNameError, match="item of the catalogue"):
        edited(shop, log, dropped=[], steps=[("bag-77", "view")], user_id="buyer")


def test_the_newest_users_are_those_who_did_something_last(shop):
    assert newest(shop.all, 2).users.tolist() == ["late", "one"]
    assert newest(shop.all, 99) is not None and len(newest(shop.all, 99)) == 4


def test_what_nobody_is_shown_has_a_reason(shop):
    data, catalogue = shop.all, shop.catalogue
    gone = replace(catalogue, available=catalogue.item_ids != SHOES[0])
    few = replace(shop, catalogue=gone)
    popular = fit_model("popular", data, gone, seed=1)
    line = make_pipeline(few, data, {"popular": popular}, PipelineConfig({"popular": 1.0}), seed=1)
    rows = unseen(make_lists(line, data, 1), line).set_index("item_id")["why"]
    assert rows[SHOES[0]] == "can't be bought now"
    assert rows["new-bag"] == "too few events for the models to learn it"
    assert rows[BAGS[5]] == "others rank higher for everybody"
    assert len(rows) < len(ITEMS)
    hidden = replace(line, hidden=np.isin(ITEMS, [BAGS[5]]))
    rows = unseen(make_lists(hidden, data, 1), hidden).set_index("item_id")["why"]
    assert rows[BAGS[5]] == "kept out of all lists by somebody"


def test_one_model_alone_leaves_out_what_the_pipeline_does(shop):
    data = shop.all
    popular = fit_model("popular", data, shop.catalogue, seed=1)
    line = make_pipeline(shop, data, {"popular": popular}, PipelineConfig({"popular": 1.0}), seed=1)
    gathered = line.gather(history_of(shop.log, shop.config.events, "buyer"))
    found = ranked_by(popular, gathered, 5).ids(ITEMS)[0]
    assert found and not set(found) & set(BAGS[:6])
    assert found == line.rank(gathered, 5).ranked.ids(ITEMS)[0][: len(found)]


def test_who_gets_an_item_and_which_items_nobody_gets(shop):
    data = shop.all
    popular = fit_model("popular", data, shop.catalogue, seed=1)
    line = make_pipeline(shop, data, {"popular": popular}, PipelineConfig({"popular": 1.0}), seed=1)
    lists = make_lists(line, data, 3)
    frame = exposure(lists, shop.catalogue)
    assert frame["lists"].sum() == len(data) * 3 and frame["lists"].iloc[0] == 0
    most = frame.iloc[-1]
    got = audience(lists, ITEMS.tolist().index(most["item_id"]))
    assert len(got) == most["lists"] and got["place"].is_monotonic_increasing
    rows = listed(lists, shop.catalogue)
    assert rows.groupby("user_id").size().tolist() == [3] * len(data)
    assert sorted(rows.loc[rows["item_id"] == most["item_id"], "user_id"]) == sorted(got["user_id"])
    assert np.isin(rows["place"], [1, 2, 3]).all()
