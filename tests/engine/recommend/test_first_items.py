"""Lists made without a score for every item are those made with one, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from tastes import ITEMS, history, shop, two_categories

from engine.ranked import NONE, Ranked
from engine.recommend.ordered import Ordered
from engine.recommend.popular import Popular, PopularInCategory
from engine.recommend.topk import score_top_k, sparse_top_k

N, USERS = 60, 25


@pytest.fixture(params=range(6))
def rng(request):
    return np.random.default_rng(request.param)


def cells(rng: np.random.Generator, share: float) -> sparse.csr_array:
    """(USERS, N) bool; some are there and False, as what was left out of a sum is."""
    found = sparse.csr_array((rng.random((USERS, N)) < share).astype(np.int8))
    found.data[rng.random(found.nnz) < 0.1] = 0
    return found.astype(bool)


def same(one: Ranked, other: Ranked) -> None:
    assert one.rows.tolist() == other.rows.tolist() and one.scores.tolist() == other.scores.tolist()


@pytest.mark.parametrize("k", [1, 7, 59, 80])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_an_order_gives_what_scores_of_all_items_give(rng, k, share, monkeypatch):
    scores = rng.integers(0, 8, N).astype(np.float32)  # most of them tied
    scores[:3] = -np.inf
    trained, eligible, excluded = rng.random(N) < 0.9, rng.random(N) < 0.7, cells(rng, share)
    order = Ordered.by(scores, trained)
    for mask, left_out in ((None, None), (eligible, None), (None, excluded), (eligible, excluded)):
        columns = np.flatnonzero(trained if mask is None else trained & mask)
        row = scores[columns]
        dense = score_top_k(
            USERS,
            lambda batch, row=row: np.broadcast_to(row, (batch.stop - batch.start, len(row))),
            k,
            columns=columns,
            excluded=left_out,
        )
        same(order.top_k(USERS, k, eligible=mask, excluded=left_out), dense)
        with monkeypatch.context() as patch:
            patch.setattr("engine.recommend.ordered.BATCH_CELLS", 100)
            same(order.top_k(USERS, k, eligible=mask, excluded=left_out), dense)
    none = order.top_k(USERS, k, eligible=np.zeros(N, dtype=bool), excluded=excluded)
    assert (none.rows == NONE).all() and order.top_k(0, k).rows.shape == (0, k)


@pytest.mark.parametrize("k", [1, 7, 59, 80])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_sparse_scores_give_what_dense_ones_give(rng, k, share, monkeypatch):
    scores = sparse.csr_array(rng.integers(-1, 6, (USERS, N)) * (rng.random((USERS, N)) < 0.6)).astype(np.float32)
    allowed, excluded = rng.random(N) < 0.7, cells(rng, share)
    columns = np.flatnonzero(allowed)

    def dense(batch: slice) -> np.ndarray:
        found = scores[batch].toarray()[:, columns]
        return np.where(found > 0, found, np.float32(-np.inf))

    for left_out in (None, excluded):
        expected = score_top_k(USERS, dense, k, columns=columns, excluded=left_out)
        same(sparse_top_k(USERS, lambda b: scores[b], k, allowed=allowed, excluded=left_out), expected)
        with monkeypatch.context() as patch:
            patch.setattr("engine.recommend.topk.BATCH_CELLS", 4 * N)
            same(sparse_top_k(USERS, lambda b: scores[b], k, allowed=allowed, excluded=left_out), expected)


def test_popularity_by_category_is_the_share_there_times_the_user_s():
    found = PopularInCategory().fit(shop(), two_categories(), seed=1)
    user = history(("x", "bag-00", 1), ("x", "shoe-00", 1, "transaction"))
    ranked = found.recommend(user, 30)
    rows = ranked.rows[0][ranked.rows[0] != NONE]
    leaves, popularity = found.leaves, found.popularity
    totals = np.array([popularity[leaves == leaf].sum() for leaf in (0, 1)])
    expected = popularity / totals[leaves] * np.array([1.0, 8.0])[leaves]
    assert ranked.scores[0][: len(rows)] == pytest.approx(expected[rows], rel=1e-5)
    assert set(rows.tolist()) == set(np.flatnonzero(found.trained).tolist())
    assert (np.diff(ranked.scores[0][: len(rows)]) <= 0).all()


def test_a_model_that_is_fitted_again_forgets_its_old_order():
    model = Popular().fit(history(("x", "bag-00", 1), ("y", "bag-00", 1)), two_categories(), seed=1)
    nobody = history(("z", "shoe-00", 1))
    assert model.recommend(nobody, 1).ids(ITEMS) == [["bag-00"]]
    model.fit(history(("x", "shoe-01", 1)), two_categories(), seed=1)
    assert model.recommend(nobody, 1).ids(ITEMS) == [["shoe-01"]]
