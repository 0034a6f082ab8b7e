"""How good recommendations are: python benchmarks/recommend_offline.py [DATA] [--sets A,B] [--trials N]

DATA is the folder of the raw sets (default: ../shared/data); sets: demo, online_retail, movielens, retailrocket (with
what was in stock then, where its item_properties*.csv are there). Each set is split 80/10/10 in time. Every model is
tuned on valid with the same number of trials (default 20), the pipeline's weights are fitted there too; test is read
once. Seen items may come back in the shops (people buy again), not among films. Printed: all figures on test, and the
pipeline's differences from popularity and from the best single model with their intervals. About fifteen minutes on two
cores.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from engine.data.demo import make_demo
from engine.data.importer import import_files
from engine.errors import DataError
from engine.metrics.measures import KINDS, aggregate
from engine.recommend.eligibility import Rules
from engine.recommend.evaluation import Task
from engine.recommend.events import EventConfig
from engine.recommend.pipeline import PipelineConfig
from engine.recommend.registry import RECOMMENDERS
from engine.recommend.tuning import SPACES, tune
from engine.recommend.weights import fit_weights
from engine.recommending.measuring import compare_rows, recommend_rows
from engine.recommending.shop import RecommendConfig, Shop, fit_model, make_pipeline, open_shop, shop_at
from engine.settings import DEFAULT_SEED
from engine.workspace import Workspace

SETS = {
    "demo": RecommendConfig(),
    "online_retail": RecommendConfig(rules=Rules(bought=False), targets=("transaction",)),
    "movielens": RecommendConfig(EventConfig({"rating": 1.0}), Rules(seen=True), ("rating",)),
    "retailrocket": RecommendConfig(),
}
FOLDERS = {
    "online_retail": ("online-retail", "online_retail"),
    "movielens": ("movielens", "movielens_100k"),
    "retailrocket": ("retailrocket", "retailrocket"),
}
METRICS = KINDS["recommend"].metrics
COMPARED = ("recall@20", "ndcg@10", "precision@5", "hit_rate@5", "coverage@5")


def main(argv: Sequence[str] | None = None) -> None:
    """Import, tune, measure and print, set by set."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("data", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared/data")
    arguments.add_argument("--sets", default=",".join(SETS), metavar="A,B")
    arguments.add_argument("--trials", type=int, default=20, metavar="N")
    chosen = arguments.parse_args(argv)
    for name in chosen.sets.split(","):
        with tempfile.TemporaryDirectory() as place:
            workspace = Workspace.create(Path(place) / name)
            _fill(workspace, name, chosen.data)
            shop = open_shop(workspace, SETS[name])
            _report(name, workspace, shop, chosen.trials)


def _fill(workspace: Workspace, name: str, data: Path) -> None:
    if name == "demo":
        make_demo(workspace, seed=DEFAULT_SEED)
    else:
        kind, folder = FOLDERS[name]
        import_files(workspace, kind, [data / folder])


def _report(name: str, workspace: Workspace, shop: Shop, trials: int) -> None:
    then, later = shop_at(workspace, shop, "valid"), shop_at(workspace, shop, "test")
    valid, test = then.task("valid"), later.task("test")
    cold = int((test.histories.weights.sum(axis=1) == 0).sum())
    print(f"\n## {name}: {shop.report.summary}")
    print(f"{len(shop.catalogue):,} items; {len(valid.histories):,} users on valid; ", end="")
    print(f"{len(test.histories):,} users on test, {cold:,} without a history; ", end="")
    print(f"{test.n_unmeasured:,} not measured; {test.rules.words}")
    configs = _all_tuned(then, valid, workspace.path / "studies", trials)
    names = [*configs, *([] if shop.config.rules.seen else ["recent"])]
    models = {model: _fit(model, valid, then, configs) for model in names}
    everything = PipelineConfig(sources=dict.fromkeys(names, 1.0))
    line = make_pipeline(then, valid.past, models, everything, seed=DEFAULT_SEED, rules=valid.rules)
    weights = fit_weights(line, valid, seed=DEFAULT_SEED)
    models = {model: _fit(model, test, later, configs) for model in names}
    rows = {model: recommend_rows(fitted, test, later.catalogue) for model, fitted in models.items()}
    line = make_pipeline(later, test.past, models, weights, seed=DEFAULT_SEED, rules=test.rules)
    rows["pipeline"] = recommend_rows(line, test, later.catalogue)
    _print_figures(rows)
    print(f"weights: {asdict(weights)}")
    best = _best_on_valid(names, valid, then, configs)
    for baseline in dict.fromkeys(["popular", best]):
        for metric in COMPARED:
            found = compare_rows(rows[baseline], rows["pipeline"], metric, seed=DEFAULT_SEED)
            print(f"pipeline against {baseline}: {metric} {found.words()}")


def _all_tuned(shop: Shop, valid: Task, place: Path, trials: int) -> dict[str, Any]:
    """The best configuration of each model that can be fitted on train."""
    found = {}
    for model in SPACES:
        try:
            found[model] = _tuned(model, shop, valid, place, trials)
        except DataError as error:
            print(f"{model} is left out: {error}")
    return found


def _tuned(model: str, shop: Shop, task: Task, place: Path, trials: int) -> Any:
    make = RECOMMENDERS.load(model).Config

    def objective(parameters: dict[str, Any]) -> float:
        fitted = fit_model(model, task.past, shop.catalogue, config=make(**parameters), seed=DEFAULT_SEED)
        return aggregate("recommend", recommend_rows(fitted, task, shop.catalogue), ["ndcg@10"])["ndcg@10"]

    found = tune(
        model,
        objective,
        defaults=asdict(make()),
        storage=place / f"{model}.db",
        study="benchmark",
        n_trials=trials,
        seed=DEFAULT_SEED,
    )
    said = ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in found.parameters.items()
    )
    print(f"{model:<22}NDCG@10 on valid {found.value:.4f}: {said}", flush=True)
    return make(**found.parameters)


def _fit(model: str, task: Task, shop: Shop, configs: dict[str, Any]) -> Any:
    return fit_model(model, task.past, shop.catalogue, config=configs.get(model), seed=DEFAULT_SEED)


def _best_on_valid(models: Sequence[str], valid: Task, shop: Shop, configs: dict[str, Any]) -> str:
    """The single model with the highest NDCG@10 on valid: chosen without a look at test."""

    def figure(model: str) -> float:
        rows = recommend_rows(_fit(model, valid, shop, configs), valid, shop.catalogue)
        return aggregate("recommend", rows, ["ndcg@10"])["ndcg@10"]

    return max(models, key=figure)


def _print_figures(rows: dict[str, pd.DataFrame]) -> None:
    print(" " * 22 + "".join(f"{metric:>13}" for metric in METRICS))
    for model, frame in rows.items():
        figures = aggregate("recommend", frame)
        print(f"{model:<22}" + "".join(f"{figures[metric]:>13.4f}" for metric in METRICS))


if __name__ == "__main__":
    main()
