"""What was answered in a window: every figure is the sum of the rows that it opens to."""

import pytest

from engine.errors import UnknownNameError
from engine.serve import aging
from engine.serve.traffic_tables import BUCKETS
from engine.watching.answers import ROWS, SPANS, rows_of, window
from engine.watching.store import read_answers
from tests.watched import LISTS, NOW, count, tally


@pytest.fixture
def hour(store, database):
    """Two processes and three routes in the last hour, and something before it."""
    count(
        database,
        (0, LISTS, 200, {"ms_5": 8, "ms_50": 1}),
        (0, LISTS, 503, {"ms_5": 1}),
        (30, "/search", 200, {"ms_100": 10}),
        (59, "/health", 200, {"ms_1": 60}),
        (61, LISTS, 200, {"ms_1": 500}),
    )
    count(database, (0, LISTS, 200, {"ms_5": 10}), (1, "unmatched", 404, {"ms_1": 5}), process="2-b")
    tally(database, (0, "fallback", "recommendations", "DeadlineExceeded", 2), (3, "list", "", "cold", 4))
    tally(database, (0, "fallback", "search", "StorageError", 1), (0, "list", "", "known", 12), process="2-b")
    return read_answers(store, window("1h", NOW + 30))


def test_all_routes_but_those_of_watchers_are_summed(hour):
    total = hour.total
    assert (total.n, total.errors, total.refused, total.fallbacks) == (35, 1, 5, 3)
    assert total.error_rate == pytest.approx(1 / 35) and total.per_second == pytest.approx(35 / 3570)
    assert [line.route for line in hour.routes] == [LISTS, "/search", "unmatched", "/health"]


def test_a_route_has_its_own_figures(hour):
    line = hour.line(LISTS)
    assert (line.n, line.errors, line.fallbacks) == (20, 1, 2)
    assert line.quantiles[0].high == 0.005 and line.quantiles[2].high == 0.05
    with pytest.raises(UnknownNameError, match="did you mean '/search'"):
        hour.line("/serch")


def test_shares_of_lists(hour):
    assert hour.cold_share == pytest.approx(4 / 16) and hour.lists == 16
    assert hour.fallback_share == pytest.approx(3 / 29)  # of lists and searches that were given
    assert hour.tally("fallback")["n"].tolist() == [2, 1]


def test_figures_are_the_sums_of_the_rows_that_they_open(hour):
    for route in ("", LISTS, "/search", "unmatched"):
        line, of = hour.line(route), f":{route}" if route else ""
        for name, value in (("answers", line.n), ("errors", line.errors), ("refused", line.refused)):
            assert rows_of(hour, f"{name}{of}")[1]["n"].sum() == value
        assert rows_of(hour, f"latency{of}")[1][list(BUCKETS)].to_numpy().sum() == line.n
    errors = rows_of(hour, "errors")[1]
    assert errors["n"].sum() / errors["of"].sum() == hour.total.error_rate and errors["n"].iloc[0] == 1
    fallbacks = rows_of(hour, "fallback")[1]
    assert fallbacks["n"].sum() / fallbacks["of"].sum() == hour.fallback_share
    assert rows_of(hour, "fallback:search")[1]["n"].sum() == 1 and rows_of(hour, "list")[1]["n"].sum() == hour.lists
    assert all(len(rows_of(hour, key)[1].columns) for key in ROWS)
    with pytest.raises(UnknownNameError):
        rows_of(hour, "everything")


def test_steps_add_up_to_the_window(hour):
    series = hour.series()
    assert len(series) == 60 and series["n"].sum() == hour.total.n and series["errors"].sum() == hour.total.errors
    assert series["p50"].notna().sum() == 3 and (series["per_second"] * 60).iloc[:-1].sum() == pytest.approx(15)
    assert hour.series(LISTS)["n"].sum() == 20


@pytest.mark.parametrize("name", SPANS)
def test_a_window_is_as_long_as_it_says_and_keeps_its_steps(name):
    minutes, step = SPANS[name]
    for seconds in (0, 59, 7_000, 43_000):
        found = window(name, NOW + seconds)
        assert len(found.steps) == minutes // step and found.start % (step * 60) == 0
        assert minutes * 60 - step * 60 <= found.seconds < minutes * 60
        assert found.steps[-1].timestamp() <= NOW + seconds < found.steps[-1].timestamp() + step * 60


def test_an_unknown_window_is_named():
    with pytest.raises(UnknownNameError, match="window"):
        window("1y", NOW)


def test_old_minutes_count_the_same_after_they_became_hours(database, store):
    count(database, *((4 * 1440 + minute, LISTS, 200, {"ms_5": 2, "ms_more": 1}) for minute in range(0, 600, 7)))
    before = read_answers(store, window("7d", NOW))
    for _ in range(20):
        aging.age(database, NOW)
    after = read_answers(store, window("7d", NOW))
    assert after.total == before.total and before.total.n == 86 * 3
    assert after.series()["n"].tolist() == before.series()["n"].tolist()


def test_nothing_is_nothing(store):
    found = read_answers(store, window("24h", NOW))
    assert found.total.n == 0 and found.total.quantiles == (None, None, None) and found.routes == []
    assert found.fallback_share == found.cold_share == found.total.error_rate == 0 and found.series()["n"].sum() == 0
