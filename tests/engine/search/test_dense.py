"""Dense retrieval by rows of the documents, also when the index is older than they are."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import ArtifactError
from engine.search.base import NONE
from engine.search.dense import Dense
from engine.search.documents import read_documents
from engine.search.index import index_embeddings, open_index
from tests.engine.search.counting import CountingEncoder
from tests.engine.search.indexing import embedded

N = 40


@pytest.fixture
def dense(workspace):
    encoder = embedded(workspace, N)
    index_embeddings(workspace, encoder.name)
    return Dense(encoder, open_index(workspace, encoder.name), read_documents(workspace).item_ids)


def test_a_document_is_found_by_its_own_text(dense, workspace):
    texts = read_documents(workspace).texts
    found = dense.search(texts[:7], 3)
    assert found.rows[:, 0].tolist() == list(range(7))
    np.testing.assert_allclose(found.scores[:, 0], 1, atol=1e-5)


def test_queries_without_text_have_empty_lists(dense):
    found = dense.search(["", "shoe 3", " \n\t"], 4)
    assert (found.rows[[0, 2]] == NONE).all()
    assert np.isneginf(found.scores[[0, 2]]).all()
    assert (found.rows[1] != NONE).all()
    assert dense.search([], 4).rows.shape == (0, 4)
    assert "" not in dense.encoder.seen


def test_a_filter_holds(dense):
    eligible = np.zeros(N, dtype=bool)
    eligible[[3, 8, 20]] = True
    assert set(dense.search(["anything"], 5, eligible=eligible).rows[0].tolist()) == {3, 8, 20, NONE}


def test_items_without_text_are_never_found_and_have_nothing_similar(dense):
    with_text = np.ones(N, dtype=bool)
    with_text[[5, 6]] = False
    bare = Dense(dense.encoder, dense.index, dense.item_ids, with_text)
    assert {5, 6}.isdisjoint(bare.search(["shoe 5"], N).rows[0].tolist())
    eligible = np.zeros(N, dtype=bool)
    eligible[[5, 7]] = True
    assert bare.search(["shoe 5"], 3, eligible=eligible).rows[0].tolist() == [7, NONE, NONE]
    found = bare.similar([5, 7], N)
    assert (found.rows[0] == NONE).all()
    assert {5, 6, 7}.isdisjoint(found.rows[1].tolist()) and (found.rows[1] != NONE).sum() == N - 3


def test_similar_items_leave_out_the_item_itself(dense):
    found = dense.similar([0, 5], 4)
    assert found.rows.shape == (2, 4)
    assert 0 not in found.rows[0]
    assert 5 not in found.rows[1]
    vectors = dense.index.embeddings.vectors
    nearest = np.argsort(-(vectors @ vectors[5]), kind="stable")[1:5]
    assert found.rows[1].tolist() == nearest.tolist()
    eligible = np.zeros(N, dtype=bool)
    eligible[[5, 6]] = True
    assert dense.similar([5], 4, eligible=eligible).rows.tolist() == [[6, NONE, NONE, NONE]]


def test_rows_are_those_of_the_documents_when_the_index_is_older(dense):
    ids = np.array(["new", *dense.item_ids[::-1][:30]], dtype=object)
    newer = Dense(dense.encoder, dense.index, ids)
    before, after = dense.search(["a query"], N), newer.search(["a query"], N)
    kept = [item for item in before.ids(dense.item_ids)[0] if item in set(ids)]
    assert after.ids(ids)[0] == kept
    assert newer.similar([0], 3).rows.tolist() == [[NONE] * 3]
    first = newer.similar([1], 1).ids(ids)[0]
    allowed = np.isin(dense.item_ids, ids)
    assert first == dense.similar([N - 1], 1, eligible=allowed).ids(dense.item_ids)[0]
    eligible = ids == kept[3]
    assert newer.search(["a query"], 2, eligible=eligible).ids(ids) == [[kept[3]]]


def test_another_encoder_is_refused(dense):
    with pytest.raises(ArtifactError, match="another encoder"):
        Dense(CountingEncoder(weights="other"), dense.index, dense.item_ids)
