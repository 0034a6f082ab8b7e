"""Agreement of rankers, beside scipy's rank correlation."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from engine.rank.agreement import importance_agreement, importances, mean_agreement, order_agreement
from tests.ranked import make_lists


@pytest.fixture(scope="module")
def lists():
    return make_lists(30)


def scores_of(lists, seed, ties):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, len(lists.items)).astype(float) if ties else rng.normal(size=len(lists.items))


@pytest.mark.parametrize("ties", [True, False])
def test_orders_agree_as_scipy_says_list_by_list(lists, ties):
    a, b = scores_of(lists, 1, ties), scores_of(lists, 2, ties)
    parts = zip(np.split(a, lists.starts[1:-1]), np.split(b, lists.starts[1:-1]), strict=True)
    expected = [spearmanr(x, y).statistic for x, y in parts]
    assert mean_agreement(lists, {"a": a, "b": b}) == pytest.approx(expected)
    assert order_agreement(lists, {"a": a, "b": b}).loc["b", "a"] == pytest.approx(np.mean(expected))


def test_a_ranker_agrees_with_itself_and_disagrees_with_its_reverse(lists):
    a = scores_of(lists, 1, ties=False)
    table = order_agreement(lists, {"a": a, "again": 3 * a + 1, "reverse": -a})
    assert table.loc["a", "again"] == pytest.approx(1) and table.loc["a", "reverse"] == pytest.approx(-1)


def test_constant_scores_can_not_be_told(lists):
    flat = np.zeros(len(lists.items))
    assert np.isnan(mean_agreement(lists, {"a": scores_of(lists, 1, ties=False), "flat": flat})).all()
    assert np.isnan(order_agreement(lists, {"a": scores_of(lists, 1, ties=False), "flat": flat}).loc["a", "flat"])
    assert np.isnan(mean_agreement(lists, {"only": flat})).all()


def test_importances_come_largest_first_and_those_that_read_none_are_left_out():
    shares = importances({"a": {"x": 0.2, "y": 0.8}, "b": {"y": 0.5, "z": 0.5}, "network": {}})
    assert list(shares.columns) == ["a", "b"] and list(shares.index) == ["y", "z", "x"]
    assert shares.loc["x", "b"] == 0
    expected = spearmanr([0.8, 0.0, 0.2], [0.5, 0.5, 0.0]).statistic
    assert importance_agreement(shares).loc["a", "b"] == pytest.approx(expected)
    assert importances({}).empty and importance_agreement(importances({})).empty
