"""Two groups of users compared: intervals that hold as often as they say, also when nothing differs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.metrics.samples import (
    ENOUGH,
    Moments,
    ratio,
    ratio_difference,
    sample_ratio,
    share,
    share_difference,
)

TRIALS = 2000
# Of so many trials of which each is a false alarm with 5 %, how many may be, once in a thousand test runs on each side.
FEWEST, MOST = stats.binom.ppf([0.001, 0.999], TRIALS, 0.05)


def users(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clicks, impressions and revenue of n users who differ: some see and like much more than others."""
    impressions = rng.poisson(rng.gamma(1.0, 10.0, n))
    clicks = rng.binomial(impressions, rng.beta(2, 18, n))
    revenue = rng.binomial(1, 0.3, n) * rng.lognormal(3, 0.5, n)
    return clicks, impressions, revenue


@pytest.fixture(scope="module")
def same() -> list[tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]]:
    """Trials of two groups of different size between which there is no difference."""
    rng = np.random.default_rng(7)
    return [(users(rng, 600), users(rng, 400)) for _ in range(TRIALS)]


def test_ctr_of_equal_groups_differs_as_rarely_as_it_says(same):
    found = [ratio_difference(Moments.of(*a[:2]), Moments.of(*b[:2])).clear for a, b in same]
    assert FEWEST <= sum(found) <= MOST


def test_clicks_that_are_taken_for_independent_would_raise_false_alarms(same):
    def naive(a, b):
        (k, n), (c, m) = (a[0].sum(), a[1].sum()), (b[0].sum(), b[1].sum())
        both = (k + c) / (n + m)
        return abs(k / n - c / m) > 1.96 * np.sqrt(both * (1 - both) * (1 / n + 1 / m))

    assert sum(naive(a, b) for a, b in same) > 2 * MOST


def test_revenue_of_equal_groups_differs_as_rarely_as_it_says(same):
    found = [ratio_difference(per_user(a), per_user(b)).clear for a, b in same]
    assert FEWEST <= sum(found) <= MOST


def per_user(group) -> Moments:
    return Moments.of(group[2], np.ones(len(group[2])))


def test_conversion_of_equal_groups_differs_as_rarely_as_it_says(same):
    found = [share_difference(*[(int((one[2] > 0).sum()), len(one[2])) for one in pair]).clear for pair in same]
    assert FEWEST <= sum(found) <= MOST


def test_the_delta_method_agrees_with_resampling_users():
    rng = np.random.default_rng(3)
    clicks, impressions, _ = users(rng, 2000)
    drawn = rng.integers(2000, size=(3000, 2000))
    low, high = np.quantile(clicks[drawn].sum(axis=1) / impressions[drawn].sum(axis=1), [0.025, 0.975])
    found = ratio(Moments.of(clicks, impressions))
    assert found.value == clicks.sum() / impressions.sum()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_a_mean_per_user_is_the_interval_of_the_textbook():
    values = np.random.default_rng(1).exponential(size=500)
    found = ratio(Moments.of(values, np.ones(500)))
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(0.95, values.mean(), stats.sem(values)))


def test_shares_by_wilson_and_newcombe():
    wilson = stats.binomtest(15, 148).proportion_ci(method="wilson")
    assert (share(15, 148).low, share(15, 148).high) == pytest.approx((wilson.low, wilson.high))
    # Newcombe 1998, table II: 56/70 - 48/80, method 10: 0.0524 to 0.3339; 0/10 - 0/20: -0.1611 to 0.2775
    found, nothing = share_difference((56, 70), (48, 80)), share_difference((0, 10), (0, 20))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert (nothing.low, nothing.high) == pytest.approx((-0.1611, 0.2775), abs=5e-5)


def test_too_few_users_have_no_interval_and_a_share_of_none_has_one():
    few = Moments.of(np.r_[np.ones(ENOUGH - 1), np.zeros(50)], np.ones(ENOUGH + 49))
    assert not ratio(few).known and not ratio_difference(few, few).clear and ratio(few).value > 0
    assert share(0, 100).low == 0 < share(0, 100).high < 0.05
    nothing = Moments.of(np.zeros(0), np.zeros(0))
    assert np.isnan(ratio(nothing).value) and not ratio(nothing).known and np.isnan(share(0, 0).value)


def test_a_difference_that_is_there_is_found():
    rng = np.random.default_rng(5)
    clicks, impressions, _ = users(rng, 4000)
    more = clicks + rng.binomial(impressions - clicks, 0.03)
    found = ratio_difference(Moments.of(more[:2000], impressions[:2000]), Moments.of(clicks[2000:], impressions[2000:]))
    assert found.clear and found.low > 0


def test_a_skewed_split_is_an_alarm_and_a_fair_one_is_not():
    skewed = sample_ratio({"a": 50_000, "b": 48_000}, [0.5, 0.5])
    assert skewed.alarm and "don't compare" in skewed.words
    fair = sample_ratio({"a": 50_100, "b": 49_900}, [0.5, 0.5])
    assert fair.p == pytest.approx(stats.chisquare([50_100, 49_900]).pvalue)
    assert not fair.alarm and "chance explains" in fair.words
    assert not sample_ratio({"a": 900, "b": 100}, [0.9, 0.1]).alarm
    assert not sample_ratio({"a": 0, "b": 0}, [0.5, 0.5]).alarm


def test_a_fair_split_alarms_as_rarely_as_it_says():
    splits = np.random.default_rng(2).binomial(1000, 0.3, size=5_000)
    alarms = sum(sample_ratio({"a": int(k), "b": 1000 - int(k)}, [0.3, 0.7]).alarm for k in splits)
    assert alarms <= stats.binom.ppf(0.999, 5_000, 0.001)
