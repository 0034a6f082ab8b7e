from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from engine.metrics.measures import aggregate, row_values
from engine.rank.calibration import Calibration
from engine.rank.evaluation import list_ndcg, mean_ndcg, micros_per_candidate, rank_rows
from tests.ranked import make_lists


def scored(seed=0):
    lists = make_lists(60, 9, seed=seed)
    scores = np.round(
        lists.features[:, 2].astype(np.float64) + np.random.default_rng(1).normal(size=len(lists.items)), 1
    )
    return lists, scores


def test_rows_give_what_scikit_learn_gives():
    lists, scores = scored()
    chance = Calibration.fit(scores, lists.known).probabilities(scores)
    rows = rank_rows(lists, scores, chance)
    assert rows["list_id"].tolist() == lists.list_ids.tolist()
    assert [len(hits) for hits in rows["hits"]] == lists.sizes.tolist()
    found = row_values("rank", rows, ["ndcg@5", "ndcg@10", "mrr"])
    assert found["ndcg@5"].tolist() == pytest.approx(list_ndcg(lists, scores, 5))
    order = lists.ordered(scores)
    for n in range(len(lists)):
        own = order[lists.starts[n] : lists.starts[n + 1]]
        assert rows["hits"][n] == lists.stock.item_ids[lists.items[own]].tolist()
        assert rows["scores"][n] == chance[own].tolist()
        right = lists.known[own]
        assert found["ndcg@10"][n] == pytest.approx(ndcg_score([right], [-np.arange(len(own))], k=10))
        assert found["mrr"][n] == pytest.approx(1 / (np.argmax(right) + 1)) == 1 / rows["hit_rank"][n]


def test_what_was_wanted_and_is_no_candidate_counts():
    lists, scores = scored()
    more = replace(lists, n_wanted=lists.sought + 2)
    rows = rank_rows(more, scores, np.full(len(scores), 0.5))
    assert rows["relevant"][0][-2:] == ["not a candidate 1", "not a candidate 2"]
    whole, short = (aggregate("rank", rank_rows(each, scores, np.full(len(scores), 0.5))) for each in (lists, more))
    assert short["recall@20"] < whole["recall@20"] == 1
    assert aggregate("rank", rows, ["ndcg@5"])["ndcg@5"] == pytest.approx(list_ndcg(more, scores, 5).mean())
    assert (short["auc"], short["mrr"]) == (whole["auc"], whole["mrr"])


def test_lists_where_nothing_was_wanted_are_left_out_and_slices_told():
    lists, scores = scored()
    none = lists.known & (lists.list_of_row != 3)
    rows = rank_rows(replace(lists, wanted=none), scores, np.full(len(scores), 0.5))
    assert mean_ndcg(replace(lists, wanted=none), scores, 5) == pytest.approx(
        aggregate("rank", rows, ["ndcg@5"])["ndcg@5"]
    )
    assert "l3" not in rows["list_id"].tolist() and len(rows) == len(lists) - 1
    assert rows["history"][0] == "no history" and rows["n_history"][0] == 0
    first = lists.items[np.argmax(lists.known)]
    assert rows["category"][0] in lists.stock.category_names
    assert "history" not in rank_rows(replace(lists, histories=None), scores, np.full(len(scores), 0.5))
    assert first >= 0


def test_an_empty_list_keeps_its_place():
    lists, scores = scored()
    kept = lists.list_of_row != 5
    rows = rank_rows(replace(lists.rows(kept), n_wanted=lists.sought), scores[kept], np.full(int(kept.sum()), 0.5))
    assert rows["hits"][5] == [] and rows["category"][5] == "no candidate" and rows["hit_rank"].isna()[5]
    assert rows["hits"][6] == rank_rows(lists, scores, np.full(len(scores), 0.5))["hits"][6]


def test_time_is_told_per_candidate_of_what_was_scored():
    lists, _ = scored()
    seen = []
    assert micros_per_candidate(lambda some: seen.append(len(some.items)), lists, most=100) > 0
    assert seen == [18, 99, 99]
