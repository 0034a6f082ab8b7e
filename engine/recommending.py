"""What joins recommenders to a workspace: fit them, measure them by a split in time, keep them, open them to serve."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.data.splits import Split, save_split, split_by_time
from engine.errors import ArtifactError, ShelfwiseError
from engine.metrics.measures import measures
from engine.metrics.significance import PairedDifference, paired_bootstrap
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue, read_catalogue
from engine.recommend.eligibility import Rules, eligibility
from engine.recommend.evaluation import TARGETS, K, Task, make_task, run_rows
from engine.recommend.events import EventConfig, EventLog, EventReport, read_events
from engine.recommend.interactions import Interactions, interactions
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommend.registry import RECOMMENDERS
from engine.recommend.weights import TRIALS, fit_weights
from engine.runs import LIBRARIES, Run, RunStore, new_run
from engine.settings import load_settings
from engine.sql import Queries
from engine.tracking import log_run
from engine.workspace import Workspace

KIND = "recommenders"
PIPELINE, PIPELINE_FILE = "pipeline", "pipeline.json"
FILL = "popular"
TABLES = ("items", "events")
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class RecommendConfig:
    """What holds for every model of a workspace.

    events: which events count and how much; rules: what may be recommended; targets: the events that a good
    recommendation leads to.
    """

    events: EventConfig = field(default_factory=EventConfig)
    rules: Rules = field(default_factory=Rules)
    targets: tuple[str, ...] = TARGETS


@dataclass(frozen=True)
class Shop:
    """A workspace's events and catalogue, and the moments that split them."""

    log: EventLog
    report: EventReport
    catalogue: Catalogue
    split: Split
    config: RecommendConfig

    def task(self, part: str) -> Task:
        """What models are asked at the beginning of `part` ("valid" or "test")."""
        valid, test = self.split.cutoffs
        start, end = (valid, test) if part == "valid" else (test, None)
        config = self.config
        return make_task(
            self.log, self.catalogue, config.events, start=start, end=end, rules=config.rules, targets=config.targets
        )

    @property
    def all(self) -> Interactions:
        """Everything that happened, for the models that serve."""
        return interactions(self.log, self.config.events)


def open_shop(workspace: Workspace, config: RecommendConfig | None = None) -> Shop:
    """Read events and items, and split the events 80/10/10 in time. Raises DataError when there are too few."""
    config = config or RecommendConfig()
    queries = Queries(workspace)
    catalogue = read_catalogue(queries)
    log, report = read_events(queries, catalogue.item_ids, config.events)
    split = split_by_time(pd.Series(pd.to_datetime(log.micros, unit="us", utc=True)))
    return Shop(log, report, catalogue, split, config)


def fit_model(name: str, data: Interactions, catalogue: Catalogue, *, config: Any = None, seed: int) -> Recommender:
    """The recommender called `name` (its default configuration when none is given), fitted on `data`."""
    model: Recommender = RECOMMENDERS.load(name)(config).fit(data, catalogue, seed=seed)
    return model


def make_pipeline(
    shop: Shop,
    data: Interactions,
    models: Mapping[str, Recommender],
    config: PipelineConfig,
    *,
    seed: int,
    rules: Rules | None = None,
) -> Pipeline:
    """A pipeline over fitted models, filled from popularity in `data`."""
    fill = models.get(FILL) or fit_model(FILL, data, shop.catalogue, seed=seed)
    counts = np.bincount(data.weights.indices, minlength=len(shop.catalogue))
    rank = pd.Series(counts).rank(method="average").to_numpy()
    popularity = ((rank - 1) / max(len(counts) - 1, 1)).astype(np.float32)
    return Pipeline(shop.catalogue, models, fill, popularity, config, rules or shop.config.rules)


def measure(
    workspace: Workspace, shop: Shop, name: str, rows: pd.DataFrame, *, config: Mapping[str, Any], seed: int
) -> Run:
    """Save the rows of `name` on test as a run, and log its figures."""
    rules = replace(shop.config.rules, unavailable=False)
    run = new_run(
        "recommend",
        name,
        config=config,
        data_hash=workspace.data_hash(*TABLES),
        split=f"time {shop.split.hash}",
        seed=seed,
        eligibility=f"users with {' or '.join(shop.config.targets)} in test; {rules.words}",
    )
    store = RunStore(workspace)
    store.save(run, rows)
    log_run(workspace, run, store.aggregate(run.id))
    return run


def recommend_rows(
    recommender: Recommender | Pipeline, task: Task, catalogue: Catalogue, *, k: int = K
) -> pd.DataFrame:
    """What a model or a pipeline answers to `task`, as the rows of a run. The same items are left out for either."""
    if isinstance(recommender, Pipeline):
        return run_rows(task, recommender.recommend(task.histories, K).ranked, catalogue)
    excluded = eligibility(task.histories, catalogue, task.rules).excluded
    return run_rows(task, recommender.recommend(task.histories, K, excluded=excluded), catalogue)


def compare_rows(a: pd.DataFrame, b: pd.DataFrame, metric: str, *, seed: int) -> PairedDifference:
    """How far the rows `b` are above the rows `a`, user by user, by a paired bootstrap."""
    a, b = (frame.sort_values("user_id", ignore_index=True) for frame in (a, b))
    found = [measures("recommend", frame, [metric])[metric] for frame in (a, b)]
    return paired_bootstrap(found[0], found[1], seed=seed, unit="users")


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
    rows = recommend_rows(line, task, shop.catalogue)
    run = measure(workspace, shop, PIPELINE, rows, config=_described(shop.config, asdict(weights)), seed=seed)
    report(0.7, "fitting on everything")
    for name in names:
        served = fit_model(name, shop.all, shop.catalogue, config=models[name].config, seed=seed)
        _save(workspace, name, served.save, run)
    card = _save(workspace, PIPELINE, lambda folder: _write_config(folder, weights), run)
    report(1.0, "done")
    return card


def open_pipeline(workspace: Workspace) -> tuple[Shop, Pipeline]:
    """The pipeline that serves, with the shop it recommends from.

    Raises NotBuiltError with the command when it isn't built, ArtifactError when its files are damaged.
    """
    store = ArtifactStore(workspace)
    version = store.current(KIND, PIPELINE, command=train_command(workspace))
    folder = store.open(KIND, PIPELINE, version)
    try:
        config = PipelineConfig(**json.loads((folder / PIPELINE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, ShelfwiseError) as error:
        said = f"{folder / PIPELINE_FILE} can't be read ({error}); train again: {train_command(workspace)}"
        raise ArtifactError(said) from None
    shop_config = _shop_config(store.card(KIND, PIPELINE, version).config)
    shop = open_shop(workspace, shop_config)
    names = [*[name for name, weight in config.sources.items() if weight > 0], FILL]
    models = {name: open_model(workspace, name, shop.catalogue) for name in dict.fromkeys(names)}
    return shop, make_pipeline(shop, shop.all, models, config, seed=0)


def open_model(workspace: Workspace, name: str, catalogue: Catalogue) -> Recommender:
    """The version of `name` that serves. Raises ArtifactError when it was fitted on another catalogue."""
    store = ArtifactStore(workspace)
    version = store.current(KIND, name, command=train_command(workspace))
    model: Recommender = RECOMMENDERS.load(name).load(store.open(KIND, name, version))
    if model.item_ids.tolist() != catalogue.item_ids.tolist():
        raise ArtifactError(
            f"The recommender {name} was fitted on another catalogue ({len(model.item_ids):,} items, now "
            f"{len(catalogue):,}); train it again: {train_command(workspace)}"
        )
    return model


def train_command(workspace: Workspace) -> str:
    """What a person runs to train what serves."""
    return f".venv/bin/python scripts/train_recommender.py --workspace {workspace.name}"


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


def _shop_config(config: Mapping[str, Any]) -> RecommendConfig:
    """The reverse of `_described`."""
    said = config["shop"]
    return RecommendConfig(EventConfig(**said["events"]), Rules(**said["rules"]), tuple(said["targets"]))


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
