from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from engine.errors import DataError
from engine.rank.calibration import Calibration


def told(n=4000, slope=2.0, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(3, 2, n)
    return scores, rng.random(n) < expit(slope * (scores - 5))


def test_the_sigmoid_is_that_of_logistic_regression():
    scores, wanted = told()
    found = Calibration.fit(scores, wanted)
    known = LogisticRegression(C=1e9).fit(scores[:, None], wanted)
    assert found.slope == pytest.approx(known.coef_[0, 0], rel=0.03)  # Platt's targets are not quite 0 and 1
    assert found.bias == pytest.approx(known.intercept_[0], rel=0.03)
    assert found.probabilities(scores).mean() == pytest.approx(wanted.mean(), abs=2e-3)


@pytest.mark.parametrize("how", ["platt", "isotonic"])
def test_the_order_is_never_turned_round(how):
    scores, wanted = told()
    for sign in (1, -1):
        found = Calibration.fit(sign * scores, wanted, how)
        odds = found.log_odds(np.sort(sign * scores))
        assert (np.diff(odds) >= -1e-12).all() and np.isfinite(odds).all()
    assert np.ptp(Calibration.fit(-scores, wanted).log_odds(scores)) == pytest.approx(0, abs=1e-6)


def test_the_staircase_fits_what_a_sigmoid_cant():
    rng = np.random.default_rng(1)
    scores = rng.random(5000)
    chance = np.where(scores < 0.5, 0.05, 0.3)
    found = Calibration.fit(scores, rng.random(5000) < chance, "isotonic").probabilities(
        np.array([0.2, 0.8, 9.0, -9.0])
    )
    assert found[:2] == pytest.approx([0.05, 0.3], abs=0.05)
    assert 0 < found[3] <= found[2] < 1


def test_scores_of_one_value_get_the_share_of_wanted_ones():
    found = Calibration.fit(np.zeros(100), np.arange(100) < 30)
    assert found.probabilities(np.zeros(1))[0] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("wanted", [np.zeros(5, dtype=bool), np.ones(5, dtype=bool)])
def test_one_class_only_is_refused(wanted):
    with pytest.raises(DataError, match="chances can't be told"):
        Calibration.fit(np.arange(5.0), wanted)
