"""Train recommenders: measured on test by what came before it, then fitted on everything and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.data.splits import save_split
from engine.recommend.evaluation import K, run_rows
from engine.recommend.pipeline import PipelineConfig
from engine.recommend.weights import TRIALS, fit_weights
from engine.recommending.measuring import measure, recommend_rows
from engine.recommending.shop import FILL, RecommendConfig, Shop, fit_model, make_pipeline, open_shop
from engine.recommending.trials import save_trial
from engine.runs import LIBRARIES, Run
from engine.settings import load_settings
from engine.workspace import Workspace

KIND = "recommenders"
PIPELINE, PIPELINE_FILE = "pipeline", "pipeline.json"
SOURCES = ("als", "item_knn", "ease", "popular", "popular_in_category", "recent")
Progress = Callable[[float, str], None]


def train_recommender(
    workspace: Workspace,
    name: str,
    *,
    config: Any = None,
    shop_config: RecommendConfig | None = None,
    seed: int | None = None,
) -> Card:
    """Measure `name` once on test, fitted on what came before it; then fit it on everything and let that serve.

    Raises UnknownNameError, DataError when events are too few or the fit isn't finite: the model that served before
    still does.
    """
    seed = load_settings().seed if seed is None else seed
    shop = open_shop(workspace, shop_config)
    save_split(workspace, shop.split)
    task = shop.task("test")
    model = fit_model(name, task.past, shop.catalogue, config=config, seed=seed)
    rows = recommend_rows(model, task, shop.catalogue)
    described = _described(shop.config, asdict(model.config))
    run = measure(workspace, shop, name, rows, config=described, seed=seed)
    served = fit_model(name, shop.all, shop.catalogue, config=model.config, seed=seed)
    return _save(workspace, name, served.save, run)


def train_pipeline(
    workspace: Workspace,
    sources: Sequence[str],
    *,
    configs: Mapping[str, Any] | None = None,
    shop_config: RecommendConfig | None = None,
    seed: int | None = None,
    trials: int = TRIALS,
    progress: Progress | None = None,
) -> Card:
    """Fit `sources`, weigh them on valid, measure them and the pipeline on test, and let all of them serve.

    configs: settings of single models by name. Popularity is always measured beside them.
    """
    seed = load_settings().seed if seed is None else seed
    report = progress or (lambda share, words: None)
    shop, configs = open_shop(workspace, shop_config), configs or {}
    save_split(workspace, shop.split)
    names = list(dict.fromkeys([*sources, FILL]))
    report(0.05, "fitting on train")
    weights = _weighed(shop, names, sources, configs, seed=seed, trials=trials)
    report(0.4, "measuring on test")
    task = shop.task("test")
    models = {name: fit_model(name, task.past, shop.catalogue, config=configs.get(name), seed=seed) for name in names}
    for name, model in models.items():
        rows = recommend_rows(model, task, shop.catalogue)
        measure(workspace, shop, name, rows, config=_described(shop.config, asdict(model.config)), seed=seed)
    line = make_pipeline(shop, task.past, models, weights, seed=seed, rules=task.rules)
    gathered = line.gather(task.histories)
    rows = run_rows(task, line.rank(gathered, K).ranked, shop.catalogue)
    run = measure(workspace, shop, PIPELINE, rows, config=_described(shop.config, asdict(weights)), seed=seed)
    report(0.7, "fitting on everything")
    for name in names:
        served = fit_model(name, shop.all, shop.catalogue, config=models[name].config, seed=seed)
        _save(workspace, name, served.save, run)

    def write(folder: Path) -> None:
        _write_config(folder, weights)
        save_trial(folder, line, gathered, task)

    card = _save(workspace, PIPELINE, write, run)
    report(1.0, "done")
    return card


def _weighed(
    shop: Shop,
    names: Sequence[str],
    sources: Sequence[str],
    configs: Mapping[str, Any],
    *,
    seed: int,
    trials: int,
) -> PipelineConfig:
    """The weights that are best on valid, of models fitted on train alone."""
    task = shop.task("valid")
    models = {name: fit_model(name, task.past, shop.catalogue, config=configs.get(name), seed=seed) for name in names}
    start = PipelineConfig(sources=dict.fromkeys(sources, 1.0))
    line = make_pipeline(shop, task.past, models, start, seed=seed, rules=task.rules)
    return fit_weights(line, task, seed=seed, trials=trials)


def _described(config: RecommendConfig, own: Mapping[str, Any]) -> dict[str, Any]:
    """What a run keeps as its configuration: the model's own, and what holds for all."""
    return {**own, "shop": asdict(config)}


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
    return ArtifactStore(workspace).save(card, write)


def _write_config(folder: Path, config: PipelineConfig) -> None:
    text = json.dumps(asdict(config), ensure_ascii=False, indent=2) + "\n"
    (folder / PIPELINE_FILE).write_text(text, encoding="utf-8")
