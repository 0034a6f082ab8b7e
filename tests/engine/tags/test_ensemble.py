"""The ensemble beyond the contract: its weights are right where the answer is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from engine.errors import ArtifactError, DataError, SettingsError, UnknownNameError
from engine.tags.ensemble import EnsembleConfig, EnsembleTagger, Pool
from tests.tagged import cut, made

SHAPE = (400, 6)
CHEAP = EnsembleConfig(members=("prior", "linear"))


def drawn(seed=0):
    """Log-odds of two members that each see a part of the truth, and the truth that they make up together."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=SHAPE), rng.normal(size=SHAPE)
    true = rng.random(SHAPE) < expit(2.0 * first + 1.0 * second - 1.0)
    return first, second, true


def test_the_weights_are_those_that_made_the_labels():
    first, second, true = drawn()
    pool = Pool.fit(expit(np.stack([first, second])), true)
    assert pool.weights == pytest.approx([2.0, 1.0], abs=0.2)
    assert pool.bias == pytest.approx(-1.0, abs=0.2)
    inputs = np.stack([first.ravel(), second.ravel()], axis=1)
    reference = LogisticRegression(C=np.inf).fit(inputs, true.ravel())
    assert pool.weights == pytest.approx(reference.coef_[0], abs=0.01)


def test_a_member_that_is_wrong_or_says_nothing_new_gets_no_weight():
    first, _, true = drawn()
    wrong = Pool.fit(expit(np.stack([first, -first])), true)
    assert wrong.weights[0] > 1 and wrong.weights[1] < 0.01
    noise = Pool.fit(expit(np.stack([first, np.random.default_rng(9).normal(size=SHAPE)])), true)
    assert abs(noise.weights[1]) < 0.15 < noise.weights[0]


def test_what_one_member_finds_possible_stays_possible():
    said = np.array([[[0.0, 0.9, 0.0]], [[0.0, 0.8, 0.3]]])
    joined = Pool(np.array([0.5, 0.5]), 0.0).probabilities(said)[0]
    assert joined[0] == 0
    assert 0.8 < joined[1] < 0.9
    assert 0 < joined[2] < 0.3


@pytest.mark.parametrize("answer", [True, False])
def test_without_both_answers_it_says_so(answer):
    with pytest.raises(DataError, match="can't weigh the members"):
        Pool.fit(np.full((2, 3, 2), 0.5), np.full((3, 2), answer))


def test_members_learn_apart_from_what_they_are_weighed_on():
    train, valid, test = cut(made(240), 160, 40, 40)
    tagger = EnsembleTagger(CHEAP).fit(train, valid)
    assert tagger.weights["linear"] > tagger.weights["prior"]
    changed = replace(valid, tags=[frozenset({"лёгкая"}) ^ frozenset(tags) for tags in valid.tags])
    other = EnsembleTagger(CHEAP).fit(train, changed)
    assert other.weights != tagger.weights
    assert other.valid_f1 < tagger.valid_f1  # had members learned from valid first, they would know the change
    assert tagger.probabilities(test.items).shape == (40, len(tagger.tags))


def test_members_are_saved_with_it(tmp_path):
    tagger = EnsembleTagger(CHEAP).fit(*cut(made(160), 120, 40))
    tagger.save(tmp_path)
    assert EnsembleTagger.load(tmp_path).weights == tagger.weights
    (tmp_path / "members" / "linear" / "arrays.npz").unlink()
    with pytest.raises(ArtifactError, match="train it again"):
        EnsembleTagger.load(tmp_path)


@pytest.mark.parametrize("members", [(), ("linear",), ("linear", "linear"), ("linear", "ensemble")])
def test_members_must_be_several_and_different(members):
    with pytest.raises(SettingsError, match="two or more different taggers"):
        EnsembleTagger(EnsembleConfig(members=members)).fit(*cut(made(20), 10, 10))


def test_an_unknown_member_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        EnsembleTagger(EnsembleConfig(members=("prior", "liner"))).fit(*cut(made(20), 10, 10))
