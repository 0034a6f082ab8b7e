"""What search learns from queries whose answers are known: the weight of fusion on valid, the second stage on train."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from engine.metrics.measures import aggregate
from engine.search.bm25 import stacked
from engine.search.evaluation import BATCH, Queries
from engine.search.examples import Examples, examples
from engine.search.features import Features
from engine.search.hybrid import Candidates, Hybrid, fused, reordered
from engine.search.order import Order, SecondStageConfig
from engine.search.second_stage import SecondStage

WEIGHTS = tuple(n / 20 for n in range(2, 20))
METRIC = "ndcg@10"
Report = Callable[[str, int], None]


@dataclass(frozen=True)
class Learned:
    """The fitted parts, and what valid said: the metric for each weight of fusion, and with the second stage.

    second_stage is None when no candidate of train was relevant, so that there was no order to learn.
    """

    hybrid: Hybrid
    second_stage: SecondStage | None
    weights: dict[float, float]
    valid: dict[str, float]


def learn(
    hybrid: Hybrid,
    features: Features,
    train: Queries,
    valid: Queries,
    *,
    config: SecondStageConfig | None = None,
    report: Report = lambda step, done: None,
) -> Learned:
    """Fit the weight on `valid`, then the second stage on `train` with that weight; `hybrid` itself stays as it is.

    report(step, done): so many queries of a step are done.
    """
    config = config or SecondStageConfig()
    weights = fit_weight(hybrid, valid, report=partial(report, "weights"))
    best = max(weights, key=lambda weight: (weights[weight], -abs(weight - 0.5)))
    chosen = Hybrid(hybrid.bm25, hybrid.dense, replace(hybrid.config, weight=best))
    found = _examples(chosen, features, train, config.depth, partial(report, "second stage"))
    if not found.levels[found.listed].any():
        return Learned(chosen, None, weights, {"hybrid": weights[best]})
    stage = SecondStage(chosen, features, Order.fit(found, config))
    figure = _figure([stage.search(texts, 10).ids(stage.item_ids) for texts in _batches(valid.texts)], valid)
    return Learned(chosen, stage, weights, {"hybrid": weights[best], "second_stage": figure})


def fit_weight(
    hybrid: Hybrid, queries: Queries, *, report: Callable[[int], None] = lambda n: None
) -> dict[float, float]:
    """NDCG@10 of `queries` for each of WEIGHTS; what was not judged counts as not relevant."""
    hits: dict[float, list[list[list[str]]]] = {weight: [] for weight in WEIGHTS}
    done = 0
    for texts in _batches(queries.texts):
        found = hybrid.candidates(texts)
        for weight in WEIGHTS:
            best = [reordered(replace(one, fused=fused(one, weight))).first(10) for one in found]
            hits[weight].append(stacked([(one.rows, one.fused) for one in best], 10).ids(hybrid.item_ids))
        done += len(texts)
        report(done)
    return {weight: _figure(lists, queries) for weight, lists in hits.items()}


def _figure(lists: Sequence[list[list[str]]], queries: Queries) -> float:
    gains = queries.gains or [[1.0] * len(wanted) for wanted in queries.relevant]
    hits = [one for batch in lists for one in batch]
    rows = pd.DataFrame({"query_id": queries.ids, "hits": hits, "relevant": queries.relevant, "gains": gains})
    return aggregate("search", rows, [METRIC])[METRIC]


def _examples(
    hybrid: Hybrid, features: Features, queries: Queries, depth: int, report: Callable[[int], None]
) -> Examples:
    place = {item: row for row, item in enumerate(hybrid.item_ids.tolist())}
    gains = queries.gains or [[1.0] * len(wanted) for wanted in queries.relevant]
    relevant = [_rows(place, dict(zip(*of, strict=True))) for of in zip(queries.relevant, gains, strict=True)]
    judged = [_rows(place, known) for known in queries.judged or [{}] * len(queries)]
    found: list[Candidates] = []
    for texts in _batches(queries.texts):
        known = judged[len(found) : len(found) + len(texts)]
        found += hybrid.candidates(texts, extra=[np.array(list(of), dtype=np.int64) for of in known])
        report(len(found))
    return examples(found, relevant, judged, features, depth)


def _rows(place: Mapping[str, int], worth: Mapping[str, float]) -> dict[int, float]:
    return {place[item]: gain for item, gain in worth.items() if item in place}


def _batches(texts: Sequence[str]) -> list[list[str]]:
    return [list(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
