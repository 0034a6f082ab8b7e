from dataclasses import replace

import numpy as np
import pytest
from lightgbm.basic import LightGBMError
from ranked import make_lists, make_stock

from engine.errors import DataError, SettingsError
from engine.rank.base import Training
from engine.rank.catboost import CatBoost, CatBoostConfig
from engine.rank.lightgbm import LightGbm, LightGbmConfig
from engine.rank.rows import rows_of
from engine.rank.xgboost import XgBoost, XgBoostConfig

STOCK = make_stock()
CLASSES = (LightGbm, CatBoost, XgBoost)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


@pytest.fixture(scope="module")
def train():
    return make_lists(100, seed=1, stock=STOCK, histories=False)


@pytest.fixture(scope="module")
def valid():
    return make_lists(50, seed=2, stock=STOCK, histories=False)


@pytest.fixture(params=CLASSES, ids=lambda each: each.__name__)
def make(request):
    def made(**settings):
        return request.param(request.param.Config(**({"rounds": 40, "rate": 0.1} | settings)))

    return made


def log_loss(lists, scores):
    return np.log1p(np.exp(np.where(lists.known, -scores, scores))).mean()


def test_lambdarank_orders_and_watches_ndcg(make, train, valid):
    ranker = make(objective="lambdarank").fit(train, valid, Training(seed=1))
    assert set(ranker.curves) == {"train ndcg@5", "valid ndcg@5"}
    wanted, scores = valid.known, ranker.scores(valid)
    assert scores[wanted].mean() > scores[~wanted].mean() + 0.2
    told = ranker.explain(valid.take(np.arange(3)))
    summed = np.array([sum(each.values()) for each in told])
    assert np.ptp(scores[: len(summed)] - summed) < 1e-4


def test_margins_are_log_odds(make, train, valid):
    ranker = make(rounds=300).fit(train, valid, Training(seed=1))
    chances = 1 / (1 + np.exp(-ranker.scores(valid)))
    assert chances.mean() == pytest.approx(valid.known.mean(), abs=0.03)


def test_it_stops_when_valid_gets_no_better_and_keeps_the_best_round(make, train, valid):
    settings = {"rounds": 300, "rate": 0.3, "patience": 5}
    ranker = make(**settings).fit(train, valid, Training(seed=1))
    curve = ranker.curves["valid log loss"]
    assert int(np.argmin(curve)) + 1 + 5 == len(curve) < 300
    assert log_loss(valid, ranker.scores(valid)) == pytest.approx(min(curve), abs=1e-5) != curve[-1]


def test_lambdarank_stops_by_ndcg(make, train, valid):
    settings = {"objective": "lambdarank", "rounds": 300, "rate": 0.3, "patience": 5}
    ranker = make(**settings).fit(train, valid, Training(seed=1))
    curve = ranker.curves["valid ndcg@5"]
    best = int(np.argmax(curve)) + 1
    assert best + 5 == len(curve) < 300
    short = make(**(settings | {"rounds": best, "patience": 0})).fit(train, valid, Training(seed=1))
    assert ranker.scores(valid) == pytest.approx(short.scores(valid), abs=1e-5)


def test_the_curve_of_ndcg_leaves_lists_out_where_nothing_was_wanted(make, train, valid):
    wanted = valid.known.copy()
    wanted[: valid.starts[20]] = False
    settings = {"watched": "ndcg@5", "rounds": 3, "patience": 0}
    ranker = make(**settings).fit(train, replace(valid, wanted=wanted), Training(seed=1))
    rest = make(**settings).fit(train, valid.take(np.arange(20, 50)), Training(seed=1))
    assert ranker.curves["valid ndcg@5"] == pytest.approx(rest.curves["valid ndcg@5"])


def test_chances_that_are_off_on_valid_do_not_say_when_to_stop(make, train, valid):
    """Balanced, wanted candidates seem frequent: log loss on valid gets worse from the first round on."""
    weights = np.where(train.known, 9, 1).astype(np.float32)
    weighed = make().fit(train, valid, Training(seed=1, weights=weights))
    assert "valid ndcg@5" in weighed.curves and "valid log loss" not in weighed.curves
    assert "valid log loss" in make().fit(train, valid, Training(seed=1, weights=weights / weights)).curves
    few = train.rows(train.known | (np.arange(len(train.items)) % 9 == 0))
    assert "valid ndcg@5" in make().fit(few, valid, Training(seed=1)).curves
    chosen = make(watched="log loss").fit(train, valid, Training(seed=1, weights=weights))
    assert "valid log loss" in chosen.curves


def test_lambdarank_needs_a_list_with_both(make, train, valid):
    wanted = np.repeat(np.arange(len(train)) % 2 == 0, train.sizes)
    with pytest.raises(DataError, match=r"No list has both .*; use the objective classification"):
        make(objective="lambdarank").fit(replace(train, wanted=wanted), valid, Training(seed=1))


def test_features_of_one_value_are_refused(make, train, valid):
    constant = replace(train, features=np.ones_like(train.features))
    with pytest.raises(DataError, match="Every feature has one value"):
        make().fit(constant, valid, Training(seed=1))


def test_weights_of_lists_count_in_lambdarank_and_those_of_classes_do_not(make, train, valid):
    def scores(weights):
        training = Training(seed=1, weights=weights)
        return make(objective="lambdarank", patience=0).fit(train, valid, training).scores(valid)

    plain = scores(None)
    assert scores(np.where(train.known, 11, 0.5).astype(np.float32)) == pytest.approx(plain, abs=1e-5)
    of_lists = np.where(train.list_of_row < 50, 1, 0.01).astype(np.float32)
    assert np.abs(scores(of_lists) - plain).max() > 1e-3


def test_codes_are_categories_and_not_amounts(train, valid, make):
    """Wanted are categories 0 and 2, which no single threshold tells from 1 and 3."""

    def odd(lists):
        return replace(lists, wanted=lists.features[:, 4] % 2 == 0)

    settings = {"depth": 1} if make().name != "LightGBM" else {"leaves": 2, "least": 5}
    ranker = make(rounds=10, rate=1.0, rows=1.0, features=1.0, **settings).fit(odd(train), odd(valid), Training(seed=1))
    scores, wanted = ranker.scores(valid), odd(valid).known
    assert scores[wanted].min() > scores[~wanted].max()
    assert ranker.importance()["item_category"] > 0.9


def test_a_gpu_that_is_not_there_is_said(train, valid):
    for make, config in ((XgBoost, XgBoostConfig), (CatBoost, CatBoostConfig), (LightGbm, LightGbmConfig)):
        with pytest.raises(SettingsError, match=f"{make.name} can't use a GPU here: .*; set device to cpu"):
            make(config(device="gpu", rounds=2)).fit(train, valid, Training(seed=1))


def test_too_little_memory_is_said_in_words(train, valid, monkeypatch):
    for error in (MemoryError(), LightGBMError("std::bad_alloc"), LightGBMError("Out of memory")):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(LightGbm, "_learn", fail)
        with pytest.raises(
            DataError, match="1,200 candidates of 5 features don't fit into memory for LightGBM; take few"
        ):
            LightGbm().fit(train, valid, Training(seed=1))


def test_what_a_library_refuses_is_said(valid):
    huge = make_lists(2, 40, stock=STOCK)
    one = replace(huge, sizes=np.array([80]), list_ids=huge.list_ids[:1], users=huge.users[:1], micros=huge.micros[:1])
    many = replace(
        one,
        sizes=np.array([10_400]),
        items=np.tile(one.items, 130),
        features=np.tile(one.features, (130, 1)),
        wanted=np.tile(one.known, 130),
        histories=None,
    )
    with pytest.raises(DataError, match=r"LightGBM refused 10,400 candidates: .*exceeds upper limit of 10000"):
        LightGbm(LightGbmConfig(objective="lambdarank", rounds=2)).fit(many, valid, Training(seed=1))


@pytest.mark.parametrize(
    ("config", "settings", "said"),
    [
        (
            LightGbmConfig,
            {"objective": "ranking"},
            "objective is 'ranking'; it must be one of classification, lambdarank",
        ),
        (LightGbmConfig, {"leaves": 1}, "leaves is '1'; it must be 2 or more"),
        (XgBoostConfig, {"rate": 0}, r"rate is '0.0'; it must be more than 0 and 1 or less"),
        (CatBoostConfig, {"depth": 99}, "depth is '99'"),
        (CatBoostConfig, {"rounds": 1.5}, "rounds is '1.5'; it must be a whole number"),
        (XgBoostConfig, {"objective": "lambdarank", "watched": "log loss"}, "lambdarank has none of"),
    ],
)
def test_settings_that_cant_be_used(config, settings, said):
    with pytest.raises(SettingsError, match=said):
        config(**settings)


def test_rows_leave_empty_lists_out_and_weigh_lists_around_one(train):
    kept = np.ones(len(train.items), dtype=bool)
    kept[: train.starts[1]] = False
    rows = rows_of(train.rows(kept), np.ones(len(train), dtype=bool), None)
    assert len(rows.sizes) == len(train) - 1 and rows.sizes.sum() == len(rows.features) == len(rows.wanted)
    weighed = rows_of(train, np.arange(len(train)) < 10, np.arange(len(train.items), dtype=np.float32))
    assert len(weighed.list_weights) == 10 and weighed.list_weights.mean() == pytest.approx(1)
    first = np.flatnonzero(train.known[: train.starts[1]]).mean()
    second = np.flatnonzero(train.known[: train.starts[2]])
    assert weighed.list_weights[0] / weighed.list_weights[1] == pytest.approx(
        first / second[second >= train.starts[1]].mean()
    )
