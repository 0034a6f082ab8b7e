"""Ranking metrics against a case worked by hand, against ranx and scikit-learn, and on what libraries get wrong."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from engine.errors import DataError
from engine.metrics import ranking
from engine.metrics.judged import Judged, judge

K = 10
LISTS = [list("bcaxd"), list("xa"), ["x"]]
JUDGMENTS = [{"a": 2, "b": 1, "c": 0, "d": 1, "e": 2}, {"a": 1}, {"z": 2, "y": 1}]


def judged(lists, judgments, depth=K) -> Judged:
    return judge(lists, [list(each) for each in judgments], [list(each.values()) for each in judgments], depth=depth)


@pytest.fixture(scope="module")
def random_case() -> tuple[list[list[str]], list[dict[str, int]]]:
    """300 queries over 40 items with graded judgments; some lists, and some sets of relevant items, are empty."""
    rng = np.random.default_rng(3)
    items = np.array([f"i{n}" for n in range(40)])
    lists = [rng.permutation(items)[: rng.integers(0, 25)].tolist() for _ in range(300)]
    chosen = [rng.permutation(items)[: rng.integers(0, 15)].tolist() for _ in range(300)]
    return lists, [{item: int(rng.integers(0, 4)) for item in each} for each in chosen]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (ranking.average_precision, [0.566667, 0.5, 0]),
        (lambda j: ranking.recall(j, K), [0.75, 1, 0]),
        (lambda j: ranking.precision(j, K), [0.3, 0.1, 0]),
        (lambda j: ranking.recall(j, 3, capped=True), [2 / 3, 1, 0]),
        (ranking.reciprocal_rank, [1, 0.5, 0]),
        (ranking.hit_rank, [1, 2, 0]),
        (lambda j: ranking.hit_rate(j, 1), [1, 0, 0]),
        (lambda j: ranking.ndcg(j, K), [0.56931, 0.63093, 0]),
        (lambda j: ranking.ndcg(j, K, gain="exponential"), [0.49573, 0.63093, 0]),
    ],
)
def test_the_case_worked_by_hand(metric, expected):
    assert metric(judged(LISTS, JUDGMENTS)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("no_list", [[], None])
def test_a_judged_query_without_a_list_lowers_the_mean(no_list):
    four = judged([*LISTS, no_list], [*JUDGMENTS, {"q": 1}])
    assert ranking.ndcg(four, K).mean() == pytest.approx(0.3001, abs=1e-4)
    assert ranking.ndcg(judged(LISTS, JUDGMENTS), K).mean() == pytest.approx(0.4001, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("recall@5", lambda j: ranking.recall(j, 5)),
        ("precision@5", lambda j: ranking.precision(j, 5)),
        ("hit_rate@5", lambda j: ranking.hit_rate(j, 5)),
        ("mrr", ranking.reciprocal_rank),
        ("mrr@5", lambda j: ranking.reciprocal_rank(j, 5)),
        ("map", ranking.average_precision),
        ("map@5", lambda j: ranking.average_precision(j, 5)),
        ("ndcg@10", lambda j: ranking.ndcg(j, 10)),
        ("ndcg_burges@10", lambda j: ranking.ndcg(j, 10, gain="exponential")),
    ],
)
def test_each_query_scores_as_in_ranx(ranx, random_case, name, metric):
    lists, judgments = random_case
    ours = metric(judged(lists, judgments, depth=40))
    for value, ranked, relevant in zip(ours, lists, judgments, strict=True):
        graded = {item: gain for item, gain in relevant.items() if gain > 0}
        if not ranked or not graded:  # ranx takes neither; both count as zero here
            assert value == 0
            continue
        qrels = ranx.Qrels({"q": graded})
        run = ranx.Run({"q": {item: float(-place) for place, item in enumerate(ranked)}})
        assert value == pytest.approx(ranx.evaluate(qrels, run, name), abs=1e-12)


def test_ndcg_of_full_rankings_is_that_of_scikit_learn():
    rng = np.random.default_rng(5)
    gains, scores = rng.integers(0, 4, (50, 12)).astype(float), rng.random((50, 12))
    items = [str(n) for n in range(12)]
    lists = [[items[column] for column in row] for row in np.argsort(-scores, axis=1)]
    ours = ranking.ndcg(judge(lists, [items] * 50, list(gains), depth=12), 5)
    for value, true, score in zip(ours, gains, scores, strict=True):
        assert value == pytest.approx(ndcg_score([true], [score], k=5), abs=1e-12)


def test_a_repeated_item_counts_at_its_first_place_and_its_repeat_holds_a_place():
    once = judged([["a", "x", "b"]], [{"a": 1, "b": 1}])
    twice = judged([["a", "a", "b"]], [{"a": 1, "b": 1}])
    np.testing.assert_array_equal(once.gains, twice.gains)
    assert ranking.recall(judged([["a", "a", "a"]], [{"a": 1}]), 3).tolist() == [1.0]


def test_an_item_judged_twice_is_one_relevant_item_with_its_highest_gain():
    result = judge([["a"]], [["a", "a", "b"]], [[1, 3, 1]], depth=3)
    assert result.n_relevant.tolist() == [2]
    assert result.gains.tolist() == [[3, 0, 0]]
    assert result.ideal.tolist() == [[3, 1, 0]]


def test_recall_divides_by_all_relevant_items_also_beyond_the_depth():
    result = judge([["a", "b"]], [list("abcdef")], depth=2)
    assert ranking.recall(result, 2).tolist() == [pytest.approx(2 / 6)]
    assert ranking.recall(result, 2, capped=True).tolist() == [1.0]
    assert ranking.ndcg(result, 2).tolist() == [1.0]


def test_constant_scores_score_like_chance_and_not_like_the_order_of_the_file():
    n, m, k = 400, 100, 10
    items = [f"item-{i}" for i in range(m)]
    order = ranking.top_k(np.zeros((n, m)), k, row_ids=[f"q{i}" for i in range(n)], column_ids=items)
    lists = [[items[column] for column in row] for row in order]
    first_tenth = judge(lists, [items[:10]] * n, depth=k)  # in file order these would give recall 1
    assert ranking.recall(first_tenth, k).mean() == pytest.approx(k / m, abs=0.02)
    assert ranking.reciprocal_rank(judge(lists, [[items[0]]] * n, depth=k)).mean() < 0.1


def test_order_among_equal_scores_goes_with_the_ids_and_not_with_their_places():
    scores, rows, columns = np.array([[1.0, 0, 0, 0, 0, 0, 2.0]]), ["q"], list("abcdefg")
    best = [columns[i] for i in ranking.top_k(scores, 7, row_ids=rows, column_ids=columns)[0]]
    back = ranking.top_k(scores[:, ::-1], 7, row_ids=rows, column_ids=columns[::-1])[0]
    assert [columns[::-1][i] for i in back] == best
    assert best[:2] == ["g", "a"]
    other = ranking.top_k(scores, 7, row_ids=["another"], column_ids=columns)[0]
    assert [columns[i] for i in other] != best


def test_scores_that_are_not_numbers_go_last():
    order = ranking.top_k(np.array([[np.nan, 1, -np.inf, 2]]), 4, row_ids=["q"], column_ids=list("abcd"))
    assert order.tolist() == [[3, 1, 2, 0]]


@pytest.mark.parametrize("k", [0, -1, 11])
def test_a_cut_off_that_was_not_judged_is_refused(k):
    with pytest.raises(ValueError, match="outside 1 to 10"):
        ranking.recall(judged(LISTS, JUDGMENTS), k)


def test_columns_that_do_not_fit_each_other_are_refused():
    with pytest.raises(DataError, match="2 ranked lists can't be compared with 1"):
        judge([["a"], ["b"]], [["a"]])
    with pytest.raises(DataError, match="one gain"):
        judge([["a"]], [["a", "b"]], [[1.0]])
    with pytest.raises(DataError, match="finite"):
        judge([["a"]], [["a"]], [[float("nan")]])


def test_no_queries_give_no_values():
    nothing = judge([], [], depth=3)
    assert ranking.ndcg(nothing, 3).shape == ranking.average_precision(nothing).shape == (0,)
