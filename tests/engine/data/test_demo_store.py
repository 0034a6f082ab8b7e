"""The demo store: whole, the same for the same seed, and true to its hidden truth."""

import re

import numpy as np
import pandas as pd
import pytest

from engine.data.demo import DemoConfig, World, make_demo, make_world
from engine.data.demo.config import END, START
from engine.errors import SettingsError
from engine.schema import EVENTS, GOOD_TYPES, TABLES
from engine.workspace import Workspace

SMALL = DemoConfig(n_items=130, n_users=300, n_reviews=1200, n_events=6000, n_queries=60)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(SMALL, seed=11)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    workspace = Workspace.create(tmp_path_factory.mktemp("home") / "demo")
    make_demo(workspace, seed=11, config=SMALL)
    return workspace


def test_every_table_follows_its_schema(workspace):
    assert set(workspace.tables) == {name for name, table in TABLES.items() if table.usual}
    for name in workspace.tables:
        table = TABLES[name]
        rows = workspace.read(name)
        assert len(rows) > 0
        assert not rows[table.required].isna().any().any()
        if table.key:
            assert not rows.duplicated(list(table.key)).any()


def test_counts_are_about_what_was_asked_for(world):
    tables = world.tables
    assert len(tables["items"]) == SMALL.n_items
    assert set(tables["items"]["category"]) == set(GOOD_TYPES)
    assert len(tables["reviews"]) == pytest.approx(SMALL.n_reviews, rel=0.2)
    assert len(tables["events"]) == pytest.approx(SMALL.n_events, rel=0.15)
    assert 40 <= tables["judgments"]["query_id"].nunique() <= SMALL.n_queries


def test_a_seed_gives_the_same_bytes_and_another_seed_others(workspace, tmp_path):
    again, other = Workspace.create(tmp_path / "again"), Workspace.create(tmp_path / "other")
    make_demo(again, seed=11, config=SMALL)
    make_demo(other, seed=12, config=SMALL)
    for name, info in workspace.tables.items():
        assert again.tables[name].sha256 == info.sha256
        assert other.tables[name].sha256 != info.sha256
    pictures = sorted(path.relative_to(workspace.path) for path in workspace.path.rglob("*.svg"))
    assert all((again.path / path).read_bytes() == (workspace.path / path).read_bytes() for path in pictures)


def test_rows_refer_to_items_that_exist(world):
    items = set(world.tables["items"]["item_id"])
    for name in ("reviews", "events", "tags", "judgments", "mentions"):
        assert set(world.tables[name]["item_id"]) <= items
    assert set(world.tables["mentions"]["review_id"]) <= set(world.tables["reviews"]["review_id"])


def test_titles_are_unique_and_no_template_is_left_over(world):
    items, reviews = world.tables["items"], world.tables["reviews"]
    assert not items["title"].duplicated().any()
    texts = [
        *items["title"],
        *items["description"],
        *items["features"].explode(),
        *reviews["text"],
        *reviews["title"].dropna(),
    ]
    assert not [text for text in texts if re.search(r"[\[\]{}|@]|  |^nan$", text)]


def test_descriptions_have_two_to_four_sentences_and_facts_repeat_the_title(world):
    for sku in world.skus:
        assert 2 <= len(re.findall(r"[.!?](?= |$)", sku.description)) <= 4, sku.description
        told = re.search(r", (\d+) L\b", sku.title)
        capacity = [fact for fact in sku.features if fact.startswith("Capacity")]
        if told and capacity:
            assert capacity == [f"Capacity {told[1]} L"]


def test_a_mention_is_exactly_one_sentence_of_its_review(world):
    texts = world.tables["reviews"].set_index("review_id")["text"]
    for mention in world.tables["mentions"].itertuples():
        text = texts[mention.review_id]
        assert 0 <= mention.start < mention.end <= len(text)
        assert mention.start == 0 or text[mention.start - 1] == " "
        assert mention.end == len(text) or text[mention.end] == " "
        assert text[mention.start : mention.end] == text[mention.start : mention.end].strip()
    assert set(world.tables["mentions"]["polarity"]) == {1, -1}


def test_what_is_said_follows_the_truth_but_not_always(world):
    """Tags that reviewers support are mostly true; some reviewers contradict; some true tags go unmentioned."""
    true = set(world.tables["tags"][["item_id", "tag"]].itertuples(index=False, name=None))
    mentions = world.tables["mentions"]
    right = np.array([pair in true for pair in zip(mentions["item_id"], mentions["tag"], strict=True)])
    support = (mentions["polarity"] == 1).to_numpy()
    assert 0.65 < right[support].mean() < 0.97
    assert right[~support].mean() < 0.2


def test_stars_agree_with_what_is_said(world):
    reviews = world.tables["reviews"]
    assert set(reviews["rating"]) == {1.0, 2.0, 3.0, 4.0, 5.0}
    quality = pd.Series({sku.item_id: sku.quality for sku in world.skus})
    stars = reviews.groupby("item_id")["rating"].mean()
    assert np.corrcoef(stars, quality[stars.index])[0, 1] > 0.4


def test_purchases_follow_carts_and_carts_follow_views(world):
    events = world.tables["events"]
    assert set(events["event"]) == set(EVENTS)
    assert events["timestamp"].is_monotonic_increasing
    first = events.groupby(["user_id", "item_id", "event"])["timestamp"].min().unstack("event")
    carted, bought = first["addtocart"].notna(), first["transaction"].notna()
    assert (first["view"] < first["addtocart"])[carted].all()
    assert (first["addtocart"] < first["transaction"])[bought].all()
    counts = events["event"].value_counts()
    assert counts["view"] > 2 * counts["addtocart"] > 2 * counts["transaction"]


def test_prices_and_quantities_belong_to_purchases(world):
    events = world.tables["events"]
    bought = events["event"] == "transaction"
    assert events.loc[~bought, ["price", "quantity"]].isna().all().all()
    listed = world.tables["items"].set_index("item_id")["price"]
    paid = events[bought]
    assert (paid["price"] <= paid["item_id"].map(listed) + 0.01).all()
    assert (paid["price"] > 0).all() and (paid["quantity"] >= 1).all()


def test_time_stays_in_the_fixed_year_and_after_the_launch(world):
    events, reviews = world.tables["events"], world.tables["reviews"]
    assert events["timestamp"].min() >= START and events["timestamp"].max() < END
    assert reviews["timestamp"].max() < END
    launched = pd.Series({sku.item_id: START + pd.Timedelta(days=sku.launched) for sku in world.skus})
    assert (events["timestamp"] >= events["item_id"].map(launched)).all()
    assert (reviews["timestamp"] >= reviews["item_id"].map(launched) - pd.Timedelta(days=1)).all()


def test_reviewers_of_the_year_bought_before_they_wrote(world):
    bought = world.tables["events"].query("event == 'transaction'").groupby(["user_id", "item_id"])["timestamp"].min()
    recent = world.tables["reviews"].query("timestamp >= @START").dropna(subset=["user_id"])
    purchase = bought.reindex(pd.MultiIndex.from_frame(recent[["user_id", "item_id"]])).to_numpy()
    assert np.mean(purchase < recent["timestamp"].to_numpy()) > 0.9


def test_reviews_per_item_are_skewed_and_some_items_have_none(world):
    counts = (
        world.tables["reviews"]["item_id"].value_counts().reindex([sku.item_id for sku in world.skus], fill_value=0)
    )
    assert counts.min() == 0
    assert counts.max() > 5 * counts.median()


def test_winter_goods_sell_in_winter_and_summer_goods_in_summer(world):
    events = world.tables["events"].merge(world.tables["items"][["item_id", "subcategory"]])
    winter = events["timestamp"].dt.month.isin([11, 12, 1])
    share = winter.groupby(events["subcategory"].isin(["Boots", "Gloves", "Coats", "Hats"])).mean()
    assert share[True] > 1.4 * share[False]
    summer = events["timestamp"].dt.month.isin([5, 6, 7])
    share = summer.groupby(events["subcategory"].isin(["Sandals", "Beach towels", "Sunglasses"])).mean()
    assert share[True] > 1.2 * share[False]


def test_people_look_at_what_they_like(world):
    events = world.tables["events"]
    looked = world.people.affinity[events["user"], events["item"]]
    assert looked.mean() > world.people.affinity.mean() + 0.8


def test_judgments_grade_by_the_truth(world):
    judged = world.tables["judgments"]
    assert set(judged["relevance"]) == {0.0, 1.0, 2.0, 3.0}
    best = judged.groupby("query_id")["relevance"].max()
    assert (best >= 2).all()
    laptop = judged[judged["query"] == "bag that fits a laptop"].merge(world.tables["items"], on="item_id")
    assert set(laptop.loc[laptop["relevance"] > 0, "category"]) == {"Bags"}


def test_pictures_are_static_and_one_per_item(workspace):
    items = workspace.read("items")
    for image, item_id in zip(items["image"], items["item_id"], strict=True):
        assert image.endswith(f"/{item_id}.svg")
        drawn = (workspace.path / image).read_text(encoding="utf-8")
        assert drawn.startswith("<svg ") and "{" not in drawn
        assert not re.search(r"<script|href|\bon\w+=|foreignObject|<style|javascript:", drawn, re.IGNORECASE)


def test_whole_reviews_are_rarely_repeated_unless_very_short(world):
    long = world.tables["reviews"]["text"]
    long = long[long.str.len() > 40]
    assert long.str.lower().duplicated(keep=False).mean() < 0.01


def test_making_it_again_leaves_only_the_pictures_of_the_new_store(tmp_path):
    workspace = Workspace.create(tmp_path / "demo")
    tiny = DemoConfig(n_items=60, n_users=60, n_reviews=100, n_events=800, n_queries=5)
    for seed in (1, 2):
        make_demo(workspace, seed=seed, config=tiny)
    assert len(list(workspace.path.glob("images/*"))) == 1
    assert all((workspace.path / image).exists() for image in workspace.read("items")["image"])


def test_too_small_a_store_is_refused():
    with pytest.raises(SettingsError, match="n_items is 10"):
        DemoConfig(n_items=10)
