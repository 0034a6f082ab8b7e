import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import f1_score, precision_score, recall_score

from engine.metrics.classification import label_counts, macro_f1, micro_f1, row_counts
from engine.metrics.lists import indicators


def case(seed: int, n: int = 80, m: int = 30, share: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    """Random label sets; some rows are empty, the last labels have no support, the first are never predicted."""
    rng = np.random.default_rng(seed)
    true, predicted = rng.random((n, m)) < share, rng.random((n, m)) < share
    true[:, -4:], predicted[:, :3], true[0], predicted[1] = False, False, False, False
    return true, predicted


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_figures_are_those_of_scikit_learn(seed, form):
    true, predicted = case(seed)
    total = label_counts(form(true), form(predicted)).total
    assert micro_f1(form(true), form(predicted)) == pytest.approx(f1_score(true, predicted, average="micro"))
    assert float(total.precision) == pytest.approx(precision_score(true, predicted, average="micro"))
    assert float(total.recall) == pytest.approx(recall_score(true, predicted, average="micro"))
    supported = true.any(axis=0)
    expected = f1_score(true[:, supported], predicted[:, supported], average="macro", zero_division=0)
    assert macro_f1(form(true), form(predicted)) == pytest.approx(expected)


def test_counts_per_row_and_per_label_are_those_of_scikit_learn():
    true, predicted = case(9)
    per_label = label_counts(true, predicted)
    np.testing.assert_allclose(per_label.f1, f1_score(true, predicted, average=None, zero_division=0))
    np.testing.assert_allclose(per_label.precision, precision_score(true, predicted, average=None, zero_division=0))
    per_row = row_counts(true, predicted)
    np.testing.assert_allclose(per_row.f1.mean(), f1_score(true, predicted, average="samples", zero_division=0))
    assert per_row.tp.sum() == per_label.tp.sum() == np.sum(true & predicted)


def test_true_labels_outside_the_vocabulary_are_misses():
    true, predicted = np.array([[1, 1, 0]]), np.array([[1, 0, 1]])
    assert micro_f1(true, predicted) == pytest.approx(0.5)
    assert micro_f1(true, predicted, n_missed=2) == pytest.approx(2 / (2 + 1 + 3))


def test_nothing_true_and_nothing_predicted_is_zero_without_a_warning():
    nothing = np.zeros((3, 4), dtype=bool)
    assert micro_f1(nothing, nothing) == macro_f1(nothing, nothing) == 0
    assert micro_f1(np.zeros((0, 4)), np.zeros((0, 4))) == 0


def test_labels_without_support_do_not_lower_the_macro_average():
    true, predicted = np.array([[1, 0], [1, 0]]), np.array([[1, 1], [1, 1]])
    assert macro_f1(true, predicted) == 1
    assert micro_f1(true, predicted) == pytest.approx(2 * 2 / (4 + 2))


def test_lists_become_matrices_over_one_vocabulary_and_repeats_count_once():
    labels, (a, b) = indicators([["red", "red", "big"], [], None], [["big"], ["new"], []])
    assert labels == ["red", "big", "new"]
    assert a.toarray().tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert b.toarray().tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
