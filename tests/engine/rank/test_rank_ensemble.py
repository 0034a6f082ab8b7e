from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import ArtifactError, DataError
from engine.rank.config import EnsembleConfig
from engine.rank.ensemble import FILE, Ensemble
from engine.rank.evaluation import list_ndcg
from tests.ranked import make_lists

WAYS = ("weights", "rank_average", "stacking")


def panel(n=400, seed=0, **noise):
    """Lists and members that see what was wanted through noise of their own; the others see only noise."""
    lists = make_lists(n, 15, seed=seed)
    rng = np.random.default_rng(seed + 1)
    truth = lists.known.astype(float)
    return lists, {name: 3 * truth * (size < 50) + size * rng.normal(size=len(truth)) for name, size in noise.items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("goal", ["list", "log_loss"])
def test_two_that_err_in_different_places_are_better_together(way, goal):
    valid, scores = panel(a=2.0, b=2.5)
    test, others = panel(seed=9, a=2.0, b=2.5)
    made = Ensemble.fit(scores, valid, EnsembleConfig(how=way, goal=goal))
    whole = list_ndcg(test, made.combine(others, test), 10).mean()
    assert whole > max(list_ndcg(test, own, 10).mean() for own in others.values()) + 0.03
    assert made.value > max(made.alone.values()) and set(made.without) == {"a", "b"}
    chance = made.probabilities(others, test)
    assert chance.mean() == pytest.approx(test.known.mean(), abs=0.02)


@pytest.mark.parametrize("way", WAYS)
def test_what_each_member_adds_sums_to_the_score(way):
    valid, scores = panel(a=2.0, b=2.5, c=4.0)
    made = Ensemble.fit(scores, valid, EnsembleConfig(how=way))
    parts = made.parts(scores, valid)
    assert np.sum(list(parts.values()), axis=0) == pytest.approx(made.combine(scores, valid))
    assert sum(made.weights.values()) == pytest.approx(1) and min(made.weights.values()) >= 0


def test_weights_are_those_of_a_grid_over_all_of_them():
    valid, scores = panel(800, a=2.0, b=3.0)
    made = Ensemble.fit(scores, valid)
    grid = np.linspace(0, 1, 41)
    tried = [list_ndcg(valid, made.combine(scores, valid, {"a": w, "b": 1 - w}), 10).mean() for w in grid]
    assert made.value >= max(tried) - 0.004
    assert made.weights["a"] == pytest.approx(0.5, abs=0.1)  # calibrated, the better one speaks louder already


@pytest.mark.parametrize("goal", ["list", "log_loss"])
def test_a_member_of_noise_is_off_and_said_to_be(goal):
    valid, scores = panel(a=2.0, noise=60.0)
    made = Ensemble.fit(scores, valid, EnsembleConfig(goal=goal))
    assert made.active == ("a",) and made.weights == {"a": 1.0, "noise": 0.0}
    assert "next to nothing" in made.off["noise"] and made.members == ("a", "noise")


def test_a_member_that_turns_the_order_round_is_off():
    valid, scores = panel(a=1.0)
    turned = replace(valid, wanted=valid.known & (valid.list_of_row % 4 == 0))  # most lists tell nothing of the order
    scores["against"] = np.where(valid.list_of_row % 4 == 0, -3 * scores["a"], 3.0)
    made = Ensemble.fit(scores, turned, EnsembleConfig(goal="log_loss"))
    assert made.active == ("a",)


def test_a_costly_member_must_help_beyond_chance():
    valid, scores = panel(60, a=1.0, slow=6.0)
    cheap = Ensemble.fit(scores, valid, costs={"a": 1.0, "slow": 2.0})
    dear = Ensemble.fit(scores, valid, costs={"a": 1.0, "slow": 200.0})
    assert cheap.active == ("a", "slow")
    assert dear.active == ("a",) and "200 times as long" in dear.off["slow"] and "more than chance" in dear.off["slow"]


def test_a_member_that_is_not_at_hand_leaves_its_weight_to_the_others():
    valid, scores = panel(a=2.0, b=2.5)
    made = Ensemble.fit(scores, valid)
    alone = made.combine({"a": scores["a"]}, valid)
    assert alone == pytest.approx(made.calibrations["a"].log_odds(scores["a"]))
    with pytest.raises(DataError, match=r"No member that counts .*\(a, b\)"):
        made.combine({"z": scores["a"]}, valid)


def test_the_order_of_members_and_the_scale_of_scores_change_nothing():
    valid, scores = panel(a=2.0, b=2.5)
    made = Ensemble.fit(scores, valid)
    turned = Ensemble.fit({"b": 100 * scores["b"] - 7, "a": scores["a"]}, valid)
    assert turned.weights == pytest.approx(made.weights, abs=2e-3)


@pytest.mark.parametrize("way", WAYS)
def test_saved_and_loaded_it_gives_the_same(way, tmp_path):
    valid, scores = panel(a=2.0, b=2.5)
    made = Ensemble.fit(scores, valid, EnsembleConfig(how=way, calibration="isotonic"))
    made.save(tmp_path)
    assert Ensemble.load(tmp_path) == made


@pytest.mark.parametrize("text", ["", "{}", '{"config": 3}', "[]", '{"x": 1}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ArtifactError, match=r"ensemble\.json can't be read .*train the ensemble again"):
        Ensemble.load(tmp_path)


def test_what_cant_be_fitted_is_refused():
    valid, scores = panel(a=2.0)
    with pytest.raises(DataError, match="at least one member"):
        Ensemble.fit({}, valid)
    with pytest.raises(DataError, match="none is wanted"):
        Ensemble.fit(scores, replace(valid, wanted=np.zeros_like(valid.known)))


def test_one_member_alone_is_its_own_ensemble():
    valid, scores = panel(a=2.0)
    made = Ensemble.fit(scores, valid)
    assert made.weights == {"a": 1.0} and made.without == {}
    assert made.value == pytest.approx(made.alone["a"])
