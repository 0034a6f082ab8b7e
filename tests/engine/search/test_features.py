"""The signals of pairs, on titles whose values can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.ranked import Ranked
from engine.search.bm25 import Bm25
from engine.search.features import NAMES, Features
from engine.search.fields import read_fields
from engine.search.hybrid import Hybrid, HybridConfig, fused

TITLES = (
    "Acme red leather bag with zipper",
    "Bag, leather, red",
    "Blue kettle 12 in. for tea",
    "Kettle 10 in.",
    "Wool scarf",
)
FRAME = pd.DataFrame(
    {
        "item_id": [f"S{n}" for n in range(len(TITLES))],
        "title": TITLES,
        "category": ["Bags", "Bags", "Home", "Home", "Clothes"],
        "brand": ["Acme", None, "Bolt", None, None],
        "price": [40.0, 60.0, None, 20.0, 15.0],
        "available": [True, False, None, True, True],
        "rating": [4.5, None, 3.0, None, None],
        "n_reviews": [9, 0, 2, 0, 0],
        "tags": [["very light"], [], ["whistles"], [], ["warm"]],
    }
)
IDS = np.array(FRAME["item_id"].tolist(), dtype=object)


class Flat:
    """A dense retriever for which the first title is nearest, whatever is asked."""

    item_ids = IDS
    vectors = np.eye(len(TITLES), dtype=np.float32) + 0.1

    @property
    def encoder(self):
        return self

    def encode_queries(self, texts):
        return np.repeat(self.vectors[:1], len(texts), axis=0)

    def nearest(self, vectors, k, eligible=None):
        scores = vectors @ self.vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return Ranked(order, np.take_along_axis(scores, order, axis=1))

    def vectors_of(self, rows):
        return self.vectors[rows]

    def search(self, queries, k, *, eligible=None):
        return self.nearest(self.encode_queries(queries), k)


@pytest.fixture(scope="module")
def hybrid():
    return Hybrid(Bm25.build(read_fields(FRAME, "1"), IDS), Flat())


@pytest.fixture(scope="module")
def signals(hybrid):
    features = Features(hybrid.bm25.fields, FRAME, hybrid.dense.vectors_of)

    def of(query):
        found = hybrid.candidates([query])[0]
        table = pd.DataFrame(features.of(found), columns=NAMES, index=IDS[found.rows])
        assert set(table.index) == set(IDS)  # the dense list has them all
        return table

    return of


def test_words_are_found_in_every_field(signals):
    table = signals("red leather bag")
    assert table.loc["S0", "title_coverage"] == table.loc["S1", "title_coverage"] == pytest.approx(1.0)
    assert table.loc["S4", ["title_coverage", "all_coverage", "bm25", "phrase"]].tolist() == [0, 0, 0, 0]
    assert signals("warm scarf").loc["S4", "all_coverage"] == pytest.approx(1.0)
    assert signals("warm scarf").loc["S4", "tag_coverage"] < 1


def test_order_and_place_of_words_count(signals):
    table = signals("red leather bag")
    assert table.loc["S0", "phrase"] == pytest.approx(1.0) and table.loc["S1", "phrase"] == 0
    assert table.loc["S0", "first_place"] == pytest.approx(1 / 5) and table.loc["S1", "first_place"] == 0
    assert table.loc["S0", "last_word_head"] == 1  # "bag" ends what stands before "with"
    assert table.loc["S0", "head_share"] > table.loc["S0", "title_share"]


def test_sizes_agree_or_not(signals):
    table = signals('12" kettle')
    assert table.loc["S2", "numbers"] == 1 and table.loc["S3", "numbers"] == 0
    assert table.loc["S3", "other_numbers"] == 2  # "10in" and "10"
    assert table["query_numbers"].eq(2).all() and signals("kettle")["numbers"].isna().all()


def test_the_shelf_is_told(signals):
    table = signals("acme bag under 50")
    assert table["brand_named"].to_dict() == {"S0": 1, "S1": 0, "S2": 0, "S3": 0, "S4": 0}
    assert table.loc[["S0", "S1", "S3"], "within_limit"].tolist() == [1, 0, 1]
    assert np.isnan(table.loc["S2", "within_limit"]) and np.isnan(table.loc["S2", "price"])
    assert table.loc["S0", "rating"] == 4.5 and table.loc["S0", "reviews"] == pytest.approx(np.log(10))
    assert table.loc["S1", "available"] == 0 and np.isnan(table.loc["S2", "available"])


def test_nearly_the_same_word_counts_nearly(signals):
    table = signals("kettles")
    assert table.loc["S3", "fuzzy_coverage"] == pytest.approx(1.0) and table.loc["S4", "fuzzy_coverage"] == 0


def test_no_candidates_have_no_signals(hybrid):
    found = hybrid.candidates([""])[0]
    assert Features(hybrid.bm25.fields, FRAME, hybrid.dense.vectors_of).of(found).shape == (0, len(NAMES))


def test_fusion_weighs_words_against_meaning(hybrid):
    found = hybrid.candidates(["wool scarf"])[0]
    only_words, only_meaning = (IDS[found.rows[fused(found, weight).argmax()]] for weight in (1.0, 0.0))
    assert (only_words, only_meaning) == ("S4", "S0")
    assert fused(found, 0.5).min() >= 0 and fused(found, 0.5).max() <= 1
    by_words = Hybrid(hybrid.bm25, hybrid.dense, HybridConfig(weight=1.0))
    assert by_words.search(["wool scarf"], 1).ids(IDS) == [["S4"]]


def test_extra_items_are_among_the_candidates_outside_the_lists(hybrid):
    shallow = Hybrid(hybrid.bm25, hybrid.dense, HybridConfig(depth=1))
    found = shallow.candidates(["wool scarf"], extra=[np.array([3])])[0]
    assert set(found.rows.tolist()) == {0, 3, 4}
    outside = found.rows.tolist().index(3)
    assert found.lexical_rank[outside] == found.dense_rank[outside] == 2
