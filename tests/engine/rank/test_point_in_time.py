import numpy as np
import pytest

from engine.rank.lists import Stock
from engine.rank.point_in_time import DAY, Timeline
from engine.rank.point_in_time_past import Dated, Events, ItemPast, UserPast


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(2)
    return rng.integers(0, 9, 400) * 7, rng.integers(0, 50, 400) * DAY


def asked(n=300):
    rng = np.random.default_rng(3)
    return rng.integers(-2, 70, n), rng.integers(-5, 55, n) * DAY


def test_counts_are_those_of_counting_one_by_one(events):
    keys, micros = events
    line, (who, when) = Timeline(keys, micros), asked()
    plain = [((keys == key) & (micros < moment)).sum() for key, moment in zip(who, when, strict=True)]
    week = [
        ((keys == key) & (micros < moment) & (micros >= moment - 7 * DAY)).sum()
        for key, moment in zip(who, when, strict=True)
    ]
    assert line.counts(who, when).tolist() == plain
    assert line.counts(who, when, days=7).tolist() == week


def test_the_first_and_the_last_event_are_found(events):
    keys, micros = events
    line, (who, when) = Timeline(keys, micros), asked()
    for key, moment, first, last in zip(
        who, when, line.since_first(who, when), line.since_last(who, when), strict=True
    ):
        mine = micros[(keys == key) & (micros < moment)]
        if len(mine):
            assert (first, last) == ((moment - mine.min()) / DAY, (moment - mine.max()) / DAY)
        else:
            assert np.isnan([first, last]).all()


def test_what_happens_at_the_moment_itself_is_not_known_yet():
    line = Timeline(np.array([1, 1]), np.array([5, 9]))
    assert line.counts(np.array([1, 1, 1]), np.array([5, 6, 10])).tolist() == [0, 1, 2]


def test_without_events_nothing_is_known():
    line = Timeline(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    assert line.counts(np.array([3]), np.array([5])).tolist() == [0]
    assert np.isnan(line.since_last(np.array([3]), np.array([5]))).all()


def test_numbers_said_of_items_have_a_mean_and_a_last_one():
    said = Dated(np.array([4, 4, 4, 6]), np.array([1, 5, 9, 2]), np.array([10.0, 20.0, 60.0, 3.0]))
    items, when = np.array([4, 4, 4, 4, 6, 7]), np.array([1, 2, 6, 10, 10, 10])
    np.testing.assert_equal(said.mean(items, when), [np.nan, 10, 15, 30, 3, np.nan])
    np.testing.assert_equal(said.mean(items, when, but_last=True), [np.nan, np.nan, 10, 15, np.nan, np.nan])
    np.testing.assert_equal(said.last(items, when), [np.nan, 10, 20, 60, 3, np.nan])


def test_a_later_event_shifts_no_bit_of_a_sum():
    rng = np.random.default_rng(4)
    items, micros = rng.integers(0, 5, 300), np.sort(rng.integers(0, 40 * DAY, 300))
    ask, when = np.arange(5), np.full(5, 20 * DAY)
    some, every = (
        _past(items[micros < end], micros[micros < end]).popularity(ask, when) for end in (20 * DAY, 60 * DAY)
    )
    assert some.tobytes() == every.tobytes()
    assert some.min() > 0


def test_popularity_halves_in_its_half_life():
    past = _past(np.array([0, 0]), np.array([0, 30 * DAY]))
    assert past.popularity(np.array([0, 0, 1]), np.array([30, 60, 60]) * DAY) == pytest.approx([0.5, 0.75, 0])


def test_histories_hold_the_newest_events_oldest_first():
    user, item, micros = np.array([0, 0, 0, 2]), np.array([3, 1, 2, 4]), np.array([10, 20, 30, 5])
    events = Events(("view",), user, item, np.zeros(4, dtype=int), micros)
    users = UserPast(events, _stock(), np.zeros(5, dtype=np.int32))
    found = users.histories(np.array([0, -1, 0, 2]), np.array([30, 30, 99, 5]), 2)
    assert found.sizes.tolist() == [2, 0, 2, 0]
    assert found.items.tolist() == [3, 1, 1, 2]
    assert found.micros.tolist() == [10, 20, 20, 30]


def _stock():
    ids = np.array([f"i{n}" for n in range(5)], dtype=object)
    return Stock(ids, np.zeros(5, dtype=np.int32), np.array(["all"], dtype=object))


def _past(items, micros):
    events = Events(("view",), np.arange(len(items)), items, np.zeros(len(items), dtype=int), micros)
    return ItemPast(_stock(), np.zeros((5, 1), dtype=np.int32), np.full(5, np.nan), events)
