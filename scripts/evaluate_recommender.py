"""Show how good recommenders are: python scripts/evaluate_recommender.py [--workspace NAME] [--slice history]

Reads the runs that train_recommender.py saved on the newest data and split: every metric of each model, the difference
from popularity and from item_knn with its interval, and the figures by slice. Seconds.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from engine.errors import NotBuiltError, UnknownNameError
from engine.metrics.measures import KINDS
from engine.recommending.serving import train_command
from engine.runs import Run, RunStore, aggregate, compare
from engine.settings import load_settings
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run
from scripts.recommend_options import figures_line, heading

SLICES = ("history", "category", "item_age")
BASELINES = ("popular", "item_knn")
METRICS = KINDS["recommend"].metrics


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures of the newest comparable runs."""
    arguments = _parser().parse_args(argv)
    if arguments.slice and arguments.slice not in SLICES:
        raise UnknownNameError("slice", arguments.slice, SLICES)
    if arguments.metric not in METRICS:
        raise UnknownNameError("metric", arguments.metric, METRICS)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    runs = RunStore(workspace).newest("recommend")
    if not runs:
        raise NotBuiltError("A run of recommendations", train_command(workspace))
    _show_all(workspace, runs)
    _show_differences(workspace, runs, arguments.metric, chosen_seed(arguments.seed))
    if arguments.slice:
        _show_slices(workspace, runs, arguments.slice, arguments.metric)
    return 0


def _show_all(workspace: Workspace, runs: dict[str, Run]) -> None:
    store = RunStore(workspace)
    print(f"Rule     {next(iter(runs.values())).eligibility}")
    print(heading(METRICS))
    for name, made in sorted(runs.items()):
        print(figures_line(name, store.aggregate(made.id), METRICS))
    for name, made in sorted(runs.items()):
        if "chosen" in made.config:
            how = f"{made.config['chosen']} ({made.config['reason']})"
            print(f"{name}: its weights were chosen {how}, so its figures flatter it")


def _show_differences(workspace: Workspace, runs: dict[str, Run], metric: str, seed: int) -> None:
    store = RunStore(workspace)
    for name, made in sorted(runs.items()):
        for baseline in BASELINES:
            if name != baseline and baseline in runs:
                found = compare(store, runs[baseline].id, made.id, metric, seed=seed)
                print(f"{name} against {baseline}: {metric} {found.words()}")


def _show_slices(workspace: Workspace, runs: dict[str, Run], column: str, metric: str) -> None:
    store = RunStore(workspace)
    print(f"\n{metric} by {column}")
    for name, made in sorted(runs.items()):
        groups = store.rows(made.id).groupby(column)
        said = [f"{key} {aggregate('recommend', rows, [metric])[metric]:.4f} ({len(rows)})" for key, rows in groups]
        print(f"  {name:<22}{'; '.join(said)}")


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--slice", metavar="NAME", help=f"figures by {', '.join(SLICES)}")
    made.add_argument("--metric", default="ndcg@10", help="what is compared (default: %(default)s)")
    made.add_argument("--seed", type=int, help="seed of the intervals (default: SHELFWISE_SEED)")
    return made


if __name__ == "__main__":
    sys.exit(main())
