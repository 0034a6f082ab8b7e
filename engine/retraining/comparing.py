"""The step compare: the challenger against what serves, over the same users of the same test window.

What serves has usually learned from that window already, and would win by heart. So its recipe (the settings and the
weights on its cards) is fitted on what the challenger's was fitted on, and the two are asked the same. Only a version
that was made before the window began is asked as it is.

The window is read every day, so the figure is a gate and not a result to report: settings are never chosen by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd

from engine.errors import ShelfwiseError
from engine.metrics.measures import aggregate
from engine.metrics.significance import PairedDifference
from engine.recommend.base import Recommender
from engine.recommend.evaluation import Task
from engine.recommending.measuring import compare_rows, measure
from engine.recommending.serving import open_model
from engine.recommending.shop import RecommendConfig, Shop, open_shop, shop_at
from engine.recommending.training import PIPELINE, described
from engine.retraining.context import Context, Found
from engine.retraining.evaluating import rows_of
from engine.retraining.fitting import fit_before
from engine.retraining.keys import serving_before
from engine.retraining.recipe import Recipe, Serving, described_recipe, read_recipe, read_serving, same
from engine.runs import RunStore

SERVING = "pipeline (serving)"  # the model of runs of what served while a challenger was measured
SAME, AS_IT_IS, FITTED, NOTHING = "the same recipe", "as it serves", "its recipe fitted anew", "nothing"


def compare(context: Context) -> Found:
    """Whether the challenger may serve, and why."""
    over, serving = serving_before(context), read_serving(context.workspace)
    if serving.recipe is None:
        why = f"what serves can't be opened ({serving.damage})" if serving.damage else "nothing serves yet"
        return Found(f"promote: {why}", {"promote": True, "way": NOTHING, "why": why, "over": over, "reason": why})
    challenger = read_recipe(context.found("train")["recipe"])
    store, run = RunStore(context.workspace), context.found("evaluate")["runs"][PIPELINE]
    new = store.rows(run)
    if same(serving.recipe, challenger):
        old, way, why, its_run = new, SAME, "settings and weights are equal, so the lists are", run
    else:
        old, way, why, its_run = _serving_rows(context, serving, serving.recipe, challenger.shop)
    difference = compare_rows(old, new, context.config.metric, seed=context.config.seed)
    guards = _guards(old, new, context.config.guards)
    promote, verdict = _verdict(difference, guards, context.config.margin)
    reason = _reason(context, difference, verdict)
    details = {
        "promote": promote,
        "verdict": verdict,
        "way": way,
        "why": why,
        "over": over,
        "runs": {"challenger": run, "serving": its_run},
        "metric": context.config.metric,
        "margin": context.config.margin,
        "difference": asdict(difference),
        "guards": guards,
        "serving_recipe": described_recipe(serving.recipe),
        "reason": reason,
    }
    return Found(f"{'promote' if promote else 'keep'}: {reason}; what serves was asked as {way}", details)


def _serving_rows(
    context: Context, serving: Serving, recipe: Recipe, shop_config: RecommendConfig
) -> tuple[pd.DataFrame, str, str, str]:
    """The lists of what serves for the test window, how they came about and why so, and the run that keeps them."""
    shop = open_shop(context.workspace, shop_config)
    then = shop_at(context.workspace, shop, "test")
    task = then.task("test")
    models, way, why = _models(context, serving, recipe, then, task)
    rows = rows_of(context, then, task, recipe, models)
    config = {**described(shop.config, recipe.weights), "asked": way}
    seed = context.config.seed
    return rows, way, why, measure(context.workspace, then, SERVING, rows, config=config, seed=seed).id


def _models(
    context: Context, serving: Serving, recipe: Recipe, then: Shop, task: Task
) -> tuple[Mapping[str, Recommender], str, str]:
    """The models of what serves that know nothing of the test window."""
    made, begins = datetime.fromisoformat(serving.created), task.start
    if made < begins:
        try:
            models = {name: open_model(context.workspace, name, then.catalogue) for name in recipe.settings}
            return models, AS_IT_IS, f"it was made on {made:%Y-%m-%d}, before the window began"
        except ShelfwiseError as error:
            why = f"it can't be asked as it is ({error})"
    else:
        why = f"it was made on {made:%Y-%m-%d %H:%M} and may know the window, which began on {begins:%Y-%m-%d %H:%M}"
    return fit_before(then, task, recipe, seed=context.config.seed), FITTED, why


def _guards(old: pd.DataFrame, new: pd.DataFrame, guards: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Each guard metric: what it was, what it is, the least that is allowed, and whether it holds."""
    before, after = (aggregate("recommend", rows, list(guards)) for rows in (old, new))
    return {
        name: {
            "serving": before[name],
            "challenger": after[name],
            "least": share * before[name],
            "holds": after[name] >= share * before[name],
        }
        for name, share in guards.items()
    }


def _verdict(difference: PairedDifference, guards: Mapping[str, Mapping[str, Any]], margin: float) -> tuple[bool, str]:
    """Whether the challenger may serve, and what it is called."""
    if difference.low > -margin:
        verdict = "better" if difference.low > 0 else "no worse"
    else:
        verdict = "worse" if difference.high < 0 else "too uncertain to be called no worse"
    broken = [
        f"{name} {guard['challenger']:.3f} is below {guard['least']:.3f}"
        for name, guard in guards.items()
        if not guard["holds"]
    ]
    return difference.low > -margin and not broken, "; but ".join([verdict, *broken][:2])


def _reason(context: Context, difference: PairedDifference, verdict: str) -> str:
    said = f"{difference.difference:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
    metric, margin = context.config.metric, context.config.margin
    return f"{metric} {difference.a:.4f} -> {difference.b:.4f}, {said}, margin {margin:g}: {verdict}"
