from datetime import timedelta

import numpy as np
import pytest
from tastes import NOW, event_rows

from engine.errors import DataError, SettingsError
from engine.recommend.events import DAY, EventConfig, clean_events, micros
from engine.recommend.interactions import interactions, places_of, training_set

ITEMS = np.array(["a", "b", "c", "d"], dtype=object)


def test_events_are_ordered_by_user_and_time_and_the_rest_is_counted_by_reason():
    rows = event_rows(
        ("u2", "b", "view", 1),
        ("u1", "a", "transaction", 2),
        ("u1", "a", "view", 3),
        ("u1", "a", "view", 3),
        ("u1", "gone", "view", 3),
        ("u1", "c", "wishlist", 3),
        ("u3", "c", "view", -5),
    )
    log, report = clean_events(rows, ITEMS, EventConfig(), now=NOW)
    assert log.users.tolist() == ["u1", "u2"]
    assert [(log.users[u], ITEMS[i], log.kinds[k]) for u, i, k in zip(log.user, log.item, log.kind, strict=True)] == [
        ("u1", "a", "view"),
        ("u1", "a", "transaction"),
        ("u2", "b", "view"),
    ]
    assert report.read == 7 and report.kept == 3
    assert report.left_out == {
        "of kinds without a weight (wishlist)": 1,
        "of items that aren't in the catalogue": 1,
        "dated after today": 1,
        "repeated": 1,
    }
    assert "3 of 7 events kept; left out: 1 of kinds without a weight (wishlist)" in report.summary


def test_a_kind_of_event_counts_once_it_has_a_weight():
    log, _ = clean_events(event_rows(("u", "a", "wishlist", 1)), ITEMS, EventConfig(weights={"wishlist": 2.0}), now=NOW)
    assert interactions(log, EventConfig(weights={"wishlist": 2.0})).weights.toarray().tolist() == [[2, 0, 0, 0]]


def test_nothing_left_is_an_error_that_says_why():
    with pytest.raises(DataError, match=r"No event can be used \(1 of kinds without a weight \(like\)\)"):
        clean_events(event_rows(("u", "a", "like", 1)), ITEMS, EventConfig(), now=NOW)


def test_only_the_newest_events_of_a_bot_are_kept_and_it_is_named():
    rows = event_rows(*[("bot", ITEMS[n % 4], "view", 100 - n) for n in range(10)], ("u", "d", "view", 50))
    log, report = clean_events(rows, ITEMS, EventConfig(most_events=3), now=NOW)
    assert report.capped == {"bot": 10}
    assert report.left_out == {"of 1 user with more than 3": 7}
    assert ITEMS[log.item[log.user == 0]].tolist() == ["d", "a", "b"]
    assert len(log) == 4


def test_weights_add_up_and_the_newest_time_is_kept():
    rows = event_rows(
        ("u", "a", "view", 9), ("u", "a", "addtocart", 8), ("u", "c", "transaction", 7), ("v", "a", "view", 1)
    )
    log, _ = clean_events(rows, ITEMS, EventConfig(), now=NOW)
    data = interactions(log, EventConfig())
    assert data.weights.toarray().tolist() == [[5, 0, 8, 0], [1, 0, 0, 0]]
    assert data.last.toarray()[0].tolist() == [micros(NOW) - 8 * DAY, 0, micros(NOW) - 7 * DAY, 0]
    assert data.of_kind("view").toarray().tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert data.of_kind("addtocart").toarray().tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert data.of_kind("unheard of").nnz == 0


def test_an_event_counts_half_after_the_half_life():
    rows = event_rows(("u", "a", "view", 0), ("u", "b", "view", 10), ("u", "c", "view", 20))
    config = EventConfig(half_life=10)
    log, _ = clean_events(rows, ITEMS, config, now=NOW)
    assert interactions(log, config, now=NOW).weights.toarray()[0] == pytest.approx([1, 0.5, 0.25, 0])


def test_a_cancelled_purchase_is_no_interaction_and_its_user_is_left_out():
    rows = event_rows(
        ("u", "a", "transaction", 3),
        ("u", "a", "cancellation", 2),
        ("v", "b", "transaction", 3),
        ("v", "b", "transaction", 2),
        ("v", "b", "cancellation", 1),
        ("v", "c", "view", 1),
    )
    log, _ = clean_events(rows, ITEMS, EventConfig(), now=NOW)
    data = interactions(log, EventConfig())
    assert data.users.tolist() == ["v"]
    assert data.weights.toarray().tolist() == [[0, 8, 1, 0]]
    assert data.last.nnz == data.done.nnz == 2


MINUTE = 1 / 1440


def test_a_session_ends_after_the_gap_and_with_its_user():
    rows = event_rows(
        ("u", "a", "view", 1 + 100 * MINUTE),
        ("u", "b", "view", 1 + 70 * MINUTE),  # 30 minutes later: still the same
        ("u", "a", "addtocart", 1 + 39 * MINUTE),  # 31 minutes later
        ("u", "c", "view", 1 + 38 * MINUTE),
        ("v", "c", "view", 1 + 38 * MINUTE),
    )
    log, _ = clean_events(rows, ITEMS, EventConfig(), now=NOW)
    assert log.sessions(30).tolist() == [0, 0, 1, 1, 2]
    assert log.sessions(31).tolist() == [0, 0, 0, 0, 1]
    assert log.take(np.zeros(len(log), dtype=bool)).sessions(30).tolist() == []
    data = interactions(log, EventConfig(), sessions=True)
    assert data.sessions.weights.toarray().tolist() == [[1, 1, 0, 0], [4, 0, 1, 0], [0, 0, 1, 0]]
    assert data.users[data.sessions.user].tolist() == ["u", "u", "v"]
    assert interactions(log, EventConfig(session_gap=60), sessions=True).sessions.user.tolist() == [0, 1]
    assert interactions(log, EventConfig()).sessions is None and data.rows(np.array([0])).sessions is None


def test_sessions_leave_out_what_was_taken_back_and_users_to_whom_nothing_is_left():
    rows = event_rows(
        ("gone", "a", "transaction", 3),
        ("gone", "a", "cancellation", 2),
        ("left", "b", "transaction", 3),
        ("left", "b", "cancellation", 3 - MINUTE),
        ("left", "c", "view", 3 - 2 * MINUTE),
    )
    log, _ = clean_events(rows, ITEMS, EventConfig(), now=NOW)
    data = interactions(log, EventConfig(), sessions=True)
    assert data.users.tolist() == ["left"]
    assert data.sessions.weights.toarray().tolist() == [[0, 0, 1, 0]] and data.sessions.user.tolist() == [0]


def test_a_log_cut_in_time_leaves_users_without_events_out_of_the_interactions():
    rows = event_rows(("u", "a", "view", 9), ("v", "b", "view", 1))
    log, _ = clean_events(rows, ITEMS, EventConfig(), now=NOW)
    early = log.between(end=NOW - timedelta(days=5))
    late = log.between(start=NOW - timedelta(days=5))
    assert interactions(early, EventConfig()).users.tolist() == ["u"]
    assert interactions(late, EventConfig()).users.tolist() == ["v"]
    assert len(early) + len(late) == len(log)


def test_places_of_users_are_minus_one_where_unknown():
    log, _ = clean_events(event_rows(("u", "a", "view", 9), ("w", "b", "view", 1)), ITEMS, EventConfig(), now=NOW)
    data = interactions(log, EventConfig())
    assert places_of(np.array(["w", "v", "u", "zz"], dtype=object), data.users).tolist() == [1, -1, 0, -1]
    assert data.rows(np.array([1])).weights.toarray().tolist() == [[0, 1, 0, 0]]


def test_training_leaves_out_what_has_too_few_interactions():
    rows = event_rows(*[(f"u{n}", item, "view", n + 1) for n in range(3) for item in "ab"], ("u0", "c", "view", 1))
    log, _ = clean_events(rows, ITEMS, EventConfig(), now=NOW)
    found = training_set(interactions(log, EventConfig()), min_user_interactions=2, min_item_interactions=2)
    assert found.items.tolist() == [True, True, False, False]
    assert found.matrix.toarray().tolist() == [[1, 1, 0, 0]] * 3
    with pytest.raises(DataError, match="Of 3 users and 4 items none has enough"):
        training_set(interactions(log, EventConfig()), min_user_interactions=3, min_item_interactions=2)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"weights": {"view": 0}}, "the weight of 'view' is 0"),
        ({"weights": {}}, r"none of \{\} is above 0"),
        ({"weights": {"cancellation": -1}}, "none of .* is above 0"),
        ({"half_life": 0}, "half_life is 0"),
        ({"most_events": 0}, "most_events is 0"),
        ({"session_gap": 0}, "session_gap is 0"),
    ],
)
def test_settings_that_cannot_be_are_named(values, said):
    with pytest.raises(SettingsError, match=said):
        EventConfig(**values)
