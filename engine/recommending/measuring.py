"""What a recommender answers to what users did next, as runs that can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from engine.metrics.measures import measures
from engine.metrics.significance import PairedDifference, paired_bootstrap
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue
from engine.recommend.eligibility import Rules, eligibility
from engine.recommend.evaluation import K, Task, run_rows
from engine.recommend.pipeline import Pipeline
from engine.recommending.shop import Shop, data_of
from engine.recording import record_run
from engine.runs import Run, new_run
from engine.workspace import Workspace


def measure(
    workspace: Workspace, shop: Shop, name: str, rows: pd.DataFrame, *, config: Mapping[str, Any], seed: int
) -> Run:
    """Save the rows of `name` on test as a run, and log its figures. shop: as it was when test began."""
    rules = replace(shop.config.rules, unavailable=shop.config.rules.unavailable and shop.catalogue.as_of is not None)
    run = new_run(
        "recommend",
        name,
        config=config,
        data_hash=data_of(workspace),
        split=f"time {shop.split.hash}",
        seed=seed,
        eligibility=rule_words(shop.config.targets, rules),
    )
    record_run(workspace, run, rows)
    return run


def rule_words(targets: Sequence[str], rules: Rules) -> str:
    """Who is measured and what may be recommended, in words that are equal only when the rule is."""
    return f"users with {' or '.join(targets)} in test; {rules.words}"


def recommend_rows(
    recommender: Recommender | Pipeline, task: Task, catalogue: Catalogue, *, k: int = K
) -> pd.DataFrame:
    """What a model or a pipeline answers to `task`, as the rows of a run. The same items are left out for either."""
    if isinstance(recommender, Pipeline):
        return run_rows(task, recommender.recommend(task.histories, K).ranked, catalogue)
    rules = eligibility(task.histories, catalogue, task.rules)
    found = recommender.recommend(task.histories, K, eligible=rules.eligible, excluded=rules.excluded)
    return run_rows(task, found, catalogue)


def compare_rows(a: pd.DataFrame, b: pd.DataFrame, metric: str, *, seed: int) -> PairedDifference:
    """How far the rows `b` are above the rows `a`, user by user, by a paired bootstrap."""
    a, b = (frame.sort_values("user_id", ignore_index=True) for frame in (a, b))
    found = [measures("recommend", frame, [metric])[metric] for frame in (a, b)]
    return paired_bootstrap(found[0], found[1], seed=seed, unit="users")
