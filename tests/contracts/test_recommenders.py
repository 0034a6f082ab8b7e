"""What every recommender keeps, on two groups of users whose tastes are known by construction."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from tastes import BAGS, ITEMS, SHOES, history, shop, two_categories

from engine.errors import ArtifactError, DataError
from engine.ranked import NONE
from engine.recommend.registry import RECOMMENDERS

SMALL = {"als": {"factors": 2}, "bpr": {"factors": 4, "iterations": 300}, "ease": {"regularization": 5.0}}
PERSONAL = sorted(set(RECOMMENDERS.parts) - {"popular", "recent"})
LEARNED = ("als", "bpr", "ease", "item_knn")


@pytest.fixture(scope="module")
def catalogue():
    return two_categories()


@pytest.fixture(scope="module")
def data():
    return shop()


@pytest.fixture(scope="module")
def fitted(data, catalogue):
    def fit(name):
        make = RECOMMENDERS.load(name)
        return make(make.Config(**SMALL.get(name, {}))).fit(data, catalogue, seed=1)

    return {name: fit(name) for name in RECOMMENDERS.parts}


@pytest.fixture(params=sorted(RECOMMENDERS.parts))
def model(request, fitted):
    return fitted[request.param]


def lists(model, histories, k=5, **how):
    return model.recommend(histories, k, **how).ids(model.item_ids)


def test_lists_hold_distinct_trained_items_in_order_of_their_scores(model, data):
    found = model.recommend(data, 6)
    assert found.rows.shape == found.scores.shape == (len(data), 6)
    assert found.rows.dtype == np.int64 and found.scores.dtype == np.float32
    for rows, scores in zip(found.rows, found.scores, strict=True):
        kept = rows[rows != NONE]
        assert len(kept) == len(set(kept)) > 0 and model.trained[kept].all()
        assert (rows[len(kept) :] == NONE).all() and np.isneginf(scores[len(kept) :]).all()
        assert (np.diff(scores[: len(kept)]) <= 1e-6).all()


def test_only_eligible_items_are_found_and_as_many_as_there_are(model, data):
    eligible = np.isin(ITEMS, [*BAGS[:4], *SHOES[:4]])
    found = lists(model, data, 4, eligible=eligible)
    assert all(set(ids) <= {*BAGS[:4], *SHOES[:4]} for ids in found)
    if model.trained.all() or model.trained[eligible].all():
        longest = lists(model, data, 21, eligible=eligible)
        assert max(map(len, longest)) <= 8
    assert all(ids == [] for ids in lists(model, data, 4, eligible=np.zeros(len(ITEMS), dtype=bool)))


def test_what_is_excluded_for_a_user_is_not_in_that_user_s_list(model, data):
    found = lists(model, data, 21, excluded=data.weights)
    for row, ids in enumerate(found):
        assert not set(ids) & set(ITEMS[data.weights[[row]].indices])


def test_a_list_does_not_depend_on_who_else_is_asked_for(model, data):
    together = model.recommend(data, 5)
    alone = model.recommend(data.rows(np.array([7])), 5)
    assert together.rows[7].tolist() == alone.rows[0].tolist()
    assert together.scores[7] == pytest.approx(alone.scores[0], rel=1e-4)


def test_the_same_data_and_seed_give_the_same_model(model, data, catalogue):
    again = type(model)(model.config).fit(data, catalogue, seed=1)
    assert again.recommend(data, 5).rows.tolist() == model.recommend(data, 5).rows.tolist()


def test_saving_and_loading_changes_nothing(model, data, tmp_path):
    model.save(tmp_path)
    loaded = type(model).load(tmp_path)
    assert loaded.config == model.config and loaded.item_ids.tolist() == model.item_ids.tolist()
    assert loaded.recommend(data, 5).rows.tolist() == model.recommend(data, 5).rows.tolist()
    rows = np.arange(len(ITEMS))
    assert loaded.similar(rows, 3).rows.tolist() == model.similar(rows, 3).rows.tolist()
    assert not [file.name for file in tmp_path.iterdir() if file.suffix in (".pkl", ".pickle", ".joblib")]


def test_a_damaged_file_is_named(model, tmp_path):
    model.save(tmp_path)
    (tmp_path / "model.npz").write_bytes((tmp_path / "model.npz").read_bytes()[:100])
    with pytest.raises(ArtifactError, match=r"model\.npz can't be read"):
        type(model).load(tmp_path)
    (tmp_path / "config.json").write_text('{"nonsense": 1}')
    with pytest.raises(ArtifactError, match=r"config\.json can't be read"):
        type(model).load(tmp_path)


def test_an_empty_history_gets_an_empty_list_except_from_popularity(model, data):
    nobody = replace(
        data.rows(np.array([0])),
        users=np.array(["nobody"], dtype=object),
        weights=sparse.csr_array((1, len(ITEMS)), dtype=np.float32),
        last=sparse.csr_array((1, len(ITEMS)), dtype=np.int64),
        done=sparse.csr_array((1, len(ITEMS)), dtype=np.int32),
    )
    found = lists(model, nobody)
    assert bool(found[0]) == (type(model).__name__ == "Popular")
    assert model.recommend(data.rows(np.array([], dtype=np.int64)), 5).rows.shape == (0, 5)


@pytest.mark.parametrize("name", PERSONAL)
def test_users_are_recommended_the_unseen_items_of_their_group(name, fitted, data):
    found = fitted[name].recommend(data, 3, excluded=data.weights).ids(ITEMS)
    right = [
        sum(("bag" in item) == (user % 2 == 1) for item in ids) / max(len(ids), 1) for user, ids in enumerate(found)
    ]
    assert np.mean(right) > 0.95


@pytest.mark.parametrize("name", PERSONAL)
def test_a_newcomer_s_events_count_at_once(name, fitted):
    newcomer = history(("newcomer", BAGS[2], 0, "transaction"), ("newcomer", BAGS[3], 1))
    found = fitted[name].recommend(newcomer, 3, excluded=newcomer.weights).ids(ITEMS)[0]
    assert len(found) == 3 and all("bag" in item for item in found)


@pytest.mark.parametrize("name", PERSONAL)
def test_a_known_user_who_turns_to_something_else_is_followed(name, fitted, data):
    known = data.users[0]
    turned = history(*[(known, item, 0, "transaction") for item in BAGS[:6]])
    assert all("bag" in item for item in fitted[name].recommend(turned, 3).ids(ITEMS)[0])


@pytest.mark.parametrize("name", sorted(set(RECOMMENDERS.parts) - {"recent"}))
def test_similar_items_are_of_the_same_group_and_not_the_item_itself(name, fitted):
    rows = np.arange(len(ITEMS))
    found = fitted[name].similar(rows, 3).ids(ITEMS)
    for row, ids in enumerate(found):
        assert ITEMS[row] not in ids
        assert all(("bag" in item) == ("bag" in ITEMS[row]) for item in ids)
    trained = fitted[name].trained
    assert all(len(found[row]) == 3 for row in rows[trained])


def test_an_item_that_nobody_knows_is_found_by_content_alone(fitted, data):
    newcomer = history(("newcomer", BAGS[2], 0))
    for name in (*LEARNED, "popular"):
        assert not fitted[name].trained[ITEMS.tolist().index("new-bag")]
    found = fitted["content"].recommend(newcomer, 15, excluded=newcomer.weights).ids(ITEMS)[0]
    assert "new-bag" in found


@pytest.mark.parametrize("name", LEARNED)
def test_too_little_data_is_an_error_with_the_counts(name, catalogue):
    make = RECOMMENDERS.load(name)
    with pytest.raises(DataError, match="Of 1 user and 21 items none has enough"):
        make().fit(history(("u", BAGS[0], 1)), catalogue, seed=1)
