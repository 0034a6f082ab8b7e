"""The step evaluate: the challenger and each of its models on the test window, as runs like any other."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from engine.atomic import write_json
from engine.recommend.evaluation import Task
from engine.recommend.pipeline import PipelineConfig
from engine.recommending.measuring import measure, recommend_rows
from engine.recommending.shop import Shop, make_pipeline, open_shop, shop_at
from engine.recommending.training import PIPELINE, described
from engine.retraining.context import Context, Found
from engine.retraining.fitting import open_before
from engine.retraining.folder import plan_name
from engine.retraining.keys import key_of
from engine.retraining.recipe import Recipe, read_recipe
from engine.runs import RunStore

SHOWN = ("ndcg@10", "recall@20", "coverage@5")


def evaluate(context: Context) -> Found:
    """Measure the challenger on the users of the test window; its runs by name."""
    recipe = read_recipe(context.found("train")["recipe"])
    shop = open_shop(context.workspace, recipe.shop)
    then = shop_at(context.workspace, shop, "test")
    task = then.task("test")
    runs, names = _kept(context), [*recipe.settings, PIPELINE]
    models = open_before(context, then, task, recipe)
    for number, name in enumerate(names):
        if name in runs:
            continue
        context.progress(0.65 + 0.1 * number / len(names), f"measuring {name}")
        own: Any = recipe.weights if name == PIPELINE else models[name].config
        rows = (
            rows_of(context, then, task, recipe, models)
            if name == PIPELINE
            else recommend_rows(models[name], task, then.catalogue)
        )
        config = described(shop.config, own)
        runs[name] = measure(context.workspace, then, name, rows, config=config, seed=context.config.seed).id
        write_json(context.folder.path / plan_name("evaluate"), {"key": key_of(context, "evaluate"), "runs": runs})
    figures = RunStore(context.workspace).aggregate(runs[PIPELINE])
    said = ", ".join(f"{name} {figures[name]:.4f}" for name in SHOWN)
    words = f"{len(task.histories):,} users of the test window from {task.start:%Y-%m-%d %H:%M}: {said}"
    return Found(words, {"runs": runs, "figures": figures, "users": len(task.histories)})


def rows_of(context: Context, then: Shop, task: Task, recipe: Recipe, models: Any) -> pd.DataFrame:
    """What a pipeline of `recipe` over `models` answers to `task`, as the rows of a run."""
    weights: PipelineConfig = recipe.weights or PipelineConfig()
    line = make_pipeline(then, task.past, models, weights, seed=context.config.seed, rules=task.rules)
    return recommend_rows(line, task, then.catalogue)


def _kept(context: Context) -> dict[str, str]:
    """The runs that a killed try of this step has saved."""
    try:
        known = json.loads((context.folder.path / plan_name("evaluate")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(known["runs"]) if known.get("key") == key_of(context, "evaluate") else {}
