"""What the ranking scripts share: the configuration, the workspace, and figures side by side."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from engine.artifacts import Card
from engine.ranking.cache import COST
from engine.ranking.config import RankingConfig, load_config
from engine.ranking.measuring import METRICS
from engine.runs import RunStore, compare
from engine.settings import load_settings
from engine.workspace import Workspace, find_workspace, list_workspaces, new_workspace
from scripts.cli import chosen_workspace
from scripts.recommend_options import figures_line, heading


def add_options(parser: ArgumentParser) -> None:
    """Add --config and --set."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="a YAML file, such as configs/demo.yaml (default: the defaults)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting in its place: smote.how=weights"
    )


def chosen(arguments: Namespace) -> tuple[Workspace, RankingConfig]:
    """The configuration, and the workspace that --workspace or it names.

    One that takes the results of given lists is made where there is none yet.
    """
    config = load_config(arguments.config, arguments.set)
    name = arguments.workspace or config.data.workspace or chosen_workspace(None)
    home = load_settings().home
    if config.data.lists is not None and name not in list_workspaces(home):
        return new_workspace(home, name), config
    return find_workspace(home, name), config


def show_runs(workspace: Workspace, ids: Mapping[str, str], chosen: str, *, seed: int) -> None:
    """Print the figures of runs on test by name, and how far `chosen` is above the best other one and the baselines.

    ids: of the runs; those of baselines come first.
    """
    store = RunStore(workspace)
    figures = {name: store.aggregate(run, METRICS) for name, run in ids.items()}
    print(heading(METRICS))
    for name, found in figures.items():
        print(figures_line(name, found, METRICS))
    others = [name for name in ids if name != chosen]
    best = max(others, key=lambda name: figures[name]["ndcg@10"], default=None)
    for name in dict.fromkeys([*others[:1], *([best] if best else [])]):
        found = compare(store, ids[name], ids[chosen], "ndcg@10", seed=seed)
        verdict = "" if found.clear and found.difference > 0 else f": no better than {name}"
        print(f"{chosen} against {name}: NDCG@10 {found.words()}{verdict}")


def show_card(workspace: Workspace, card: Card) -> None:
    """Print how a ranker was balanced and joined, how long it takes, and where it is."""
    said = card.config
    print(f"Balance  {said['balance']['note']}")
    for name, weight in said.get("weights", {}).items():
        reason = said["off"].get(name, "")
        print(f"Member   {name:<12} weight {weight:.3f}" + (f", off: {reason}" if reason else ""))
    for name, reason in said.get("left_out", {}).items():
        print(f"Member   {name:<12} left out: {reason}")
    ways = {key.removeprefix("ndcg@10 of "): value for key, value in card.metrics.items() if " of " in key}
    if ways:
        print("Ways     on valid, crossed: " + ", ".join(f"{way} {value:.4f}" for way, value in ways.items()))
    print(f"Speed    {1e6 / max(card.metrics[COST], 1e-9):,.0f} candidates a second")
    print(f"Saved in {workspace.path / 'artifacts' / card.kind / card.name / card.version}")
