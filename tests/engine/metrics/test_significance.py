import numpy as np
import pytest
from scipy import sparse, stats

from engine.metrics.significance import Measure, PairedDifference, mean_measure, paired_bootstrap, paired_normal


def test_the_interval_is_close_to_that_of_scipy():
    rng = np.random.default_rng(1)
    a = rng.random(200)
    b = a + rng.normal(0.05, 0.2, 200)
    found = paired_bootstrap(mean_measure(a), mean_measure(b), seed=0, n_resamples=4000)
    reference = stats.bootstrap((b - a,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert found.difference == pytest.approx((b - a).mean())
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=0.003)
    assert found.wins + found.losses + found.ties == 200


def test_rows_taken_together_give_the_interval_of_rows_one_by_one():
    """Values of 0 and 1 are drawn by how often they occur; a column that tells rows apart forces drawing each row."""
    rng = np.random.default_rng(2)
    a, b = (rng.random(400) < 0.5).astype(float), (rng.random(400) < 0.6).astype(float)
    joined = paired_bootstrap(mean_measure(a), mean_measure(b), seed=3, n_resamples=4000)
    apart = Measure(np.column_stack([a, np.arange(400.0)]), lambda sums, n: sums[..., 0] / n, a)
    single = paired_bootstrap(apart, mean_measure(b), seed=3, n_resamples=4000)
    assert (joined.low, joined.high) == pytest.approx((single.low, single.high), abs=0.006)


@pytest.mark.parametrize("batch", [1, 5_000])
def test_the_size_of_batches_changes_memory_and_not_the_answer(monkeypatch, batch):
    rng = np.random.default_rng(4)
    a, b = mean_measure(rng.random(50)), mean_measure(rng.random(50))
    whole = paired_bootstrap(a, b, seed=5, n_resamples=300)
    monkeypatch.setattr("engine.metrics.significance.BATCH", batch)
    pieces = paired_bootstrap(a, b, seed=5, n_resamples=300)
    assert (pieces.low, pieces.high) == pytest.approx((whole.low, whole.high), abs=1e-12)


def test_two_models_of_equal_worth_differ_clearly_about_once_in_twenty():
    rng = np.random.default_rng(6)
    clear = 0
    for trial in range(400):
        base = rng.random(120)
        a, b = base + rng.normal(0, 0.2, 120), base + rng.normal(0, 0.2, 120)
        clear += paired_bootstrap(mean_measure(a), mean_measure(b), seed=trial, n_resamples=300).clear
    assert 0.025 < clear / 400 < 0.085


def test_a_ratio_of_sums_is_resampled_as_such_dense_and_sparse():
    rng = np.random.default_rng(7)
    over, under = rng.integers(0, 5, 150).astype(float), rng.integers(5, 9, 150).astype(float)

    def ratio(parts):
        return Measure(parts, lambda sums, _: sums[..., 0] / sums[..., 1], over / under)

    dense = ratio(np.column_stack([over, under]))
    better = Measure(np.column_stack([over + 1, under]), dense.combine, (over + 1) / under)
    found = paired_bootstrap(dense, better, seed=1)
    assert dense.total == pytest.approx(over.sum() / under.sum())
    assert found.wins == 150
    assert found.difference == pytest.approx(150 / under.sum())
    assert found.low < found.difference < found.high
    thin = paired_bootstrap(ratio(sparse.csr_array(dense.parts)), better, seed=1)
    assert (thin.low, thin.high) == pytest.approx((found.low, found.high), abs=1e-3)


def test_differences_in_words():
    said = PairedDifference(0.5, 0.512, 0.004, 0.0201, 118, 300, 74)
    assert said.words() == "+0.012 (0.004 to 0.020), 118 queries better, 74 worse"
    assert said.clear
    none = PairedDifference(0.5, 0.49999, -0.0001, 0.00001, 1, 2, 3, unit="SKUs")
    assert none.words() == "+0.000 (0.000 to 0.000), 1 SKUs better, 3 worse"
    assert not none.clear


def test_rounding_is_a_tie():
    a, b = mean_measure(np.array([0.1 + 0.2, 1.0])), mean_measure(np.array([0.3, 1.0]))
    assert paired_bootstrap(a, b, seed=0).ties == 2


@pytest.mark.parametrize(("n_a", "n_b"), [(0, 0), (2, 3)])
def test_rows_that_are_not_pairs_are_refused(n_a, n_b):
    with pytest.raises(ValueError, match="same rows twice"):
        paired_bootstrap(mean_measure(np.zeros(n_a)), mean_measure(np.zeros(n_b)), seed=0)


def test_the_normal_approximation_tells_what_the_bootstrap_does():
    rng = np.random.default_rng(4)
    a = mean_measure(rng.random(4000))
    b = mean_measure(np.clip(a.values + 0.02 + 0.2 * rng.standard_normal(4000), 0, 1))
    quick, slow = paired_normal(a, b), paired_bootstrap(a, b, seed=0)
    assert (quick.low, quick.high) == pytest.approx((slow.low, slow.high), abs=6e-4)
    assert (quick.a, quick.b, quick.wins, quick.losses) == (slow.a, slow.b, slow.wins, slow.losses)


def test_the_normal_approximation_is_for_means_over_the_same_rows():
    with pytest.raises(ValueError, match="the same rows twice, got 2 and 3"):
        paired_normal(mean_measure(np.zeros(2)), mean_measure(np.zeros(3)))
