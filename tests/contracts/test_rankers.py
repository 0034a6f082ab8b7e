"""What every ranker keeps, on lists whose wanted candidates features and histories tell of."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ranked import make_lists, make_stock

from engine.errors import ArtifactError, DataError, MissingExtraError
from engine.rank.base import Training
from engine.rank.evaluation import list_ndcg
from engine.rank.lists import Lists
from engine.rank.registry import RANKERS

TREES = ("lightgbm", "catboost", "xgboost")
SMALL = {
    "lightgbm": {"rounds": 60, "least": 5, "rate": 0.1},
    "catboost": {"rounds": 60, "rate": 0.1},
    "xgboost": {"rounds": 60, "least": 1.0, "rate": 0.1},
    "transformer": {"width": 16, "epochs": 8, "layers": 1, "batch_lists": 32, "rate": 5e-3},
    "gat": {"width": 16, "epochs": 8, "batch_lists": 32, "rate": 5e-3},
}
STOCK = make_stock()


@pytest.fixture(scope="module")
def train() -> Lists:
    return make_lists(120, seed=1, stock=STOCK)


@pytest.fixture(scope="module")
def valid() -> Lists:
    return make_lists(60, seed=2, stock=STOCK)


@pytest.fixture(scope="module")
def held() -> Lists:
    return make_lists(60, seed=3, stock=STOCK)


def made(name, **settings):
    make = RANKERS.load(name)
    return make(make.Config(**(SMALL[name] | settings)))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFWISE_THREADS", "1")
        yield


@pytest.fixture(scope="module", params=RANKERS.parts)
def name(request):
    try:
        RANKERS.load(request.param)
    except MissingExtraError as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture(scope="module")
def ranker(name, train, valid):
    return made(name).fit(train, valid, Training(seed=1))


def close(scores):
    """Trees give the same to the last bit; networks multiply matrices, whose sums depend on their shapes."""
    return pytest.approx(scores, abs=1e-4)


def shuffled(lists: Lists, seed: int = 0) -> tuple[Lists, np.ndarray]:
    """The same lists with their candidates in another order, and where each row came from."""
    order = np.lexsort((np.random.default_rng(seed).random(len(lists.items)), lists.list_of_row))
    changed = replace(lists, items=lists.items[order], features=lists.features[order], wanted=lists.wanted[order])
    return changed, order


def test_wanted_candidates_come_first_more_often_than_by_chance(ranker, held):
    chance = list_ndcg(held, np.random.default_rng(0).random(len(held.items)), 5).mean()
    assert list_ndcg(held, ranker.scores(held), 5).mean() > chance + 0.15


def test_scores_are_finite_and_one_for_each_candidate(ranker, held):
    scores = ranker.scores(held)
    assert scores.shape == (len(held.items),) and scores.dtype == np.float64 and np.isfinite(scores).all()


def test_scores_need_not_know_what_was_wanted(ranker, held):
    assert ranker.scores(replace(held, wanted=None)) == close(ranker.scores(held))


def test_a_score_depends_neither_on_the_order_of_candidates_nor_on_other_lists(ranker, held):
    scores = ranker.scores(held)
    changed, order = shuffled(held)
    assert ranker.scores(changed) == close(scores[order])
    some = np.array([7, 3])
    expected = np.concatenate([scores[held.starts[n] : held.starts[n + 1]] for n in some])
    assert ranker.scores(held.take(some)) == close(expected)


def test_equal_scores_order_candidates_alike_whichever_way_they_stand(held):
    changed, _ = shuffled(held)
    constant = np.zeros(len(held.items))
    assert held.items[held.ordered(constant)].tolist() == changed.items[changed.ordered(constant)].tolist()


def test_lists_of_one_candidate_of_none_and_no_lists_at_all(ranker, held):
    kept = np.ones(len(held.items), dtype=bool)
    kept[: held.starts[2]] = False  # the first list has nobody, the second one candidate
    kept[held.starts[1]] = True
    few = held.rows(kept).take(np.arange(4))
    assert few.sizes.tolist()[:2] == [0, 1]
    scores = ranker.scores(few)
    assert scores == close(ranker.scores(held)[np.flatnonzero(kept)[: len(scores)]])
    nothing = held.take(np.array([], dtype=np.int64))
    assert ranker.scores(nothing).shape == (0,) and ranker.explain(nothing) == []
    assert ranker.scores(few.take(np.array([0]))).shape == (0,)


def test_lists_with_few_candidates_can_be_learned_from(name, train, valid):
    rng = np.random.default_rng(0)
    kept = rng.random(len(train.items)) < 0.6
    kept[: train.starts[2]] = False
    kept[train.starts[1]] = True
    few = train.rows(kept)
    assert few.sizes.tolist()[:2] == [0, 1]
    scores = made(name).fit(few, valid.take(np.arange(10)), Training(seed=1)).scores(valid)
    assert np.isfinite(scores).all() and np.ptp(scores) > 0


def test_users_without_a_history_get_an_order(ranker, held):
    nobody = held.take(np.array([0]))
    assert nobody.histories.sizes.tolist() == [0]
    scores = ranker.scores(nobody)
    assert np.isfinite(scores).all() and np.ptp(scores) > 0
    assert len(ranker.explain(nobody)) == len(scores)


def test_unknown_features_and_unknown_categories_have_a_score(ranker, held):
    features = held.features.copy()
    features[: held.starts[1]] = np.nan
    features[held.starts[1] : held.starts[2], held.names.index("item_category")] = 99
    assert np.isfinite(ranker.scores(replace(held, features=features))).all()


def test_explanations_name_features_or_past_items_and_add_up_where_they_say_so(ranker, held):
    some = held.take(np.arange(6))
    told = ranker.explain(some)
    assert len(told) == len(some.items)
    past = set(some.stock.item_ids[some.histories.items])
    assert all(set(each) <= set(some.names) | past for each in told) and any(told)
    if ranker.additive:
        summed = np.array([sum(each.values()) for each in told])
        assert np.ptp(ranker.scores(some) - summed) < 1e-4


def test_importance_is_shares_of_the_features(ranker):
    shares = ranker.importance()
    if not ranker.columns:
        assert shares == {}
        return
    assert list(shares) == [column.name for column in ranker.columns]
    assert sum(shares.values()) == pytest.approx(1) and min(shares.values()) >= 0


def test_curves_say_how_learning_went(ranker):
    assert any("valid" in curve for curve in ranker.curves)
    assert all(len(values) > 1 and np.isfinite(values).all() for values in ranker.curves.values())


def test_progress_rises_to_the_end(name, train, valid):
    shares = []
    training = Training(seed=1, progress=lambda share, words: shares.append(share) or words.upper())
    made(name).fit(train.take(np.arange(40)), valid.take(np.arange(10)), training)
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] == 1


def test_the_same_seed_gives_the_same_scores(name, ranker, train, valid, held):
    again = made(name).fit(train, valid, Training(seed=1)).scores(held)
    assert again == close(ranker.scores(held))


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("objective", ["classification", "lambdarank"])
def test_the_number_of_threads_changes_nothing_in_trees(tree, objective, valid, held, monkeypatch):
    many = make_lists(300, 40, seed=5, stock=STOCK, histories=False)  # so many that threads share them out
    scores = []
    for threads in ("1", "2"):
        monkeypatch.setenv("SHELFWISE_THREADS", threads)
        ranker = made(tree, objective=objective, rounds=6).fit(many, valid, Training(seed=1))
        scores.append(ranker.scores(held).tolist())
    assert scores[0] == scores[1]


def test_what_is_saved_scores_explains_and_tells_the_same(ranker, held, tmp_path):
    ranker.save(tmp_path)
    loaded = type(ranker).load(tmp_path)
    some = held.take(np.arange(3))
    assert loaded.scores(held).tolist() == ranker.scores(held).tolist()
    assert loaded.explain(some) == ranker.explain(some)
    assert loaded.importance() == ranker.importance() and loaded.curves == ranker.curves
    assert loaded.columns == ranker.columns and loaded.config == ranker.config
    assert not [file.name for file in tmp_path.iterdir() if file.suffix in (".pkl", ".pickle", ".joblib", ".pt")]


def test_damaged_and_missing_files_are_named(ranker, tmp_path):
    ranker.save(tmp_path)
    names = [file.name for file in tmp_path.iterdir()]
    assert "config.json" in names and len(names) > 1
    for file in names:
        data = (tmp_path / file).read_bytes()
        for damage in (data[: len(data) // 2], b""):
            (tmp_path / file).write_bytes(damage)
            with pytest.raises(ArtifactError, match=file):
                type(ranker).load(tmp_path)
        (tmp_path / file).write_bytes(data[:-20] + b"x" * 10 + data[-10:])
        with pytest.raises(ArtifactError, match="|".join(names)):  # a checksum that changed looks like a changed model
            type(ranker).load(tmp_path)
        (tmp_path / file).unlink()
        with pytest.raises(ArtifactError, match=file):
            type(ranker).load(tmp_path)
        (tmp_path / file).write_bytes(data)
    type(ranker).load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"config": {"nonsense": 1}}))
    with pytest.raises(ArtifactError, match=r"config\.json"):
        type(ranker).load(tmp_path)


def test_lists_with_other_features_are_refused_with_the_difference(ranker, held):
    if not ranker.columns:
        pytest.skip("reads no features")
    renamed = replace(held, columns=(replace(held.columns[0], name="other"), *held.columns[1:]))
    with pytest.raises(ArtifactError, match="item_events missing; other not known to it"):
        ranker.scores(renamed)
    with pytest.raises(ArtifactError, match="other not known"):
        ranker.explain(renamed)
    turned = replace(held, columns=held.columns[::-1], features=held.features[:, ::-1])
    with pytest.raises(ArtifactError, match="another order or meaning"):
        ranker.scores(turned)


def test_one_class_only_is_refused(name, train, valid):
    for wanted, said in ((True, "every one"), (False, "none")):
        with pytest.raises(DataError, match=said):
            made(name).fit(replace(train, wanted=np.full(len(train.items), wanted)), valid, Training(seed=1))
    with pytest.raises(DataError, match="say nothing of what was wanted"):
        made(name).fit(replace(train, wanted=None), valid, Training(seed=1))


def test_nothing_can_be_asked_before_it_has_learned(name, held):
    with pytest.raises(ArtifactError, match="learned nothing yet"):
        made(name).scores(held)


def test_without_lists_to_watch_it_learns_to_the_end(name, train):
    nothing = train.take(np.array([], dtype=np.int64))
    settings = {"rounds": 12} if name in TREES else {"epochs": 2}
    learned = made(name, **settings).fit(train, nothing, Training(seed=1))
    assert np.ptp(learned.scores(train)) > 0
    assert not any("valid" in curve for curve in learned.curves)


def test_equal_weights_change_nothing_and_others_do(name, ranker, train, valid, held):
    weights = np.ones(len(train.items), dtype=np.float32)
    alike = made(name).fit(train, valid, Training(seed=1, weights=weights)).scores(held)
    assert alike == close(ranker.scores(held))
    weights[: len(weights) // 2] = 0.01
    other = made(name).fit(train, valid, Training(seed=1, weights=weights)).scores(held)
    assert np.abs(other - alike).max() > 1e-3


def test_histories_are_asked_for_by_those_who_need_them(ranker, name, train, valid, held):
    bare = replace(held, histories=None)
    if not ranker.needs_histories:
        assert ranker.scores(bare).tolist() == ranker.scores(held).tolist()
        return
    with pytest.raises(DataError, match="histor"):
        ranker.scores(bare)
    with pytest.raises(DataError, match="histor"):
        made(name).fit(replace(train, histories=None), valid, Training(seed=1))
