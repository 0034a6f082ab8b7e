"""Distances between samples: as references compute them, and no alarm by chance more often than is said."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from engine.retraining.drift import effective, jensen_shannon, kolmogorov_smirnov, rise, stability

ALPHA = 0.01
P = np.array([0.4, 0.3, 0.2, 0.1])


def test_the_stability_index_is_as_worked_by_hand():
    found = stability(np.array([500e6, 500e6]), np.array([700e6, 300e6]), 1000, 1000, alpha=ALPHA)
    assert found.value == pytest.approx(0.2 * np.log(0.7 / 0.5) - 0.2 * np.log(0.3 / 0.5))
    assert found.parts.sum() == pytest.approx(found.value) and found.beyond(0.1) and not found.beyond(0.25)


def test_distances_are_those_of_scipy():
    rng = np.random.default_rng(1)
    old, new = rng.normal(size=4000), rng.normal(0.5, 1.2, size=900)
    quantiles = np.quantile(old, (np.arange(200) + 0.5) / 200, method="inverted_cdf")
    found = kolmogorov_smirnov(quantiles, new, 4000, 900, alpha=ALPHA)
    assert found.value == pytest.approx(ks_2samp(old, new).statistic, abs=0.006)
    a, b = rng.integers(1000, 9000, size=24) * 1.0, rng.integers(1000, 9000, size=24) * 1.0
    assert jensen_shannon(a, b, 100, 100, alpha=ALPHA).value == pytest.approx(jensenshannon(a, b, base=2), abs=1e-4)


def test_a_shift_by_half_a_deviation_is_what_the_limit_of_prices_says():
    rng = np.random.default_rng(2)
    quantiles = np.sort(rng.normal(size=200_000))[500::1000]
    assert kolmogorov_smirnov(quantiles, rng.normal(0.5, size=200_000), 1e5, 1e5, alpha=ALPHA).value == pytest.approx(
        0.197, abs=0.006
    )


def test_one_who_does_everything_counts_once():
    assert effective(np.zeros(0, dtype=np.int64)) == 0
    assert effective(np.arange(50)) == 50
    assert effective(np.repeat(np.arange(50), 7)) == pytest.approx(50)
    assert effective(np.concatenate([np.arange(50), np.full(10_000, 51)])) < 1.02


@pytest.mark.parametrize("what", ["stability", "hours", "prices", "rise"])
def test_chance_alone_passes_the_bound_no_more_often_than_alpha(what):
    rng, n, m, trials = np.random.default_rng(3), 400, 90, 600
    alarms = 0
    for _ in range(trials):
        if what == "prices":
            old = np.quantile(rng.normal(size=n), (np.arange(200) + 0.5) / 200, method="inverted_cdf")
            found = kolmogorov_smirnov(old, rng.normal(size=m), n, m, alpha=ALPHA)
        elif what == "rise":
            found = rise(rng.binomial(n, 0.2) / n, rng.binomial(m, 0.2) / m, n, m, alpha=ALPHA)
        else:
            distance = stability if what == "stability" else jensen_shannon
            found = distance(rng.multinomial(n, P), rng.multinomial(m, P), n, m, alpha=ALPHA)
        alarms += found.value > found.by_chance
    assert alarms <= trials * ALPHA + 4 * np.sqrt(trials * ALPHA)


def test_a_share_that_rises_from_none_is_seen():
    assert rise(0.0, 0.3, 500, 100, alpha=ALPHA).beyond(0.05)
    assert not rise(0.02, 0.09, 500, 20, alpha=ALPHA).beyond(0.05)
