import numpy as np
import pandas as pd
import pytest

from engine.metrics import beyond
from engine.metrics.measures import aggregate
from engine.metrics.significance import paired_bootstrap

HITS = [["a", "b", "c"], ["a", "b"], [], None]


def test_coverage_counts_each_item_once_and_only_in_the_first_k():
    found = beyond.coverage(HITS, 10, 2)
    assert found.total == pytest.approx(0.2)
    assert found.values.tolist() == pytest.approx([0.2, 0.2, 0, 0])
    assert beyond.coverage(HITS, 10, 3).total == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("hits", "n_items", "expected"),
    [
        ([["a"], ["b"], ["c"], ["d"]], 4, 0.0),
        ([["a"]] * 4, 4, 0.75),
        ([["a"], ["a"], ["a"], ["b"]], 2, 0.25),
        ([[], []], 4, 0.0),
    ],
)
def test_gini_by_hand(hits, n_items, expected):
    assert beyond.gini(hits, n_items, 1).total == pytest.approx(expected)


def test_gini_agrees_with_the_mean_absolute_difference():
    rng = np.random.default_rng(1)
    hits = [[f"i{n}" for n in rng.choice(30, 5, replace=False)] for _ in range(200)]
    counts = np.zeros(40)
    for row in hits:
        for item in row:
            counts[int(item[1:])] += 1
    expected = np.abs(counts[:, None] - counts).sum() / (2 * len(counts) ** 2 * counts.mean())
    assert beyond.gini(hits, 40, 5).total == pytest.approx(expected)


def test_novelty_is_the_mean_of_the_first_k():
    found = beyond.novelty([[1.0, 3.0, 100.0], [2.0], [], None], 2)
    assert found.values.tolist() == [2.0, 2.0, 0.0, 0.0]
    assert found.total == pytest.approx(1.0)


def test_diversity_by_hand():
    lists = [
        ["Shoes / Boots", "Shoes / Boots"],
        ["Shoes / Boots", "Shoes / Flats", "Bags"],
        ["Shoes"],
        ["Shoes / Boots / High", "Shoes"],
        [],
    ]
    # second: boots and flats share one of two levels; both share nothing with bags
    assert beyond.diversity(lists, 3).values.tolist() == pytest.approx([0, (0.5 + 1 + 1) / 3, 0, 2 / 3, 0])
    assert beyond.diversity(lists, 2).values.tolist() == pytest.approx([0, 0.5, 0, 2 / 3, 0])
    assert beyond.diversity([["A / Other", "B / Other"]], 2).total == 1  # equal names below other parents


@pytest.mark.parametrize("measure", [beyond.coverage, beyond.gini])
def test_intervals_of_what_counts_distinct_items_hold_the_difference_itself(measure):
    rng = np.random.default_rng(1)
    narrow = [[f"i{n}" for n in rng.choice(20, 5, replace=False)] for _ in range(150)]
    wide = [[f"i{n}" for n in rng.choice(400, 5, replace=False)] for _ in range(150)]
    found = paired_bootstrap(measure(narrow, 500, 5), measure(wide, 500, 5), seed=1)
    assert found.low < found.difference < found.high
    assert found.high - found.low < 0.2


def test_a_run_of_recommendations_has_them_beside_accuracy():
    rows = pd.DataFrame(
        {
            "user_id": ["u", "v"],
            "hits": [["a", "b"], ["a"]],
            "relevant": [["b"], ["c"]],
            "surprise": [[1.0, 2.0], [1.0]],
            "hit_categories": [["A", "B"], ["A"]],
            "n_items": [8, 8],
        }
    )
    found = aggregate("recommend", rows)
    assert found["coverage@5"] == 0.25 and found["novelty@5"] == 1.25 and found["diversity@5"] == 0.5
    assert found["hit_rate@5"] == 0.5 and found["mrr"] == 0.25
    assert set(found) >= {"precision@5", "recall@20", "ndcg@10", "map", "gini@5"}
