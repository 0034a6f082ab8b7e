import numpy as np
import pytest
from tastes import BAGS, ITEMS, history, shop, two_categories

from engine.errors import DataError, SettingsError
from engine.recommend.factors import Als, AlsConfig, Bpr, BprConfig


@pytest.fixture(scope="module")
def data():
    return shop()


def test_factors_that_are_not_numbers_end_the_fit_and_leave_the_model_as_it_was(data, monkeypatch):
    model = Als(AlsConfig(factors=2)).fit(data, two_categories(), seed=1)
    before = model.recommend(data, 5).rows.tolist()
    nothing = np.full((len(data), 2), np.nan, dtype=np.float32)
    monkeypatch.setattr(Als, "_factors", lambda self, chosen, columns, seed: (nothing, nothing[: len(columns)]))
    with pytest.raises(DataError, match=r"Fitting als failed: 80 of its user factors aren't finite"):
        model.fit(data, two_categories(), seed=1)
    assert model.recommend(data, 5).rows.tolist() == before


def test_an_unchanged_history_uses_the_factors_of_training_and_a_changed_one_is_solved_anew(data, monkeypatch):
    model = Als(AlsConfig(factors=2)).fit(data, two_categories(), seed=1)
    solved = []
    monkeypatch.setattr(Als, "_folded", lambda self, matrix: solved.append(matrix.shape[0]) or np.ones((1, 2)))
    model.recommend(data, 5)
    assert solved == []
    model.recommend(history((data.users[0], BAGS[0], 0, "transaction")), 5)
    model.recommend(history(("never seen", BAGS[0], 0)), 5)
    assert solved == [1, 1]


def test_folding_in_gives_nearly_the_factors_of_training(data):
    model = Als(AlsConfig(factors=2, iterations=40)).fit(data, two_categories(), seed=1)
    stored, known = model.factors_of(data)
    changed = data.rows(np.arange(len(data)))
    changed.users[:] = [f"like {user}" for user in data.users]
    folded, _ = model.factors_of(changed)
    assert known.all()
    scores = [np.ravel(factors @ model.item_factors.T) for factors in (stored, folded)]
    assert np.corrcoef(*scores)[0, 1] > 0.99


def test_one_history_and_many_are_folded_in_alike_also_after_another_fit(data):
    many = data.rows(np.tile(np.arange(40), 3))
    many.users[:] = [f"new {n}" for n in range(len(many))]
    model = Als(AlsConfig(factors=2)).fit(data.rows(np.arange(20)), two_categories(), seed=1)
    before, _ = model.factors_of(many)
    model.fit(data, two_categories(), seed=1)
    together, _ = model.factors_of(many)
    alone = np.concatenate([model.factors_of(many.rows(np.array([row])))[0] for row in range(5)])
    fresh, _ = Als(AlsConfig(factors=2)).fit(data, two_categories(), seed=1).factors_of(many)
    assert alone == pytest.approx(together[:5], abs=1e-5)
    assert together == pytest.approx(fresh, abs=1e-5) and not np.allclose(before, together, atol=1e-3)


def test_an_item_below_the_minimum_is_not_recommended_and_its_events_count_for_nothing(data):
    model = Als(AlsConfig(factors=2)).fit(data, two_categories(), seed=1)
    assert not model.trained[ITEMS.tolist().index("new-bag")]
    assert model.recommend(history(("x", "new-bag", 0)), 5).ids(ITEMS) == [[]]


@pytest.mark.parametrize(
    ("make", "values", "said"),
    [
        (AlsConfig, {"factors": 0}, "factors is 0"),
        (AlsConfig, {"regularization": -1}, "regularization is -1"),
        (BprConfig, {"learning_rate": 0}, "learning_rate is 0"),
    ],
)
def test_settings_that_cannot_be_are_named(make, values, said):
    with pytest.raises(SettingsError, match=said):
        make(**values)


def test_bpr_keeps_the_place_of_an_item_s_bias(data):
    model = Bpr(BprConfig(factors=4, iterations=50)).fit(data, two_categories(), seed=1)
    factors, _ = model.factors_of(history(("never seen", BAGS[0], 0)))
    assert factors[0, -1] == 1 and (model.user_factors[:, -1] == 1).all()
