import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from engine.errors import DataError, UnknownNameError
from engine.metrics.definitions import ALIASES, DEFINITIONS, definition
from engine.metrics.measures import KINDS, aggregate, measures, row_values
from engine.metrics.significance import paired_bootstrap

TAGS = [f"tag {n}" for n in range(25)]


def tag_rows(seed: int = 0, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    known = [rng.permutation(TAGS)[: rng.integers(0, 6)].tolist() for _ in range(n)]
    ranked = [rng.permutation(TAGS)[:10].tolist() for _ in range(n)]
    return pd.DataFrame(
        {
            "item_id": [f"sku-{i}" for i in range(n)],
            "predicted": [each[: rng.integers(0, 5)] for each in ranked],
            "ranked": ranked,
            "known": known,
            "true": [[*each, "never seen"] if i % 3 == 0 else each for i, each in enumerate(known)],
        }
    )


def list_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "query_id": ["q1", "q2", "q3", "q4"],
            "hits": [list("bcaxd"), list("xa"), ["x"], []],
            "relevant": [list("abde"), ["a"], ["z", "y"], ["q"]],
            "gains": [[2, 1, 1, 2], [1], [2, 1], [1]],
        }
    )


def matrix(column: pd.Series) -> np.ndarray:
    return np.array([[tag in tags for tag in [*TAGS, "never seen"]] for tags in column])


def test_figures_of_tags_are_those_of_scikit_learn():
    rows = tag_rows()
    found = aggregate("tags", rows)
    assert list(found) == list(KINDS["tags"].metrics)
    known, true, predicted = (matrix(rows[name]) for name in ("known", "true", "predicted"))
    assert found["micro_f1"] == pytest.approx(f1_score(known, predicted, average="micro"))
    assert found["precision"] == pytest.approx(precision_score(known, predicted, average="micro"))
    assert found["recall"] == pytest.approx(recall_score(known, predicted, average="micro"))
    assert found["micro_f1_oov"] == pytest.approx(f1_score(true, predicted, average="micro"))
    supported = known.any(axis=0)
    assert found["macro_f1"] == pytest.approx(
        f1_score(known[:, supported], predicted[:, supported], average="macro", zero_division=0)
    )
    first = [len(set(r[:3]) & set(k)) for r, k in zip(rows["ranked"], rows["known"], strict=True)]
    assert found["p@3"] == pytest.approx(np.mean(first) / 3)
    assert found["r@3"] == pytest.approx(
        np.mean([f / max(len(k), 1) for f, k in zip(first, rows["known"], strict=True)])
    )


@pytest.mark.parametrize("kind", ["search", "recommend"])
def test_figures_of_ranked_lists_count_those_without_results(kind):
    rows = user_rows() if kind == "recommend" else list_rows()
    found = aggregate(kind, rows, ["ndcg@10", "map", "recall@10", "mrr"])
    assert found["ndcg@10"] == pytest.approx(0.3001, abs=1e-4)
    assert found["map"] == pytest.approx((0.566667 + 0.5) / 4, abs=1e-6)
    assert found["recall@10"] == pytest.approx(1.75 / 4)
    assert found["mrr"] == pytest.approx(1.5 / 4)
    assert aggregate(kind, rows, ["recall@3", "recall@1000"]) == pytest.approx(
        {"recall@3": 0.375, "recall@1000": 0.4375}
    )


def test_without_gains_every_relevant_item_is_worth_one():
    plain = aggregate("search", list_rows().drop(columns="gains"), ["ndcg@10", "ndcg_exp@10"])
    assert plain["ndcg@10"] == plain["ndcg_exp@10"]


def test_values_of_rows_average_to_the_aggregate():
    values = row_values("search", list_rows())
    assert values["query_id"].tolist() == ["q1", "q2", "q3", "q4"]
    assert values["ndcg@10"].tolist() == pytest.approx([0.56931, 0.63093, 0, 0], abs=1e-5)
    for metric, figure in aggregate("search", list_rows()).items():
        assert values[metric].mean() == pytest.approx(figure)


def test_micro_f1_is_compared_from_counts_and_not_from_the_mean_of_rows():
    rows = pd.DataFrame({"item_id": ["small", "large"], "known": [["a"], list("abcdefghij")], "ranked": [[], []]})
    rows["true"] = rows["known"]
    a = measures("tags", rows.assign(predicted=[["a"], []]), ["micro_f1"])["micro_f1"]
    b = measures("tags", rows.assign(predicted=[[], list("abcdefghij")]), ["micro_f1"])["micro_f1"]
    found = paired_bootstrap(a, b, seed=0)
    assert found.difference == pytest.approx(20 / 21 - 2 / 12)  # the means of rows would be equal
    assert (found.wins, found.losses) == (1, 1)


def test_macro_f1_can_be_resampled_with_a_single_label():
    rows = pd.DataFrame({"item_id": list("abc"), "known": [["x"]] * 3, "ranked": [["x"]] * 3, "true": [["x"]] * 3})
    a = measures("tags", rows.assign(predicted=[["x"], [], []]), ["macro_f1"])["macro_f1"]
    b = measures("tags", rows.assign(predicted=[["x"]] * 3), ["macro_f1"])["macro_f1"]
    found = paired_bootstrap(a, b, seed=0)
    assert (found.a, found.b) == (pytest.approx(0.5), 1.0)
    assert 0 <= found.low < found.difference < found.high <= 1


def user_rows() -> pd.DataFrame:
    rows = list_rows().rename(columns={"query_id": "user_id"})
    rows["surprise"] = [[0.1 * n for n, _ in enumerate(hits, start=1)] for hits in rows["hits"]]
    rows["hit_categories"] = [[f"Shoes / {hit}" for hit in hits] for hits in rows["hits"]]
    return rows.assign(n_items=20)


def chance_rows() -> pd.DataFrame:
    rows = list_rows().rename(columns={"query_id": "list_id"}).drop(columns="gains")
    return rows.assign(scores=[[0.9, 0.6, 0.5, 0.4, 0.1], [0.7, 0.2], [0.3], []])


def test_every_shown_metric_has_a_definition():
    for kind in KINDS.values():
        assert [metric for metric in kind.metrics if definition(metric) is None] == []


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_definition_can_be_measured(name):
    metric = name.replace("@k", "@4")
    of_sets = name in ("micro_f1", "micro_f1_oov", "macro_f1", "precision", "recall")
    kind, rows = ("tags", tag_rows()) if of_sets else ("recommend", user_rows())
    kind, rows = ("rank", chance_rows()) if name in ("auc", "auc_pooled", "log_loss", "ece") else (kind, rows)
    assert 0 < aggregate(kind, rows, [metric])[metric] < 1


def test_short_names_of_tag_metrics_mean_the_long_ones():
    for short, long in ALIASES.items():
        assert definition(f"{short}@3") is DEFINITIONS[f"{long}@k"]
        assert (
            aggregate("tags", tag_rows(), [f"{short}@3"])[f"{short}@3"]
            == (aggregate("tags", tag_rows(), [f"{long}@3"])[f"{long}@3"])
        )


def test_no_rows_give_figures_that_are_not_numbers():
    assert all(np.isnan(value) for value in aggregate("tags", tag_rows()[:0]).values())
    assert row_values("search", list_rows()[:0]).empty


@pytest.mark.parametrize("metric", ["recal@10", "recall", "recall@0", "recall@ten", "recall@", "ndcg", "micro_f1"])
def test_an_unknown_metric_is_named(metric):
    with pytest.raises(UnknownNameError, match="metric of search runs"):
        aggregate("search", list_rows(), [metric])


def test_an_unknown_kind_and_a_missing_column_are_named():
    with pytest.raises(UnknownNameError, match="kind of run named 'tag'; did you mean 'tags'"):
        aggregate("tag", tag_rows())
    with pytest.raises(DataError, match="'ranked'"):
        aggregate("tags", tag_rows().drop(columns="ranked"))
