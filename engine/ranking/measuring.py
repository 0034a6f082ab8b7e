"""Runs of kind "rank": what a ranker, or a baseline, makes of the lists of test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.metrics.measures import aggregate
from engine.rank.base import Floats
from engine.rank.calibration import Calibration
from engine.rank.evaluation import rank_rows
from engine.rank.lists import Lists
from engine.ranking.source import Source
from engine.recording import record_run
from engine.runs import Run, RunStore, new_run
from engine.workspace import Workspace

METRICS = ("ndcg@5", "ndcg@10", "mrr", "recall@20", "auc", "log_loss", "ece")
POPULARITY = "popularity"


def measure(
    workspace: Workspace,
    source: Source,
    name: str,
    scores: Floats,
    probabilities: Floats,
    *,
    config: Mapping[str, Any],
    seed: int,
) -> Run:
    """Save what `name` says of the lists of test as a run, and log its figures.

    scores, probabilities: (n_rows of test,) what orders candidates, and the chance of each.
    """
    run = new_run(
        "rank",
        name,
        config=config,
        data_hash=source.mark,
        split=source.split,
        seed=seed,
        eligibility=source.eligibility,
    )
    record_run(workspace, run, rank_rows(source.prepared.test, scores, probabilities))
    return run


def figures_on_valid(valid: Lists, scores: Floats, probabilities: Floats) -> dict[str, float]:
    """The figures of a ranker on valid, for its card; those that have no value there are left out."""
    found = aggregate("rank", rank_rows(valid, scores, probabilities), METRICS)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def measure_baseline(
    workspace: Workspace, source: Source, name: str, scores: Mapping[str, Floats], *, seed: int
) -> Run:
    """The run of a baseline on these lists, saved once.

    scores: "valid" and "test", (n_rows,) of each; chances are calibrated on valid, as those of rankers are.
    """
    known = [run for run in RunStore(workspace).list("rank") if run.model == name and _same(run, source)]
    if known:
        return known[0]
    chances = Calibration.fit(scores["valid"], source.prepared.valid.known).probabilities(scores["test"])
    return measure(workspace, source, name, scores["test"], chances, config={"baseline": True}, seed=seed)


def measure_baselines(
    workspace: Workspace, source: Source, baselines: Mapping[str, Mapping[str, Floats]], *, seed: int
) -> dict[str, str]:
    """The ids of the baselines' runs by name; see `measure_baseline`."""
    return {name: measure_baseline(workspace, source, name, scores, seed=seed).id for name, scores in baselines.items()}


def popularity(source: Source, feature: str | None) -> dict[str, Floats] | None:
    """The scores of valid and test by how popular items are: by a feature, or by how often train's lists wanted them.

    None when a feature is named that the lists don't have.
    """
    train = source.prepared.train
    if feature is not None and feature not in train.names:
        return None
    counts = np.bincount(train.items[train.known], minlength=len(train.stock)).astype(np.float64)
    found = {}
    for part in ("valid", "test"):
        lists = source.prepared.part(part)
        if feature is None:
            found[part] = counts[lists.items]
        else:
            column = lists.features[:, lists.names.index(feature)].astype(np.float64)
            found[part] = np.nan_to_num(column, nan=-1.0)
    return found


def _same(run: Run, source: Source) -> bool:
    return (run.data_hash, run.split, run.eligibility) == (source.mark, source.split, source.eligibility)
