"""From the rows of a run to its figures: for each kind of run, the columns its rows have and the metrics they give.

Every aggregate, every value of a single row and every resampled interval comes from the same `Measure`, so they can't
disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from engine.errors import DataError, UnknownNameError
from engine.metrics import beyond, chances, ranking
from engine.metrics.classification import Counts, Floats, macro_over_support, row_counts
from engine.metrics.definitions import split_name
from engine.metrics.judged import Judged, judge
from engine.metrics.lists import Sparse, indicators, longest_list
from engine.metrics.significance import Measure, mean_measure


class Rows(Protocol):
    """The rows of one kind of run, ready to be measured."""

    def measure(self, metric: str) -> Measure | None:
        """The measure of `metric`, None when these rows have no such metric."""
        ...


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    id: the column that names a row; unit: what a row is, in the plural; columns: the columns that metrics need
    besides; metrics: those that are shown when none are chosen; read: from rows to what measures them.
    """

    name: str
    id: str
    unit: str
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    read: Callable[[pd.DataFrame, int], Rows]


class RankedRows:
    """Rows with one ranked list each."""

    def __init__(self, judged: Judged) -> None:
        self.judged = judged

    def measure(self, metric: str) -> Measure | None:
        """The mean over rows of a ranking metric such as "recall@10"."""
        base, k = split_name(metric)
        table = _RANKED if k is None else _RANKED_AT
        return mean_measure(table[base](self.judged, k or self.judged.depth)) if base in table else None


class RecommendRows:
    """Rows with one ranked list each, and what is known of the items in it."""

    def __init__(self, rows: pd.DataFrame, depth: int) -> None:
        self._rows, self._ranked = rows, _ranked_rows(rows, depth)

    def measure(self, metric: str) -> Measure | None:
        """A metric beyond accuracy such as "coverage@5", or else one of the ranked lists."""
        base, k = split_name(metric)
        rows = self._rows
        if k is None or base not in _BEYOND:
            return self._ranked.measure(metric)
        return _BEYOND[base](rows, k)


class TagRows:
    """Rows with a set of asserted tags and a ranked list of tags each."""

    def __init__(self, rows: pd.DataFrame, depth: int) -> None:
        self._ranked = RankedRows(judge(rows["ranked"], rows["known"], depth=depth))
        _, (self._predicted, self._known, self._true) = indicators(rows["predicted"], rows["known"], rows["true"])

    def measure(self, metric: str) -> Measure | None:
        """A metric of the asserted sets, or else one of the ranked lists."""
        if metric == "macro_f1":
            return _macro(self._known, self._predicted)
        if metric not in _SETS:
            return self._ranked.measure(metric)
        counts = row_counts(self._true if metric == "micro_f1_oov" else self._known, self._predicted)
        return _micro(counts, _SETS[metric])


class ChanceRows:
    """Rows with one list of candidates each, in order, with the probability of each."""

    def __init__(self, rows: pd.DataFrame, depth: int) -> None:
        self._chances, self._ranked = chances.read_chances(rows), _ranked_rows(rows, depth)

    def measure(self, metric: str) -> Measure | None:
        """A metric of the probabilities, or else one of the ranked lists."""
        return _CHANCES[metric](self._chances) if metric in _CHANCES else self._ranked.measure(metric)


_RANKED: Mapping[str, Callable[[Judged, int], Floats]] = {
    "mrr": ranking.reciprocal_rank,
    "map": ranking.average_precision,
}
_RANKED_AT: Mapping[str, Callable[[Judged, int], Floats]] = {
    **_RANKED,
    "precision": ranking.precision,
    "recall": ranking.recall,
    "capped_recall": lambda judged, k: ranking.recall(judged, k, capped=True),
    "hit_rate": ranking.hit_rate,
    "ndcg": ranking.ndcg,
    "ndcg_exp": lambda judged, k: ranking.ndcg(judged, k, gain="exponential"),
}
_BEYOND: Mapping[str, Callable[[pd.DataFrame, int], Measure]] = {
    "coverage": lambda rows, k: beyond.coverage(rows["hits"], beyond.catalogue_size(rows), k),
    "gini": lambda rows, k: beyond.gini(rows["hits"], beyond.catalogue_size(rows), k),
    "novelty": lambda rows, k: beyond.novelty(rows["surprise"], k),
    "diversity": lambda rows, k: beyond.diversity(rows["hit_categories"], k),
}
_CHANCES: Mapping[str, Callable[[chances.Chances], Measure]] = {
    "auc": chances.list_auc,
    "auc_pooled": chances.pooled_auc,
    "log_loss": chances.log_loss,
    "ece": chances.calibration_error,
}
_SETS: Mapping[str, Callable[[Counts], Floats]] = {
    "micro_f1": lambda counts: counts.f1,
    "micro_f1_oov": lambda counts: counts.f1,
    "precision": lambda counts: counts.precision,
    "recall": lambda counts: counts.recall,
}


def _ranked_rows(rows: pd.DataFrame, depth: int) -> Rows:
    return RankedRows(judge(rows["hits"], rows["relevant"], rows.get("gains"), depth=depth))


_TAG_METRICS = ("micro_f1", "macro_f1", "precision", "recall", "micro_f1_oov", "p@3", "r@3", "hit_rate@3", "mrr")
_LIST_METRICS = (
    *(f"recall@{k}" for k in (5, 10, 20, 50, 100)),
    *("precision@10", "hit_rate@10", "mrr", "map", "ndcg@10", "ndcg_exp@10"),
)
_RECOMMEND_METRICS = (
    *("precision@5", "recall@20", "ndcg@10", "hit_rate@5", "map", "mrr"),
    *("coverage@5", "novelty@5", "diversity@5", "gini@5"),
)
_RANK_METRICS = ("ndcg@5", "ndcg@10", "mrr", "recall@20", "auc", "auc_pooled", "log_loss", "ece")
_RECOMMEND_COLUMNS = ("hits", "relevant", "surprise", "hit_categories", "n_items")
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("tags", "item_id", "SKUs", ("predicted", "ranked", "known", "true"), _TAG_METRICS, TagRows),
        Kind("search", "query_id", "queries", ("hits", "relevant"), _LIST_METRICS, _ranked_rows),
        Kind("recommend", "user_id", "users", _RECOMMEND_COLUMNS, _RECOMMEND_METRICS, RecommendRows),
        Kind("rank", "list_id", "lists", ("hits", "scores", "relevant"), _RANK_METRICS, ChanceRows),
    )
}


def find_kind(name: str) -> Kind:
    """The kind of run called `name`. Raises UnknownNameError with the nearest one."""
    if name not in KINDS:
        raise UnknownNameError("kind of run", name, KINDS)
    return KINDS[name]


def measures(kind: str, rows: pd.DataFrame, metrics: Sequence[str] | None = None) -> dict[str, Measure]:
    """The measures of a run's rows by metric name (default: those of its kind).

    Any cut-off may be asked for, such as "recall@37". Raises DataError naming a column that `rows` lack, and
    UnknownNameError for a metric that this kind doesn't have.
    """
    spec = find_kind(kind)
    missing = [column for column in spec.columns if column not in rows]
    if missing:
        raise DataError(f"rows of a {kind} run need the column {missing[0]!r}.")
    chosen = list(spec.metrics if metrics is None else metrics)
    reader = spec.read(rows, _depth(spec, rows, chosen))
    found = {metric: reader.measure(metric) for metric in chosen}
    for metric, measure in found.items():
        if measure is None:
            raise UnknownNameError(f"metric of {kind} runs", metric, spec.metrics)
    return {metric: measure for metric, measure in found.items() if measure is not None}


def aggregate(kind: str, rows: pd.DataFrame, metrics: Sequence[str] | None = None) -> dict[str, float]:
    """Every aggregate figure of a run (or of some of its rows), by metric name; NaN throughout when there are no rows.

    The one way from rows to figures. Columns and errors as in `measures`; engine.metrics.definitions says what each
    name means.
    """
    return {name: measure.total for name, measure in measures(kind, rows, metrics).items()}


def row_values(kind: str, rows: pd.DataFrame, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """One line per row and one column per metric: the metric of that row alone, beside the row's id.

    The mean of a column is the aggregate for ranking metrics; micro and macro averages are made from counts instead,
    so for those a column only tells rows apart.
    """
    values = {name: measure.values for name, measure in measures(kind, rows, metrics).items()}
    return pd.DataFrame({find_kind(kind).id: rows[find_kind(kind).id].to_numpy(), **values})


def _depth(spec: Kind, rows: pd.DataFrame, metrics: Sequence[str]) -> int:
    """Ranks to judge: the whole of the longest list, and at least the largest cut-off."""
    longest = longest_list(rows["ranked" if spec.name == "tags" else "hits"])
    return max([longest, 1, *(split_name(metric)[1] or 1 for metric in metrics)])


def _micro(counts: Counts, ratio: Callable[[Counts], Floats]) -> Measure:
    parts = np.column_stack([counts.tp, counts.fp, counts.fn]).astype(np.float64)
    return Measure(parts, lambda sums, _: ratio(Counts(*_thirds(sums)))[..., 0], ratio(counts))


def _macro(known: Sparse, predicted: Sparse) -> Measure:
    tp = known.multiply(predicted)
    parts = sparse.csr_array(sparse.hstack([tp, predicted - tp, known - tp]))
    return Measure(parts, lambda sums, _: macro_over_support(Counts(*_thirds(sums))), row_counts(known, predicted).f1)


def _thirds(sums: Floats) -> list[Floats]:
    """Sums (…, 3 m) as true positives, false positives and false negatives, (…, m) each."""
    return np.split(sums, 3, axis=-1)
