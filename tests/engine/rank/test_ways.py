from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.rank import ways
from engine.rank.config import EnsembleConfig
from engine.rank.evaluation import list_ndcg
from engine.rank.fitting import Fitting
from engine.rank.ways import FOLDS, compare_ways
from tests.ranked import make_lists


def panel(n=240, *, users=40):
    lists = make_lists(n, 10)
    rng = np.random.default_rng(2)
    truth = 3 * lists.known.astype(float)
    ids = np.array([f"u{place % users}" for place in range(n)], dtype=object)
    scores = {name: truth + size * rng.normal(size=len(truth)) for name, size in (("a", 2.0), ("b", 2.2))}
    return replace(lists, users=ids), scores


def test_every_way_is_better_than_its_members_on_users_it_did_not_see():
    valid, scores = panel()
    found = compare_ways(scores, valid, EnsembleConfig())
    assert set(found) == {"weights", "rank_average", "stacking"}
    best = max(list_ndcg(valid, own, 10).mean() for own in scores.values())
    assert all(value > best + 0.01 for value in found.values())


def test_what_is_learned_of_a_user_isnt_asked_of_the_same(monkeypatch):
    valid, scores = panel()
    seen = []

    class Spy(ways.Fitting):
        def score(self, names, others, asked):
            seen.append((set(self.valid.users), set(asked.users)))
            return super().score(names, others, asked)

    monkeypatch.setattr(ways, "Fitting", Spy)
    compare_ways(scores, valid, EnsembleConfig())
    assert len(seen) == 3 * FOLDS
    assert all(not learned & asked and asked for learned, asked in seen)


@pytest.mark.parametrize("goal", ["list", "log_loss"])
def test_too_few_users_tell_nothing(goal):
    valid, scores = panel(6, users=1)
    assert compare_ways(scores, valid, EnsembleConfig(goal=goal)) == {}


def test_few_lists_leave_every_member_a_say():
    lists, scores = panel(8)
    copy = {
        "a": scores["a"],
        "b": scores["a"] + 0.2 * scores["b"],
    }  # nearly the same: 8 lists can't tell which is better
    assert min(Fitting(EnsembleConfig(), copy, lists).join(("a", "b")).coefficients.values())[0] > 0.3
