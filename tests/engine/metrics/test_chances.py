import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss, roc_auc_score

from engine.errors import DataError
from engine.metrics.chances import BINS
from engine.metrics.measures import KINDS, aggregate, measures, row_values
from engine.metrics.significance import paired_bootstrap


def made(n_lists: int = 300, *, seed: int = 0, digits: int = 2, keen: float = 1.0) -> pd.DataFrame:
    """Lists of 1 to 30 candidates whose probabilities tell something of what was wanted, with many equal ones."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(n_lists):
        size = int(rng.integers(1, 31))
        chance = np.sort(np.round(rng.beta(1, 4, size), digits))[::-1]
        ids = [f"i{place}" for place in rng.permutation(40)[:size]]
        wanted = rng.random(size) < chance
        rows.append((f"l{n}", ids, chance**keen, [item for item, good in zip(ids, wanted, strict=True) if good]))
    return pd.DataFrame(rows, columns=["list_id", "hits", "scores", "relevant"])


def flat(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    wanted = [item in set(row.relevant) for row in rows.itertuples() for item in row.hits]
    return np.array(wanted), np.concatenate(rows["scores"].tolist())


@pytest.mark.parametrize("digits", [2, 12])
def test_figures_are_those_of_scikit_learn(digits):
    rows = made(digits=digits)
    wanted, chance = flat(rows)
    found = aggregate("rank", rows)
    assert list(found) == list(KINDS["rank"].metrics)
    assert found["log_loss"] == pytest.approx(log_loss(wanted, chance), rel=1e-12)
    assert found["auc_pooled"] == pytest.approx(roc_auc_score(wanted, chance), abs=1e-12 if digits == 2 else 1e-5)
    each = [flat(rows.iloc[[n]]) for n in range(len(rows))]
    areas = [roc_auc_score(good, value) for good, value in each if 0 < good.sum() < len(good)]
    assert 50 < len(areas) < len(rows)
    assert found["auc"] == pytest.approx(np.mean(areas), rel=1e-12)
    share, mean = calibration_curve(wanted, chance, n_bins=BINS, strategy="quantile")
    edges = np.quantile(chance, np.linspace(0, 1, BINS + 1))
    sizes = np.bincount(np.searchsorted(edges[1:-1], chance), minlength=BINS)
    assert found["ece"] == pytest.approx(np.sum(sizes[sizes > 0] * np.abs(share - mean)) / sizes.sum(), rel=1e-9)


def test_a_case_by_hand():
    rows = pd.DataFrame(
        {
            "list_id": ["a", "b", "c"],
            "hits": [["x", "y", "z"], ["x"], []],
            "scores": [[0.8, 0.5, 0.5], [0.5], []],
            "relevant": [["x", "z"], [], ["x"]],
        }
    )
    found = aggregate("rank", rows, ["auc", "log_loss", "recall@20", "mrr"])
    assert found["auc"] == pytest.approx((1 + 0.5) / 2)
    assert found["log_loss"] == pytest.approx((-np.log(0.8) - 3 * np.log(0.5)) / 4)
    assert found["recall@20"] == pytest.approx(1 / 3) and found["mrr"] == pytest.approx(1 / 3)
    values = row_values("rank", rows, ["auc", "log_loss"])
    assert values["auc"].isna().tolist() == [False, True, True]
    assert values["log_loss"].tolist()[1] == pytest.approx(np.log(2)) and np.isnan(values["log_loss"][2])


def test_resampling_finds_the_better_of_two_and_no_difference_of_one_from_itself():
    a, b = made(keen=3.0), made()
    for metric, sign in (("log_loss", -1), ("ece", -1)):
        pair = [measures("rank", rows, [metric])[metric] for rows in (a, b)]
        found = paired_bootstrap(*pair, seed=0, unit="lists")
        assert found.clear and np.sign(found.difference) == sign
        assert found.low <= found.difference <= found.high
    same = measures("rank", a)
    for metric, measure in same.items():
        assert paired_bootstrap(measure, measure, seed=0).difference == 0, metric


def test_a_resampled_measure_is_that_of_the_repeated_rows():
    rows = made(60)
    draw = np.random.default_rng(1).integers(0, len(rows), len(rows))
    again = rows.iloc[draw].assign(list_id=[f"r{n}" for n in range(len(rows))])
    for metric in ("auc", "auc_pooled", "log_loss"):
        measure = measures("rank", rows, [metric])[metric]
        sums = np.asarray(measure.parts[draw].sum(axis=0), dtype=np.float64)
        assert float(measure.combine(sums, len(rows))) == pytest.approx(aggregate("rank", again, [metric])[metric])


def test_constant_probabilities_tell_nothing():
    rows = made()
    rows["scores"] = [np.full(len(hits), 0.2) for hits in rows["hits"]]
    found = aggregate("rank", rows)
    assert found["auc"] == found["auc_pooled"] == 0.5
    wanted, _ = flat(rows)
    assert found["ece"] == pytest.approx(abs(wanted.mean() - 0.2))


@pytest.mark.parametrize("scores", [[[1.5]], [[-0.1]], [[float("nan")]], [[0.1, 0.2]], [[]]])
def test_what_isnt_a_probability_for_each_hit_is_refused(scores):
    rows = pd.DataFrame({"list_id": ["a"], "hits": [["x"]], "scores": scores, "relevant": [["x"]]})
    with pytest.raises(DataError, match="probability"):
        aggregate("rank", rows)
