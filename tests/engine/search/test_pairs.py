import re

import numpy as np
import pytest

from engine.errors import ArtifactError, SettingsError, UnknownNameError
from engine.ranked import NONE, Ranked
from engine.search.building import build_documents
from engine.search.documents import read_documents
from engine.search.embeddings import Embeddings
from engine.search.extraction import extract_keywords
from engine.search.keyword_store import read_keywords
from engine.search.keywords import meaning
from engine.search.pairs import PairConfig, build_pairs, with_negatives
from engine.search.review_splits import split_reviews
from tests.reviewed import make_reviewed


@pytest.fixture
def built(workspace):
    make_reviewed(workspace)
    split_reviews(workspace)
    extract_keywords(workspace, "train")
    build_documents(workspace)
    return workspace


class Fixed:
    """Finds the same rows for every query."""

    def __init__(self, item_ids, rows):
        self.item_ids, self._rows = item_ids, rows

    def search(self, queries, k, *, eligible=None):
        rows = np.array([[*self._rows, NONE]] * len(queries), dtype=np.int64)
        return Ranked(rows, np.zeros(rows.shape, dtype=np.float32))


def pairs(workspace, **config):
    return list(build_pairs(workspace, config=PairConfig(**config)))


def positive_keywords(pair):
    found = re.search(r"\[Review Keywords\] (.*?)(?: \[|$)", pair["positive"])
    return found[1].split(", ") if found else []


def test_a_positive_never_holds_what_only_the_query_review_says(built):
    reviews = {row.review_id: row for row in read_keywords(built, "train")}
    assert len(pairs(built)) == 6  # one train review says nothing, and one is all that its item has
    for pair in pairs(built):
        held = {meaning(keyword) for keyword in positive_keywords(pair)}
        asking = {meaning(keyword) for keyword in pair["query"].split(", ")}
        of_others = [
            {meaning(keyword) for keyword in row.keywords.all}
            for row in reviews.values()
            if row.item_id == pair["parent_asin"] and {meaning(k) for k in row.keywords.all} != asking
        ]
        assert held & asking <= set().union(*of_others)
    zipper = next(pair for pair in pairs(built) if "zipper" in pair["query"])
    assert "zipper" not in zipper["positive"] and "sturdy straps" in zipper["positive"]


def test_the_document_itself_still_holds_it(built):
    assert "zipper jams" in read_documents(built).texts[0]


def test_a_single_review_leaves_nothing_of_itself(workspace):
    make_reviewed(workspace)
    split_reviews(workspace)
    extract_keywords(workspace, "train")
    assert not [pair for pair in pairs(workspace, query_type="both") if pair["parent_asin"] == "C3"]


def test_query_types(built):
    texts = pairs(built, query_type="review_text")
    assert {pair["query_type"] for pair in texts} == {"review_text"}
    assert texts[0]["query"] == "Bought as a gift for my daughter. The zipper jams."
    both = pairs(built, query_type="both")
    assert len(both) == len(texts) + len(pairs(built))
    assert set(both[0]) == {"query", "positive", "parent_asin", "query_type"}


def test_limits(built):
    assert all(len(pair["query"].split(", ")) == 1 for pair in pairs(built, max_keywords=1))
    counts = [pair["parent_asin"] for pair in pairs(built, per_item=1)]
    assert counts == ["A1", "B2"]
    assert pairs(built, query_type="review_text", min_text=500) == []


def test_no_later_review_asks_or_answers(built):
    assert "secret" not in str(pairs(built, query_type="both")).lower()


def test_bad_settings_are_named():
    with pytest.raises(UnknownNameError, match="query type"):
        PairConfig(query_type="keyword")
    with pytest.raises(SettingsError, match="max_keywords is 0"):
        PairConfig(max_keywords=0)


def test_negatives_are_the_best_that_arent_right_too(built):
    documents = read_documents(built)
    made = list(with_negatives(pairs(built), Fixed(documents.item_ids, [0, 1, 2]), documents))
    assert {(pair["parent_asin"], pair["negative_asin"]) for pair in made} == {("A1", "B2"), ("B2", "A1")}
    assert all(pair["negative"] == documents.texts[0 if pair["negative_asin"] == "A1" else 1] for pair in made)


def test_near_twins_and_variants_are_no_negatives(built):
    documents = read_documents(built)
    retriever = Fixed(documents.item_ids, [1, 2])
    vectors = np.eye(3, dtype=np.float32)
    vectors[1] = vectors[0]
    embeddings = Embeddings("1", documents.item_ids, vectors, "weights")
    made = list(with_negatives(pairs(built), retriever, documents, embeddings=embeddings))
    assert {pair["negative_asin"] for pair in made} == {"C3"}
    documents.frame["title"] = ["Same", "SAME", "Other"]
    made = list(with_negatives(pairs(built), retriever, documents))
    assert {pair["negative_asin"] for pair in made} == {"C3"}


def test_a_pair_without_a_negative_is_dropped(built):
    documents = read_documents(built)
    assert (
        list(with_negatives(pairs(built), Fixed(documents.item_ids, [0, 1]), documents, config=PairConfig(skip=2)))
        == []
    )


def test_embeddings_of_other_items_are_refused(built):
    documents = read_documents(built)
    other = Embeddings("1", documents.item_ids[::-1], np.eye(3, dtype=np.float32), "weights")
    with pytest.raises(ArtifactError, match="of other items"):
        list(with_negatives(pairs(built), Fixed(documents.item_ids, [1]), documents, embeddings=other))
