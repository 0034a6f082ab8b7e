from dataclasses import replace

import numpy as np
import pytest
from ranked import make_lists

from engine.errors import DataError, SettingsError, UnknownNameError
from engine.rank import synthetic
from engine.rank.balance import Counts, balance
from engine.rank.base import Training
from engine.rank.lightgbm import LightGbm, LightGbmConfig


@pytest.fixture
def lists():
    return make_lists(60, 20, seed=4)


def made_up(lists, balanced):
    """The features of what SMOTE made."""
    return balanced.lists.features[len(lists.items) :]


def test_nothing_changes_when_nothing_is_asked(lists):
    same = balance(lists, "none")
    assert same.lists is lists and same.weights is None and same.before == same.after
    assert same.before == Counts(lists.known.sum(), (~lists.known).sum())


def test_weights_let_both_classes_weigh_the_same(lists):
    found = balance(lists, "weights")
    assert found.lists is lists and found.how == "weights"
    assert found.weights[lists.known].sum() == pytest.approx(found.weights[~lists.known].sum(), rel=1e-5)
    assert found.weights.sum() == pytest.approx(len(lists.items), rel=1e-5)
    assert found.after.wanted == found.after.others == len(lists.items) / 2


def test_smote_makes_as_many_wanted_candidates_as_there_are_others(lists):
    found = balance(lists, "smote", seed=1)
    n_new = found.before.others - found.before.wanted
    assert found.after == Counts(found.before.others, found.before.others) and found.how == "smote"
    assert found.lists.known.sum() == found.before.others
    assert len(found.lists) == len(lists) + n_new and (found.lists.sizes[len(lists) :] == 1).all()
    assert found.lists.list_ids[-1] == f"synthetic {n_new}" and found.lists.histories.sizes[-1] == 0
    assert found.lists.take(np.arange(len(lists))).features.tolist()[0] == lists.features.tolist()[0]
    assert f"{n_new:,} wanted candidates made up between {found.before.wanted:,}" in found.note


def test_what_is_made_up_lies_between_wanted_candidates(lists):
    new, wanted = made_up(lists, balance(lists, "smote", seed=1)), lists.features[lists.known]
    low, high = np.nanmin(wanted, axis=0), np.nanmax(wanted, axis=0)
    assert (np.nanmin(new, axis=0) >= low - 1e-3).all() and (np.nanmax(new, axis=0) <= high + 1e-3).all()
    codes = lists.names.index("item_category")
    assert set(new[:, codes]) <= set(wanted[:, codes])
    assert len(np.unique(new[:, 0])) > len(np.unique(wanted[:, 0]))


def test_no_unit_outweighs_the_others(lists):
    """The nearest are the same whether a price is in roubles or in kopecks."""
    scaled = lists.features * np.array([1, 1000, 1, 1, 1], dtype=np.float32)
    new = made_up(lists, balance(lists, "smote", seed=1))
    other = made_up(lists, balance(replace(lists, features=scaled), "smote", seed=1))
    assert other[:, 1] == pytest.approx(new[:, 1] * 1000, rel=1e-3, nan_ok=True)
    assert other[:, 0] == pytest.approx(new[:, 0], abs=1e-2)


def test_what_is_unknown_stays_unknown_and_is_not_made_up(lists):
    price = lists.names.index("item_price")
    features = lists.features.copy()
    unknown = lists.known & (lists.features[:, lists.names.index("pair_affinity")] > 0.5)
    features[unknown, price] = np.nan
    new = made_up(lists, balance(replace(lists, features=features), "smote", seed=1))
    own = features[lists.known]
    assert np.isnan(new[:, price]).mean() == pytest.approx(np.isnan(own[:, price]).mean(), abs=0.15)
    assert not np.isnan(np.delete(new, price, axis=1)).any()
    unlike = new[:, lists.names.index("pair_affinity")] < 0.3
    assert unlike.any() and not np.isnan(new[unlike][:, price]).any()


def test_unknown_codes_and_features_that_nobody_knows(lists):
    features = lists.features.copy()
    features[::3, 4] = np.nan
    features[:, 1] = np.nan
    features[:, 3] = 7
    new = made_up(lists, balance(replace(lists, features=features), "smote", seed=1))
    assert np.isnan(new[:, 1]).all() and (new[:, 3] == 7).all()
    assert 0 < np.isnan(new[:, 4]).mean() < 1 and set(new[~np.isnan(new[:, 4]), 4]) <= {0, 1, 2, 3}


def test_amounts_alone_need_no_categories(lists):
    known = replace(lists, columns=lists.columns[2:4], features=lists.features[:, 2:4])
    assert len(made_up(known, balance(known, "smote"))) == (~lists.known).sum() - lists.known.sum()


def test_parts_keep_memory_bounded_and_the_count_exact(lists, monkeypatch):
    monkeypatch.setattr(synthetic, "MOST_CELLS", 20_000)
    found = balance(lists, "smote", seed=1)
    assert found.lists.known.sum() == found.before.others


def test_the_seed_decides(lists):
    new = made_up(lists, balance(lists, "smote", seed=1))
    assert made_up(lists, balance(lists, "smote", seed=1)).tobytes() == new.tobytes()
    assert made_up(lists, balance(lists, "smote", seed=2)).tobytes() != new.tobytes()


def test_fewer_wanted_candidates_than_neighbours_get_weights_and_the_reason(lists):
    few = lists.take(np.arange(2))
    n_wanted = int(few.known.sum())
    found = balance(few, "smote", neighbours=5)
    assert found.how == "weights" and found.weights is not None and found.lists is few
    assert found.note.startswith(f"SMOTE with 5 neighbours needs more than {n_wanted} wanted candidates; each wanted")
    assert balance(few, "smote", neighbours=n_wanted - 1).how == "smote"


def test_codes_alone_and_nothing_to_add_get_weights(lists):
    codes = replace(lists, columns=lists.columns[4:], features=lists.features[:, 4:])
    assert "all are categories' codes" in balance(codes, "smote").note
    assert "as many are wanted as not" in balance(replace(lists, wanted=~lists.known), "smote").note


@pytest.mark.parametrize("how", ["none", "weights", "smote"])
def test_one_class_only_is_refused(lists, how):
    for value, said in ((True, "every one"), (False, "none")):
        with pytest.raises(DataError, match=f"Of 1,200 candidates {said} is wanted"):
            balance(replace(lists, wanted=np.full(1200, value)), how)


def test_ways_that_there_are_not(lists):
    with pytest.raises(UnknownNameError, match="'smoke'; did you mean 'smote'"):
        balance(lists, "smoke")
    with pytest.raises(SettingsError, match="neighbours is 0"):
        balance(lists, "smote", neighbours=0)


def test_lambdarank_learns_the_same_from_candidates_that_are_in_no_list(lists):
    def scores(how, objective):
        balanced = balance(lists, how, seed=1)
        ranker = LightGbm(LightGbmConfig(objective=objective, rounds=5, least=5, rows=1.0, features=1.0))
        nothing = lists.take(np.array([], dtype=np.int64))
        return ranker.fit(balanced.lists, nothing, Training(seed=1, weights=balanced.weights)).scores(lists)

    assert scores("smote", "lambdarank").tolist() == scores("none", "lambdarank").tolist()
    assert scores("weights", "lambdarank") == pytest.approx(scores("none", "lambdarank"))
    for how in ("smote", "weights"):  # and chances rise
        assert scores(how, "classification").mean() > scores("none", "classification").mean() + 1
