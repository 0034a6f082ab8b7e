"""How much each source of candidates and the categories count: fitted on valid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.metrics import ranking
from engine.metrics.judged import judge
from engine.recommend.evaluation import Task
from engine.recommend.pipeline import Gathered, Pipeline, PipelineConfig

TRIALS = 60
K = 10
LEAST = 0.03  # a source that counts for less isn't worth what it costs


def fit_weights(pipeline: Pipeline, task: Task, *, seed: int, trials: int = TRIALS) -> PipelineConfig:
    """The weights of sources and category affinity with the best NDCG@10 on `task` (valid), by random search.

    Candidates are gathered once, so that a trial only ranks them. The weights that the pipeline has, and each source
    alone, are among those tried.
    """
    gathered = pipeline.gather(task.histories)
    rng = np.random.default_rng(seed)
    names = list(pipeline.config.sources)
    tried = [pipeline.config]
    for name in names:
        tried.append(replace(pipeline.config, sources={other: float(other == name) for other in names}, beta=0.0))
    for _ in range(trials):
        weights = rng.dirichlet(np.ones(len(names)))
        beta = float(rng.choice([0.0, rng.uniform(0, 0.6)]))
        sources = {n: round(float(w), 3) if w >= LEAST else 0.0 for n, w in zip(names, weights, strict=True)}
        tried.append(replace(pipeline.config, sources=sources, alpha=1 - beta, beta=round(beta, 3)))
    return max(tried, key=lambda config: _objective(pipeline, gathered, task, config))


def _objective(pipeline: Pipeline, gathered: Gathered, task: Task, config: PipelineConfig) -> float:
    """Mean NDCG@10 of the lists that `config` gives."""
    lists = pipeline.rank(gathered, K, config).ranked.ids(pipeline.catalogue.item_ids)
    wanted = task.wanted
    right = [
        pipeline.catalogue.item_ids[wanted.indices[start:end]].tolist()
        for start, end in zip(wanted.indptr, wanted.indptr[1:], strict=False)
    ]
    return float(ranking.ndcg(judge(lists, right, depth=K), K).mean())
