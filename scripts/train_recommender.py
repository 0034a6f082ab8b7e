"""Train recommenders: python scripts/train_recommender.py [--workspace NAME] [--sources als,item_knn,…]
       python scripts/train_recommender.py --model als --set factors=64
       python scripts/train_recommender.py --keep-models --diversity 0.3 --reason "The lists were all shoes"

Without --model: fits every source of candidates, weighs them on valid, measures each and the whole on test, and lets
all of them serve. With --model: the same for one model. Measured is a model that knows what came before test; the one
that serves then learns from everything. About ten seconds for the demo store on two cores. Stop it at any moment and
run it again: what served before stays until the new one is whole.

Weights that are given (--alpha, --beta, --popularity-penalty, --diversity, or --sources with numbers) are taken as they
are, the others are fitted on valid. With --keep-models nothing is trained: the given weights serve over the models that
are there, the others stay, and what they cost on test is printed. That takes seconds.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace

from engine.errors import SettingsError
from engine.recommend.registry import RECOMMENDERS
from engine.recommending.shop import open_shop
from engine.recommending.training import PIPELINE, SOURCES, train_pipeline, train_recommender
from engine.recommending.tuning import tuned_configs
from engine.runs import Run, RunStore, compare
from engine.settings import load_settings, person
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run
from scripts.component_settings import config_of
from scripts.recommend_options import add_options, add_weights, figures_line, given_weights, heading, shop_config

METRICS = ("recall@20", "ndcg@10", "precision@5", "hit_rate@5", "coverage@5", "novelty@5")


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Train, then print how good each model is beside popularity."""
    arguments = _parser().parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    if arguments.keep_models:
        _reweigh(workspace, arguments)
        return 0
    sources, given = given_weights(arguments)
    if arguments.model and (sources or given):
        raise SettingsError("--model trains one model, so the pipeline's sources and weights have no part in it.")
    seed, shop = chosen_seed(arguments.seed), open_shop(workspace, shop_config(arguments))
    print(shop.report.summary)
    known = {made.id for made in RunStore(workspace).list("recommend")}
    if arguments.model:
        tuned = tuned_configs(workspace, [arguments.model]).get(arguments.model)
        own = config_of(RECOMMENDERS, arguments.model, arguments.set) if arguments.set else tuned
        train_recommender(workspace, arguments.model, config=own, shop=shop, seed=seed)
    else:
        sources = sources or list(SOURCES)
        configs = tuned_configs(workspace, sources)
        train_pipeline(workspace, sources, configs=configs, given=given, shop=shop, seed=seed)
    _show(workspace, [made for made in RunStore(workspace).list("recommend") if made.id not in known], seed)
    return 0


def _reweigh(workspace: Workspace, arguments: Namespace) -> None:
    """Put the given weights to serve, and print what changed and what it cost on test."""
    from engine.recommending.serving import open_pipeline
    from engine.recommending.weighing import set_weights

    if arguments.model or arguments.set:
        raise SettingsError("--keep-models trains nothing, so --model and --set have no part in it; leave them out.")
    shop, pipeline = open_pipeline(workspace)
    names, given = given_weights(arguments)
    if names and "sources" not in given:
        raise SettingsError("--keep-models needs a weight for each of --sources, such as als=0.6,ease=0.4.")
    config = replace(pipeline.config, **given)
    change = set_weights(workspace, shop, config, reason=arguments.reason, who=person())
    for name, (before, after) in change.moved.items():
        print(f"{name:<28}{before:g} -> {after:g}")
    for metric, found in change.cost.items():
        print(f"{metric:<14}{found.a:.4f} -> {found.b:.4f}  {found.words()}")
    print(f"Version {change.version} serves; {change.over} is kept.")


def _parser() -> ArgumentParser:
    models = "\n".join(f"  {name:<20}{part.about}" for name, part in RECOMMENDERS.parts.items())
    made = parser(f"{__doc__}\nmodels:\n{models}")
    made.add_argument("--model", metavar="MODEL", help="one model instead of the whole pipeline")
    made.add_argument("--keep-models", action="store_true", help="train nothing, only put the given weights to serve")
    made.add_argument("--reason", default="", metavar="WORDS", help="with --keep-models: why, kept with the weights")
    made.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the one model's config"
    )
    made.add_argument("--seed", type=int, help="seed of the models (default: SHELFWISE_SEED)")
    add_weights(made)
    add_options(made)
    return made


def _show(workspace: Workspace, runs: Sequence[Run], seed: int) -> None:
    store = RunStore(workspace)
    figures = {made.model: store.aggregate(made.id) for made in runs}
    print(f"Rule     {runs[0].eligibility}")
    print(heading(METRICS))
    for made in reversed(runs):
        print(figures_line(made.model, figures[made.model], METRICS))
    ids = {made.model: made.id for made in runs}
    whole = PIPELINE if PIPELINE in ids else runs[0].model
    singles = [name for name in ids if name != whole]
    for name in dict.fromkeys([*singles[-1:], *sorted(singles, key=lambda name: -figures[name]["ndcg@10"])[:1]]):
        found = compare(store, ids[name], ids[whole], "ndcg@10", seed=seed)
        verdict = "" if found.clear and found.difference > 0 else f": no better than {name}"
        print(f"{whole} against {name}: NDCG@10 {found.words()}{verdict}")


if __name__ == "__main__":
    sys.exit(main())
