"""The permutation test against scipy's, and corrections for several tests."""

import numpy as np
import pytest
from scipy import sparse, stats

from engine.metrics.permutation import effect_size, holm, permutation_test
from engine.metrics.significance import Measure, mean_measure


def measured(values):
    return mean_measure(np.asarray(values, dtype=np.float64))


def test_it_agrees_with_scipy_on_means():
    rng = np.random.default_rng(0)
    a = rng.random(60)
    b = a + 0.03 + 0.1 * rng.standard_normal(60)
    found = permutation_test(measured(a), measured(b), seed=1, n_resamples=20_000)
    theirs = stats.permutation_test(
        (a, b), lambda x, y, axis: (y - x).mean(axis=axis), permutation_type="samples", n_resamples=20_000, rng=1
    )
    assert found == pytest.approx(theirs.pvalue, abs=0.006) and 0.001 < found < 0.2


def test_all_swaps_of_few_rows_are_as_likely():
    found = permutation_test(measured([0, 0, 0, 0]), measured([1, 1, 1, 1]), seed=0, n_resamples=40_000)
    assert found == pytest.approx(2 / 16, abs=0.01)


def test_equal_models_differ_by_nothing():
    assert permutation_test(measured([0.2, 0.4]), measured([0.2, 0.4]), seed=0, n_resamples=100) == 1.0


def test_a_clear_difference_reaches_the_least_possible():
    a, b = np.zeros(200), np.ones(200)
    assert permutation_test(measured(a), measured(b), seed=0, n_resamples=999) == 1 / 1000


def f1(parts):
    def combine(sums, n):
        return 2 * sums[..., 0] / np.maximum(sums[..., 1] + sums[..., 2], 1)

    parts = np.asarray(parts, dtype=np.float64)
    return Measure(parts, combine, combine(parts, 1))


def test_ratios_are_computed_from_swapped_counts():
    rng = np.random.default_rng(3)
    true = rng.integers(1, 5, 80)
    a, b = (np.column_stack([rng.integers(0, true + 1), rng.integers(1, 6, 80), true]) for _ in range(2))
    dense = permutation_test(f1(a), f1(b), seed=2, n_resamples=4000)
    kept = permutation_test(
        Measure(sparse.csr_array(f1(a).parts), f1(a).combine, f1(a).values),
        Measure(sparse.csr_array(f1(b).parts), f1(b).combine, f1(b).values),
        seed=2,
        n_resamples=4000,
    )
    swaps, seen = [], abs(f1(b).total - f1(a).total)
    for _ in range(4000):
        swap = rng.random(80)[:, None] < 0.5
        swaps.append(abs(f1(np.where(swap, a, b)).total - f1(np.where(swap, b, a)).total) >= seen - 1e-12)
    assert dense == pytest.approx(np.mean(swaps), abs=0.03) and kept == pytest.approx(np.mean(swaps), abs=0.03)


def test_rows_must_belong_together():
    with pytest.raises(ValueError, match="the same rows twice, got 2 and 3"):
        permutation_test(measured([0, 1]), measured([0, 1, 1]), seed=0)


def test_holm_is_the_worked_case():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


def test_effect_size_is_the_mean_in_standard_deviations():
    assert effect_size(measured([0, 0, 0, 0]), measured([1, 2, 3, 2])) == pytest.approx(
        2 / np.std([1, 2, 3, 2], ddof=1)
    )
    assert effect_size(measured([0.5]), measured([0.7])) == 0.0
