"""The step train: the challenger's models and weights, as versions that don't serve yet.

Weights are fitted on valid, as always, but they change only where valid clearly says so (the interval of the paired
difference is above 0): the best of many random weights is better by luck nearly every day, and a recipe that wanders
would cost more than it gains. Models learn from everything that happened, and are measured by models of the same
settings that know what came before the test window.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.atomic import atomic_path, remove, write_json
from engine.data.splits import save_split
from engine.recommend.base import Recommender
from engine.recommend.evaluation import Task
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommend.registry import RECOMMENDERS
from engine.recommend.weights import fit_weights
from engine.recommending.measuring import compare_rows, recommend_rows
from engine.recommending.shop import Shop, data_of, fit_model, make_pipeline, open_shop, shop_at
from engine.recommending.training import KIND, PIPELINE, described, write_config, write_models
from engine.recommending.trials import save_trial
from engine.recording import record_model
from engine.retraining.context import Context, Found
from engine.retraining.folder import plan_name
from engine.retraining.keys import key_of
from engine.retraining.recipe import Recipe, described_recipe, new_recipe, read_serving
from engine.runs import LIBRARIES
from engine.workspace import Workspace

BEFORE = "before_test"  # models that know what came before the test window, for the next step
Models = Mapping[str, Recommender]


def train(context: Context) -> Found:
    """Fit the challenger. Raises DataError when there are too few events."""
    workspace, serving = context.workspace, read_serving(context.workspace)
    recipe = new_recipe(workspace, serving.recipe)
    shop = open_shop(workspace, recipe.shop)
    save_split(workspace, shop.split)
    context.progress(0.3, "weighing on valid")
    weights, why = choose_weights(context, shop, recipe)
    recipe = replace(recipe, weights=weights)
    context.progress(0.45, "fitting what came before test")
    then = shop_at(workspace, shop, "test")
    task = then.task("test")
    models = fit_before(then, task, recipe, seed=context.config.seed)
    _keep_models(context, models)
    context.progress(0.6, "fitting on everything")
    versions = _planned(context, [*models, PIPELINE])
    _save_all(context, shop, recipe, versions, _with_trial(then, task, models, weights, context.config.seed))
    details = {
        "versions": versions,
        "recipe": described_recipe(recipe),
        "weights": why,
        "split": shop.split.hash,
        "test_from": shop.start("test").isoformat(),
        "data": data_of(workspace),
        "events": shop.report.summary,
        "damage": serving.damage,
    }
    return Found(f"{len(models)} models and the pipeline {versions[PIPELINE]}; weights: {why}", details)


def choose_weights(context: Context, shop: Shop, recipe: Recipe) -> tuple[PipelineConfig, str]:
    """The challenger's weights, and in words where they come from."""
    seed, then = context.config.seed, shop_at(context.workspace, shop, "valid")
    task = then.task("valid")
    start = recipe.weights or PipelineConfig(sources=dict.fromkeys(recipe.sources, 1.0))
    everyone = replace(start, sources={name: weight or 1.0 for name, weight in start.sources.items()})
    models = fit_before(then, task, recipe, seed=seed)
    line = make_pipeline(then, task.past, models, everyone, seed=seed, rules=task.rules)
    found = fit_weights(line, task, seed=seed, trials=context.config.trials)
    if recipe.weights is None:
        return found, "fitted on valid"
    old, new = (recommend_rows(replace(line, config=one), task, then.catalogue) for one in (recipe.weights, found))
    difference = compare_rows(old, new, context.config.metric, seed=seed)
    if difference.low > 0:
        return found, f"fitted on valid, clearly better there: {difference.words()}"
    return recipe.weights, f"as they serve; others were not clearly better on valid: {difference.words()}"


def fit_before(shop: Shop, task: Task, recipe: Recipe, *, seed: int) -> dict[str, Recommender]:
    """The recipe's models, fitted on what came before `task`."""
    return {
        name: fit_model(name, task.past, shop.catalogue, config=own, seed=seed) for name, own in recipe.settings.items()
    }


def open_before(context: Context, shop: Shop, task: Task, recipe: Recipe) -> dict[str, Recommender]:
    """The models of this run that know what came before the test window; fitted anew where they were removed."""
    place = context.folder.path / BEFORE
    if not place.exists():
        return fit_before(shop, task, recipe, seed=context.config.seed)
    return {name: RECOMMENDERS.load(name).load(place / name) for name in recipe.settings}


def _keep_models(context: Context, models: Models) -> None:
    place = context.folder.path / BEFORE
    remove(place)
    with atomic_path(place) as folder:
        for name, model in models.items():
            (folder / name).mkdir(parents=True)
            model.save(folder / name)


def _planned(context: Context, names: list[str]) -> dict[str, str]:
    """The names of the versions, decided before the first is written, so that a killed step goes on with them."""
    file, key = context.folder.path / plan_name("train"), key_of(context, "train")
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if known.get("key") != key or set(known.get("versions", ())) != set(names):
        known = {"key": key, "versions": {name: new_version() for name in names}}
        write_json(file, known)
    return dict(known["versions"])


def _with_trial(then: Shop, task: Task, models: Models, weights: PipelineConfig, seed: int) -> Callable[[Path], None]:
    """Writes what trials of other weights need: the candidates of the test window's users."""
    line: Pipeline = make_pipeline(then, task.past, models, weights, seed=seed, rules=task.rules)
    gathered = line.gather(task.histories)
    return lambda folder: save_trial(folder, line, gathered, task)


def _save_all(
    context: Context, shop: Shop, recipe: Recipe, versions: Mapping[str, str], write_trial: Callable[[Path], None]
) -> None:
    """Fit on everything and save each version that isn't there from a try before this one."""
    workspace, seed, weights = context.workspace, context.config.seed, recipe.weights or PipelineConfig()
    everything = shop.all
    for name, own in recipe.settings.items():
        if not _there(workspace, name, versions[name]):
            model = fit_model(name, everything, shop.catalogue, config=own, seed=seed)
            _save(context, shop, name, versions[name], own, model.save)

    def write(folder: Path) -> None:
        write_config(folder, weights)
        write_models(folder, {name: version for name, version in versions.items() if name != PIPELINE})
        write_trial(folder)

    if not _there(workspace, PIPELINE, versions[PIPELINE]):
        _save(context, shop, PIPELINE, versions[PIPELINE], weights, write)


def _there(workspace: Workspace, name: str, version: str) -> bool:
    return version in ArtifactStore(workspace).versions(KIND, name)


def _save(context: Context, shop: Shop, name: str, version: str, own: Any, write: Callable[[Path], None]) -> None:
    card = Card(
        kind=KIND,
        name=name,
        version=version,
        config=described(shop.config, own),
        data_hash=data_of(context.workspace),
        split=f"time {shop.split.hash}",
        seed=context.config.seed,
        libraries=library_versions(*LIBRARIES, "implicit"),
    )
    record_model(context.workspace, card, write, serve=False)
