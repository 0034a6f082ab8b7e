"""The rescue queue: what is wrong, whom it touches, and that tasks come in the order of that."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from engine.handled import Handled
from engine.ranked import NONE
from engine.recommend.catalogue import read_catalogue
from engine.recommending.lists import Lists
from engine.rescue import COLUMNS, TASKS, rescue_queue
from engine.review import Candidates
from engine.sql import Queries

NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def shop(workspace):
    """Five SKUs: a loved one that nobody is shown, a sold-out one that people want, three others."""
    items = [
        {"item_id": name, "title": f"the {name}", "category": "Bags", "available": name != "gone"}
        for name in ("gem", "gone", "plain", "poor", "shown")
    ]
    ratings = {"gem": 5.0, "poor": 2.0, "shown": 4.0}
    reviews = [
        {"review_id": f"{item}{n}", "item_id": item, "text": "so", "rating": stars, "timestamp": NOW}
        for item, stars in ratings.items()
        for n in range(5)
    ]
    days = {"gone": (1, 2, 3), "shown": (1, 40), "plain": (50,)}
    events = [
        {"user_id": f"u{day}", "item_id": item, "event": "view", "timestamp": NOW - timedelta(days=day)}
        for item, ages in days.items()
        for day in ages
    ]
    with workspace.replace_tables("plain") as writer:
        writer.write("items", pd.DataFrame(items))
        writer.write("reviews", pd.DataFrame(reviews))
        writer.write("events", pd.DataFrame(events))
    return workspace


def queue(shop, **parts):
    return rescue_queue(Queries(shop), **parts).set_index("key")


def served(shop):
    catalogue = read_catalogue(Queries(shop))
    rows = np.array([[4, 3], [4, 2], [4, NONE]], dtype=np.int32)
    models = {"als": SimpleNamespace(trained=np.ones(5, dtype=bool))}
    lists = Lists(np.array(["u1", "u2", "u3"], dtype=object), rows, np.zeros_like(rows, dtype=bool))
    return {"lists": lists, "pipeline": SimpleNamespace(catalogue=catalogue, models=models, hidden=None)}


def test_what_is_wanted_and_sold_out_counts_its_people(shop):
    found = queue(shop)
    assert found.index.tolist() == ["sold out: gone"]
    assert found.loc["sold out: gone", "gain"] == 3 and "3 people in 30 days" in found.loc["sold out: gone", "why"]


def test_a_loved_sku_in_nobodys_list_is_a_task(shop):
    found = queue(shop, **served(shop))
    gem = found.loc["hidden gem: gem"]
    mean = (5 + 2 + 4) / 3
    assert gem["gain"] == pytest.approx(1 * (5 * 5 + mean * 4) / 9 / 5)
    assert "5 reviews, 5.0 stars; others rank higher" in gem["why"]
    assert "hidden gem: poor" not in found.index and "hidden gem: gone" not in found.index


def test_a_loved_sku_in_hardly_any_list_is_a_task_and_one_in_some_is_none(shop):
    parts = served(shop)
    rows = np.full((40, 2), NONE, dtype=np.int32)
    rows[:, 0], rows[0, 1] = 4, 0  # "shown" in every list, "gem" in one of forty
    users = np.array([f"u{n}" for n in range(40)], dtype=object)
    gem = queue(shop, **{**parts, "lists": Lists(users, rows, rows < NONE)}).loc["hidden gem: gem"]
    assert "in 1 of 40 lists" in gem["why"]
    assert gem["gain"] == pytest.approx((20.5 - 1) * (5 * 5 + (5 + 2 + 4) / 3 * 4) / 9 / 5)
    rows[:9, 1] = 0
    assert "hidden gem: gem" not in queue(shop, **{**parts, "lists": Lists(users, rows, rows < NONE)}).index


def test_tags_and_queries_are_tasks_until_somebody_looked(shop):
    pairs = pd.DataFrame({"item_id": ["gone", "plain"], "tag": ["soft", "warm"], "why": ["a asserts it", "b does"]})
    asserted = pd.DataFrame({"item_id": ["gone", "shown"], "tag": ["big", "big"], "probability": [0.9, 0.8]})
    tags = Candidates(asserted, pairs.head(0), pairs, asserted)
    troubled = pd.DataFrame({"query": ["=cmd"], "times": [9], "empty": [4], "weak": [3]})
    found = queue(shop, tags=tags, troubled=troubled)
    assert found.loc["no answer: =cmd", "gain"] == 7
    assert found.loc["disputed: gone · soft", "gain"] == 3 and found.loc["unconfirmed: big", "gain"] == 4
    assert found["gain"].is_monotonic_decreasing and set(found["kind"]) <= set(TASKS)
    decided = pd.DataFrame({"item_id": ["gone", "shown"], "tag": ["soft", "big"]})
    left = queue(shop, tags=tags, decided=decided)
    assert "disputed: gone · soft" not in left.index and "unconfirmed: big" not in left.index


def test_a_shop_with_nothing_wrong_has_no_tasks(workspace):
    with workspace.replace_tables("plain") as writer:
        writer.write("items", pd.DataFrame({"item_id": ["a"], "title": ["a"], "category": ["Bags"]}))
    found = rescue_queue(Queries(workspace))
    assert found.empty and tuple(found.columns) == COLUMNS


def test_marks_are_kept_and_taken_back(workspace):
    handled = Handled(workspace)
    assert handled.current() == {}
    handled.mark("sold out: gone", who="Ann")
    handled.mark("no answer: x", who="Bob")
    assert handled.current()["sold out: gone"].who == "Ann"
    handled.mark("sold out: gone", who="Bob", handled=False)
    assert list(handled.current()) == ["no answer: x"]
