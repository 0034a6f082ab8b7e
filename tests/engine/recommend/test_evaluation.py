from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tastes import ITEMS, NOW, event_rows, two_categories

from engine.errors import DataError
from engine.metrics.measures import aggregate
from engine.ranked import Ranked
from engine.recommend.eligibility import Rules
from engine.recommend.evaluation import histories_of, make_task, run_rows
from engine.recommend.events import EventConfig, clean_events
from engine.recommend.popular import Popular
from engine.recommending.measuring import recommend_rows

ROW = {item: row for row, item in enumerate(ITEMS)}
START = NOW - timedelta(days=10)


def log_of(*rows):
    return clean_events(event_rows(*rows), ITEMS, EventConfig(), now=NOW)[0]


LOG = log_of(
    ("old", "bag-00", "transaction", 100),
    ("old", "bag-01", "view", 20),
    ("old", "bag-00", "transaction", 5),  # again: left out where bought items are
    ("old", "shoe-00", "addtocart", 5),
    ("old", "shoe-01", "view", 5),  # no target
    ("cold", "bag-01", "transaction", 1),
    ("again", "bag-02", "transaction", 50),
    ("again", "bag-02", "transaction", 2),
    ("gone", "bag-03", "transaction", 50),
    ("sorry", "bag-04", "transaction", 4),
    ("sorry", "bag-04", "cancellation", 3),
)


def task(**how):
    return make_task(LOG, two_categories(), EventConfig(), start=START, **how)


def wanted(found):
    users = found.histories.users
    return {user: ITEMS[found.wanted[[row]].indices].tolist() for row, user in enumerate(users)}


def test_only_what_happened_before_is_known_and_only_targets_afterwards_are_wanted():
    found = task(rules=Rules(bought=False))
    assert wanted(found) == {"again": ["bag-02"], "cold": ["bag-01"], "old": ["bag-00", "shoe-00"]}
    assert sorted(found.past.users) == ["again", "gone", "old"]
    histories = {user: ITEMS[found.histories.weights[[row]].indices].tolist() for row, user in enumerate(wanted(found))}
    assert histories == {"again": ["bag-02"], "cold": [], "old": ["bag-00", "bag-01"]}


def test_what_the_rules_leave_out_is_not_wanted_and_users_of_whom_nothing_remains_are_counted():
    found = task()
    assert wanted(found) == {"cold": ["bag-01"], "old": ["shoe-00"]}
    assert found.n_unmeasured == 1
    assert not found.rules.unavailable


def test_what_was_unavailable_then_is_left_out_and_not_wanted_where_that_is_known():
    now = two_categories()
    gone = replace(now, available=now.available & (ITEMS != "shoe-00"))
    assert wanted(make_task(LOG, gone, EventConfig(), start=START)) == {"cold": ["bag-01"], "old": ["shoe-00"]}
    found = make_task(LOG, replace(gone, as_of=START), EventConfig(), start=START)
    assert wanted(found) == {"cold": ["bag-01"]}
    assert found.rules.unavailable and found.n_unmeasured == 2
    rows = recommend_rows(Popular().fit(found.past, gone, seed=1), found, replace(gone, as_of=START))
    assert all("shoe-00" not in hits for hits in rows["hits"])
    assert not make_task(
        LOG, replace(gone, as_of=START), EventConfig(), start=START, rules=Rules(unavailable=False)
    ).rules.unavailable


def test_an_end_cuts_what_is_wanted():
    assert wanted(task(end=NOW - timedelta(days=4))) == {"old": ["shoe-00"]}


def test_nothing_to_measure_is_an_error_with_the_counts():
    with pytest.raises(DataError, match=r"11 events before .* and 0 of like after it"):
        make_task(LOG, two_categories(), EventConfig(), start=NOW, targets=["like"])


def test_rows_hold_lists_slices_and_what_the_metrics_beyond_accuracy_need():
    found = task()
    rows = np.array([[ROW["bag-01"], ROW["shoe-00"]], [ROW["shoe-01"], ROW["shoe-00"]]])
    frame = run_rows(found, Ranked(rows, np.array([[2, 1], [2, 1]], dtype=np.float32)), two_categories())
    cold, old = frame.to_dict("records")
    assert cold["user_id"] == "cold" and cold["hit_rank"] == 1 and cold["history"] == "no history"
    assert old["hit_rank"] == 2 and old["history"] == "2-5 items" and old["n_history"] == 2
    assert old["category"] == "Shoes" and old["hit_categories"] == ["Shoes", "Shoes"]
    assert cold["item_age"] == "new, up to 30 days" and old["item_age"] == "not seen before"
    # 3 users before; bag-01 was with one of them
    assert cold["surprise"][0] == pytest.approx(-np.log2(2 / 4)) and old["surprise"][0] == pytest.approx(2)
    figures = aggregate("recommend", frame)
    assert figures["mrr"] == pytest.approx(0.75) and figures["coverage@5"] == pytest.approx(3 / 21)


def test_histories_of_unknown_users_are_empty():
    found = histories_of(task().past, np.array(["nobody", "old"], dtype=object))
    assert np.diff(found.weights.indptr).tolist() == [0, 2]
    assert found.weights.sum() == pytest.approx(9) and found.last.dtype == np.int64
