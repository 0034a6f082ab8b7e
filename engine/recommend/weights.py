"""How much each source of candidates and the categories count: fitted on valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.metrics import ranking
from engine.metrics.beyond import coverage
from engine.metrics.judged import judge
from engine.recommend.evaluation import Task
from engine.recommend.pipeline import Gathered, Pipeline, PipelineConfig

TRIALS = 80
K, SHOWN = 10, 5
LEAST = 0.03  # a source that counts for less isn't worth what it costs
FITTED = ("sources", "alpha", "beta", "popularity_penalty")  # the settings that are searched


@dataclass(frozen=True)
class _Tried:
    """A configuration and what it reached on valid."""

    config: PipelineConfig
    ndcg: float
    coverage: float


def fit_weights(
    pipeline: Pipeline, task: Task, *, seed: int, trials: int = TRIALS, given: Mapping[str, Any] | None = None
) -> PipelineConfig:
    """The weights of sources, affinity and popularity with the best NDCG@10 on `task` (valid), by random search.

    Only configurations whose coverage@5 is no smaller than that of the best source alone: better lists that all show
    the same few items would be no gain for a shop. Candidates are gathered once, so that a trial only ranks them.
    given: settings of the configuration that somebody has chosen; they stay, the others are searched, and what covers
    less is taken when nothing with them covers as much.
    """
    start = replace(pipeline.config, **(given or {}))
    if given and set(FITTED) <= set(given):
        return start
    gathered = pipeline.gather(task.histories)
    right = _wanted(pipeline, task)
    alone = [_try(pipeline, gathered, right, config) for config in _alone(pipeline.config)]
    best = max(alone, key=lambda tried: tried.ndcg)
    drawn = [replace(config, **(given or {})) for config in _drawn(start, trials, np.random.default_rng(seed))]
    others = [_try(pipeline, gathered, right, config) for config in [start, *drawn]]
    allowed = [tried for tried in others if tried.coverage >= best.coverage]
    pool = (allowed or others) if given else [best, *allowed]
    return max(pool, key=lambda tried: tried.ndcg).config


def _alone(config: PipelineConfig) -> list[PipelineConfig]:
    """Each source by itself, with nothing beside it."""
    names = list(config.sources)
    only = [{other: float(other == name) for other in names} for name in names]
    return [replace(config, sources=sources, alpha=1.0, beta=0.0, popularity_penalty=0.0) for sources in only]


def _drawn(config: PipelineConfig, n: int, rng: np.random.Generator) -> list[PipelineConfig]:
    found = []
    for _ in range(n):
        weights = rng.dirichlet(np.ones(len(config.sources)))
        beta, penalty = (round(float(rng.choice([0.0, rng.uniform(0, most)])), 3) for most in (0.6, 0.2))
        sources = {
            name: round(float(weight), 3) if weight >= LEAST else 0.0
            for name, weight in zip(config.sources, weights, strict=True)
        }
        found.append(replace(config, sources=sources, alpha=round(1 - beta, 3), beta=beta, popularity_penalty=penalty))
    return found


def _try(pipeline: Pipeline, gathered: Gathered, right: list[list[str]], config: PipelineConfig) -> _Tried:
    lists = pipeline.rank(gathered, K, config).ranked.ids(pipeline.catalogue.item_ids)
    ndcg = float(ranking.ndcg(judge(lists, right, depth=K), K).mean())
    return _Tried(config, ndcg, coverage(lists, len(pipeline.catalogue), SHOWN).total)


def _wanted(pipeline: Pipeline, task: Task) -> list[list[str]]:
    cells = task.wanted
    return [
        pipeline.catalogue.item_ids[cells.indices[start:end]].tolist()
        for start, end in zip(cells.indptr, cells.indptr[1:], strict=False)
    ]
