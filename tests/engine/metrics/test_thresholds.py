import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_curve

from engine.metrics import thresholds
from engine.metrics.thresholds import best_threshold, label_thresholds, threshold_curve


def case(seed: int = 0, n: int = 120, m: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that know something, in steps of a twentieth so that many are equal; some are 0."""
    rng = np.random.default_rng(seed)
    true = rng.random((n, m)) < 0.3
    return true, np.round(np.clip(0.35 * true + rng.random((n, m)) * 0.65 - 0.1, 0, 1) * 20) / 20


def test_the_curve_is_that_of_scikit_learn():
    true, probabilities = case()
    curve = threshold_curve(true, probabilities)
    precision, recall, cuts = precision_recall_curve(true.ravel(), probabilities.ravel())
    above = cuts > 0
    np.testing.assert_allclose(curve.thresholds[::-1], cuts[above])
    np.testing.assert_allclose(curve.precision[::-1], precision[:-1][above])
    np.testing.assert_allclose(curve.recall[::-1], recall[:-1][above])


@pytest.mark.parametrize("seed", range(3))
def test_no_other_cut_is_better(seed):
    true, probabilities = case(seed)
    scores = {cut: f1_score(true, probabilities >= cut, average="micro") for cut in np.unique(probabilities)[1:]}
    best = best_threshold(true, probabilities)
    assert scores[best] == pytest.approx(max(scores.values()))
    curve = threshold_curve(true, probabilities)
    assert curve.f1.max() == pytest.approx(scores[best])


def test_missed_labels_lower_the_curve_and_may_lower_the_threshold():
    true, probabilities = case()
    free, bound = threshold_curve(true, probabilities), threshold_curve(true, probabilities, n_missed=500)
    assert bound.recall[-1] == pytest.approx(free.recall[-1] * true.sum() / (true.sum() + 500))
    assert bound.best <= free.best


@pytest.mark.parametrize("block", [10_000, 300])
def test_each_label_gets_its_own_best_cut(monkeypatch, block):
    monkeypatch.setattr(thresholds, "BLOCK", block)
    true, probabilities = case(4)
    found = label_thresholds(true, probabilities, fallback=0.5)
    for label, cut in enumerate(found):
        scores = [f1_score(true[:, label], probabilities[:, label] >= c) for c in np.unique(probabilities)[1:]]
        assert f1_score(true[:, label], probabilities[:, label] >= cut) == pytest.approx(max(scores))


def test_labels_with_little_support_or_no_probability_get_the_fallback():
    true = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0]], dtype=bool)
    probabilities = np.array([[0.9, 0.9, 0, 0.4], [0.6, 0.2, 0, 0.4], [0.1, 0.1, 0, 0.4]])
    assert label_thresholds(true, probabilities, fallback=0.33, min_support=2).tolist() == [0.6, 0.33, 0.33, 0.33]


def test_nothing_to_assert_gives_a_threshold_that_asserts_nothing():
    assert best_threshold(np.ones((2, 2), dtype=bool), np.zeros((2, 2))) == 1.0
    assert best_threshold(np.zeros((0, 2), dtype=bool), np.zeros((0, 2))) == 1.0
    assert label_thresholds(np.zeros((0, 2), dtype=bool), np.zeros((0, 2)), fallback=0.4).tolist() == [0.4, 0.4]
