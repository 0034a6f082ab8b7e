"""Exact search in blocks, against all scores at once."""

from __future__ import annotations

import numpy as np
import pytest

from engine.search import exact
from engine.search.base import NONE
from engine.search.exact import nearest


@pytest.fixture
def drawn(monkeypatch):
    monkeypatch.setattr(exact, "BLOCK", 7)
    monkeypatch.setattr(exact, "QUERIES", 3)
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 8)).astype(np.float32), rng.normal(size=(10, 8)).astype(np.float32)


@pytest.mark.parametrize("share", [None, 0.5, 0.0])
def test_blocks_find_what_all_scores_say(drawn, share):
    vectors, queries = drawn
    eligible = None if share is None else np.random.default_rng(1).random(50) < share
    scores = queries @ vectors.T
    if eligible is not None:
        scores[:, ~eligible] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :9]
    expected = np.take_along_axis(scores, order, axis=1)
    found = nearest(vectors, queries, 9, eligible)
    np.testing.assert_array_equal(found.rows, np.where(np.isneginf(expected), NONE, order))
    np.testing.assert_allclose(found.scores, expected, rtol=1e-5)


def test_equal_scores_keep_the_order_of_rows():
    vectors = np.ones((6, 4), dtype=np.float32)
    assert nearest(vectors, vectors[:1], 6).rows.tolist() == [[0, 1, 2, 3, 4, 5]]


def test_lists_are_filled_up_and_no_queries_give_no_lists(drawn):
    vectors, queries = drawn
    found = nearest(vectors[:2], queries, 4)
    assert found.rows.shape == found.scores.shape == (10, 4)
    assert (found.rows[:, 2:] == NONE).all()
    assert nearest(vectors, queries[:0], 4).rows.shape == (0, 4)
    assert nearest(vectors[:0], queries, 4).rows.tolist() == [[NONE] * 4] * 10
