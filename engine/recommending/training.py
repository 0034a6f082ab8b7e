"""Train recommenders: measured on test by what came before it, then fitted on everything and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.artifacts import Card, library_versions, new_version
from engine.data.splits import save_split
from engine.recommend.base import Recommender
from engine.recommend.evaluation import K, Task, run_rows
from engine.recommend.pipeline import PipelineConfig
from engine.recommend.weights import TRIALS, fit_weights
from engine.recommending.measuring import measure, recommend_rows
from engine.recommending.shop import FILL, RecommendConfig, Shop, fit_model, make_pipeline, open_shop, shop_at
from engine.recommending.trials import save_trial
from engine.recording import record_model
from engine.runs import LIBRARIES, Run
from engine.settings import load_settings
from engine.workspace import Workspace

KIND = "recommenders"
PIPELINE, PIPELINE_FILE = "pipeline", "pipeline.json"
MODELS_FILE = "models.json"
SOURCES = ("als", "item_knn", "ease", "popular", "popular_in_category", "recent")
Progress = Callable[[float, str], None]


def train_recommender(
    workspace: Workspace, name: str, *, config: Any = None, shop: Shop | None = None, seed: int | None = None
) -> Card:
    """Measure `name` once on test, fitted on what came before it; then fit it on everything and let that serve.

    shop: as `open_shop` gives it (default: with the default configuration). Raises UnknownNameError, DataError when
    events are too few or the fit isn't finite: the model that served before still does.
    """
    seed = load_settings().seed if seed is None else seed
    shop = shop or open_shop(workspace)
    save_split(workspace, shop.split)
    then = shop_at(workspace, shop, "test")
    task = then.task("test")
    model = fit_model(name, task.past, then.catalogue, config=config, seed=seed)
    rows = recommend_rows(model, task, then.catalogue)
    run = measure(workspace, then, name, rows, config=described(shop.config, model.config), seed=seed)
    served = fit_model(name, shop.all, shop.catalogue, config=model.config, seed=seed)
    return _save(workspace, name, served.save, run)


def train_pipeline(
    workspace: Workspace,
    sources: Sequence[str],
    *,
    configs: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
    shop: Shop | None = None,
    seed: int | None = None,
    trials: int = TRIALS,
    progress: Progress | None = None,
) -> Card:
    """Fit `sources`, weigh them on valid, measure them and the pipeline on test, and let all of them serve.

    configs: settings of single models by name; given: settings of PipelineConfig that are taken as they are instead of
    being fitted; shop: as in `train_recommender`. Popularity is always measured beside them.
    """
    seed = load_settings().seed if seed is None else seed
    report = progress or (lambda share, words: None)
    shop, configs = shop or open_shop(workspace), configs or {}
    save_split(workspace, shop.split)
    names = list(dict.fromkeys([*sources, FILL]))
    start = PipelineConfig(**{"sources": dict.fromkeys(sources, 1.0), **(given or {})})
    report(0.05, "fitting on train")
    weights = _weighed(shop_at(workspace, shop, "valid"), names, start, configs, seed=seed, trials=trials, given=given)
    report(0.4, "measuring on test")
    then = shop_at(workspace, shop, "test")
    task = then.task("test")
    runs, models = _measured(workspace, then, task, names, configs, seed=seed)
    line = make_pipeline(then, task.past, models, weights, seed=seed, rules=task.rules)
    gathered = line.gather(task.histories)
    rows = run_rows(task, line.rank(gathered, K).ranked, then.catalogue)
    run = measure(workspace, then, PIPELINE, rows, config=described(shop.config, weights), seed=seed)
    report(0.7, "fitting on everything")
    everything = shop.all
    versions = {}
    for name in names:
        served = fit_model(name, everything, shop.catalogue, config=models[name].config, seed=seed)
        versions[name] = _save(workspace, name, served.save, runs[name]).version

    def write(folder: Path) -> None:
        write_config(folder, weights)
        write_models(folder, versions)
        save_trial(folder, line, gathered, task)

    card = _save(workspace, PIPELINE, write, run)
    report(1.0, "done")
    return card


def described(config: RecommendConfig, own: Any) -> dict[str, Any]:
    """What a run keeps as its configuration: the model's own (a dataclass), and what holds for all."""
    return {**asdict(own), "shop": asdict(config)}


def write_config(folder: Path, config: PipelineConfig) -> None:
    """Write the weights that serve into the folder of a version."""
    text = json.dumps(asdict(config), ensure_ascii=False, indent=2) + "\n"
    (folder / PIPELINE_FILE).write_text(text, encoding="utf-8")


def write_models(folder: Path, versions: Mapping[str, str]) -> None:
    """Write into the folder of a pipeline's version which versions of the models, by name, it was measured with."""
    (folder / MODELS_FILE).write_text(json.dumps(dict(versions), indent=2) + "\n", encoding="utf-8")


def _measured(
    workspace: Workspace, shop: Shop, task: Task, names: Sequence[str], configs: Mapping[str, Any], *, seed: int
) -> tuple[dict[str, Run], dict[str, Recommender]]:
    """A run on test of each of the models, and the models, which know what came before."""
    runs, models = {}, {}
    for name in names:
        model = fit_model(name, task.past, shop.catalogue, config=configs.get(name), seed=seed)
        rows = recommend_rows(model, task, shop.catalogue)
        runs[name] = measure(workspace, shop, name, rows, config=described(shop.config, model.config), seed=seed)
        models[name] = model
    return runs, models


def _weighed(
    shop: Shop,
    names: Sequence[str],
    start: PipelineConfig,
    configs: Mapping[str, Any],
    *,
    seed: int,
    trials: int,
    given: Mapping[str, Any] | None,
) -> PipelineConfig:
    """The weights that are best on valid, of models fitted on train alone."""
    task = shop.task("valid")
    models = {name: fit_model(name, task.past, shop.catalogue, config=configs.get(name), seed=seed) for name in names}
    line = make_pipeline(shop, task.past, models, start, seed=seed, rules=task.rules)
    return fit_weights(line, task, seed=seed, trials=trials, given=given)


def _save(workspace: Workspace, name: str, write: Callable[[Path], None], run: Run) -> Card:
    card = Card(
        kind=KIND,
        name=name,
        version=new_version(),
        config=run.config,
        data_hash=run.data_hash,
        split=run.split,
        seed=run.seed,
        libraries=library_versions(*LIBRARIES, "implicit"),
    )
    return record_model(workspace, card, write)
