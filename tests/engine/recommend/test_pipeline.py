from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from tastes import BAGS, ITEMS, SHOES, history, shop, two_categories

from engine.errors import SettingsError
from engine.ranked import NONE, Ranked
from engine.recommend.diversity import mmr
from engine.recommend.eligibility import Rules, eligibility
from engine.recommend.explain import explain, trace, why_not
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommend.popular import Popular
from engine.recommend.registry import RECOMMENDERS

ROW = {item: row for row, item in enumerate(ITEMS)}


class Fixed:
    """A model that has the same scores for everyone; items without one it never learned."""

    def __init__(self, scores):
        self.item_ids, self.config = ITEMS, None
        self.scores = np.array([scores.get(item, -np.inf) for item in ITEMS], dtype=np.float32)
        self.trained = np.isfinite(self.scores)

    def recommend(self, histories, k, *, eligible=None, excluded=None):
        rows = np.full((len(histories), k), NONE, dtype=np.int64)
        scores = np.full((len(histories), k), -np.inf, dtype=np.float32)
        for user in range(len(histories)):
            allowed = self.trained & (True if eligible is None else eligible)
            if excluded is not None:
                allowed &= ~excluded[[user]].toarray()[0].astype(bool)
            best = [row for row in np.argsort(-self.scores, kind="stable") if allowed[row]][:k]
            rows[user, : len(best)], scores[user, : len(best)] = best, self.scores[best]
        return Ranked(rows, scores)


@pytest.fixture
def catalogue():
    return two_categories()


@pytest.fixture
def data():
    return shop()


def pipeline(catalogue, data, models, *, rules=None, hidden=None, **config):
    fill = Popular().fit(data, catalogue, seed=1)
    settings = PipelineConfig(**{"sources": dict.fromkeys(models, 1.0), "alpha": 1.0, "beta": 0.0, **config})
    share = np.argsort(np.argsort(fill.popularity)) / len(ITEMS)
    return Pipeline(catalogue, models, fill, share.astype(np.float32), settings, rules or Rules(), hidden)


def ids(found, user=0):
    return found.ranked.ids(ITEMS)[user]


def test_sources_are_joined_by_weight_with_scores_stretched_over_each_list(catalogue, data):
    a = Fixed({"bag-00": 100.0, "bag-01": 50.0, "bag-02": 0.0})
    b = Fixed({"bag-02": 0.9, "bag-03": 0.78, "bag-01": 0.7})
    one = history(("x", "shoe-09", 1))
    both = pipeline(catalogue, data, {"a": a, "b": b}, sources={"a": 1.0, "b": 1.0})
    gathered = both.gather(one)
    found = {ITEMS[item]: row.tolist() for item, row in zip(gathered.items, np.round(gathered.scores, 3), strict=True)}
    assert found == {"bag-00": [1, 0], "bag-01": [0.5, 0], "bag-02": [0, 1], "bag-03": [0, pytest.approx(0.4)]}
    assert ids(both.recommend(one, 3)) == ["bag-00", "bag-02", "bag-01"]
    mostly_b = PipelineConfig(sources={"a": 1.0, "b": 3.0}, alpha=1.0, beta=0.0)
    assert ids(both.rank(gathered, 3, mostly_b)) == ["bag-02", "bag-03", "bag-00"]


def test_affinity_lifts_the_categories_of_the_history(catalogue, data):
    model = Fixed({"bag-00": 1.0, "shoe-00": 0.9, "bag-01": 0.5, "shoe-01": 0.0})
    likes_shoes = history(("x", "shoe-09", 1, "transaction"), ("x", "bag-09", 1))
    plain = pipeline(catalogue, data, {"m": model})
    assert ids(plain.recommend(likes_shoes, 4)) == ["bag-00", "shoe-00", "bag-01", "shoe-01"]
    aware = pipeline(catalogue, data, {"m": model}, alpha=0.6, beta=0.4)
    gathered = aware.gather(likes_shoes)
    shares = dict(zip(ITEMS[gathered.items], gathered.affinity.tolist(), strict=True))
    assert shares == pytest.approx({"bag-00": 1 / 9, "bag-01": 1 / 9, "shoe-00": 8 / 9, "shoe-01": 8 / 9})
    assert ids(aware.recommend(likes_shoes, 4)) == ["shoe-00", "bag-00", "shoe-01", "bag-01"]


def test_what_is_left_out_has_its_reason(catalogue, data):
    gone = replace(catalogue, available=ITEMS != "bag-01")
    hidden = ITEMS == "bag-02"
    user = history(("x", "bag-03", 1, "transaction"), ("x", "bag-04", 1, "view"))
    found = eligibility(
        user, gone, Rules(seen=True), hidden=hidden, category=np.char.startswith(ITEMS.astype(str), "b")
    )
    reasons = {
        item: found.reason(0, ROW[item]) for item in ("bag-00", "bag-01", "bag-02", "bag-03", "bag-04", "shoe-00")
    }
    assert reasons == {
        "bag-00": "",
        "bag-01": "unavailable",
        "bag-02": "hidden",
        "bag-03": "bought",
        "bag-04": "seen",
        "shoe-00": "of another category",
    }
    model = Fixed({item: 1.0 - n / 100 for n, item in enumerate(BAGS)})
    lists = pipeline(gone, data, {"m": model}, rules=Rules(seen=True), hidden=hidden).recommend(user, 3)
    assert ids(lists) == ["bag-00", "bag-05", "bag-06"]
    again = pipeline(gone, data, {"m": model}, hidden=hidden).recommend(user, 3)
    assert ids(again) == ["bag-00", "bag-04", "bag-05"]  # seen items may come back, bought ones may not
    assert Rules(seen=True).words != Rules().words


def test_short_lists_are_filled_from_popularity_without_doubles_and_with_lower_scores(catalogue, data):
    model = Fixed({"shoe-03": 2.0, "new-bag": 1.0})
    user = history(("x", "bag-00", 1, "transaction"))
    found = pipeline(catalogue, data, {"m": model}).recommend(user, 6)
    assert ids(found)[:2] == ["shoe-03", "new-bag"]
    assert found.filled[0].tolist() == [False, False, True, True, True, True]
    assert len(set(ids(found))) == 6 and "bag-00" not in ids(found)
    assert (np.diff(found.ranked.scores[0]) < 0).all()


def test_a_newcomer_without_events_gets_the_popular_list(catalogue, data):
    nobody = data.rows(np.array([0]))
    empty = {
        name: sparse.csr_array((1, len(ITEMS)), dtype=getattr(nobody, name).dtype)
        for name in ("weights", "last", "done")
    }
    nobody = replace(nobody, users=np.array(["nobody"], dtype=object), **empty)
    als = RECOMMENDERS.load("als")
    model = als(als.Config(factors=2)).fit(data, catalogue, seed=1)
    found = pipeline(catalogue, data, {"als": model}).recommend(nobody, 4)
    assert found.filled.all()
    assert ids(found) == Popular().fit(data, catalogue, seed=1).recommend(nobody, 4).ids(ITEMS)[0]


def test_batches_do_not_change_lists(catalogue, data, monkeypatch):
    als = RECOMMENDERS.load("als")
    whole = pipeline(catalogue, data, {"als": als(als.Config(factors=2)).fit(data, catalogue, seed=1)})
    expected = whole.recommend(data, 5)
    monkeypatch.setattr("engine.recommend.pipeline.BATCH", 7)
    found = whole.recommend(data, 5)
    assert found.ranked.rows.tolist() == expected.ranked.rows.tolist()


def test_diversity_alternates_and_without_it_nothing_moves(catalogue, data):
    model = Fixed({**{bag: 1.0 - n / 10 for n, bag in enumerate(BAGS[:5])}, **dict.fromkeys(SHOES[:2], 0.55)})
    user = history(("x", "bag-09", 1))
    plain = ids(pipeline(catalogue, data, {"m": model}).recommend(user, 4))
    diverse = ids(pipeline(catalogue, data, {"m": model}, diversity=0.5).recommend(user, 4))
    assert plain == BAGS[:4]
    assert diverse[0] == "bag-00" and diverse[1].startswith("shoe")


def test_mmr_by_hand():
    levels = np.array([[0, 1], [0, 1], [0, 2], [3, 4]], dtype=np.int32)
    items = np.array([[0, 1, 2, 3], [3, 0, NONE, NONE]])
    scores = np.array([[1.0, 0.9, 0.8, 0.1], [1.0, 0.5, 0, 0]], dtype=np.float32)
    # after item 0: item 1 0.45 - 0.5, item 2 0.4 - 0.25, item 3 0.05 - 0
    assert mmr(items, scores, levels, k=4, diversity=0.5)[0].tolist() == [0, 2, 3, 1]
    assert mmr(items, scores, levels, k=4, diversity=0.0)[0].tolist() == [0, 1, 2, 3]
    assert mmr(items, scores, levels, k=3, diversity=0.5)[1].tolist() == [0, 1, NONE]


def test_reasons_are_the_user_s_own_events_that_carry_the_score(catalogue, data):
    knn = RECOMMENDERS.load("item_knn")
    model = knn().fit(data, catalogue, seed=1)
    line = pipeline(catalogue, data, {"item_knn": model})
    user = history(("x", "bag-00", 2), ("x", "bag-01", 1, "transaction"), ("x", "shoe-00", 1))
    why = explain(line, user, np.array([ROW["bag-05"], ROW["shoe-05"]]))
    assert [reason.item_id for reason in why[0].reasons] == ["bag-01", "bag-00"]
    assert [reason.item_id for reason in why[1].reasons] == ["shoe-00"]
    assert sum(reason.share for reason in why[0].reasons) == pytest.approx(1)
    assert why[0].category == "Bags" and why[0].category_share == pytest.approx(9 / 10)
    assert 0 <= why[0].popularity <= 1


def test_the_trace_shows_every_candidate_through_all_stages(catalogue, data):
    a, b = Fixed({"bag-00": 3.0, "bag-01": 1.0}), Fixed({"bag-01": 9.0})
    line = pipeline(catalogue, data, {"a": a, "b": b})
    frame = trace(line, line.gather(history(("x", "shoe-09", 1))), 3)
    assert frame["item_id"].tolist()[:2] == ["bag-00", "bag-01"]
    assert frame["place"].tolist() == [1, 2, 3]
    assert frame["a score"].tolist()[:2] == [3, 1] and frame["a rank"].tolist()[:2] == [1, 2]
    assert frame["b score"].isna().tolist() == [True, False, True]
    assert frame["relevance"].isna().tolist() == [False, False, True]  # the last one only popularity put there


@pytest.mark.parametrize(
    ("item", "stage", "said"),
    [
        ("nonsense", "not in the catalogue", "nonsense is not in the catalogue"),
        ("bag-00", "in the list", "at place 1"),
        ("bag-08", "excluded", "because it is bought"),
        ("shoe-00", "not trained", "No source learned it"),
        ("bag-07", "not a candidate", "Each source gives its first 4"),
        ("bag-03", "below the cut", "rank 4 by relevance; the list ends at 2"),
    ],
)
def test_why_an_item_is_not_there_names_the_stage(catalogue, data, item, stage, said):
    model = Fixed({bag: 1.0 - n / 100 for n, bag in enumerate(BAGS)})
    line = pipeline(catalogue, data, {"m": model}, candidates=4)
    gathered = line.gather(history(("x", "bag-08", 1, "transaction")))
    found = why_not(line, gathered, item, 2)
    assert found.stage == stage and said in found.sentence
    assert found.ranks == ({"m": 8} if stage == "not a candidate" else {})


def test_diversity_is_named_as_what_moved_an_item_down(catalogue, data):
    model = Fixed({"bag-00": 1.0, "bag-01": 0.9, "shoe-00": 0.8, "shoe-01": 0.0})
    line = pipeline(catalogue, data, {"m": model}, diversity=0.6)
    found = why_not(line, line.gather(history(("x", "shoe-09", 1))), "bag-01", 2)
    assert found.stage == "moved down for diversity" and "rank 2" in found.sentence


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sources": {}}, "must name a model or more"),
        ({"sources": {"als": -1}}, "must name a model or more"),
        ({"candidates": 0}, "candidates is 0"),
        ({"alpha": -0.1}, "alpha is -0.1"),
        ({"diversity": 1.0}, "diversity is 1.0"),
    ],
)
def test_settings_that_cannot_be_are_named(values, said):
    with pytest.raises(SettingsError, match=said):
        PipelineConfig(**values)
