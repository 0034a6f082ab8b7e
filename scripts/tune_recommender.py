"""Tune recommenders on valid: python scripts/tune_recommender.py [--workspace NAME] [--model als] [--trials 40]

Searches a model's settings with Optuna for the best NDCG@10 on valid, fitted on train; test is never read. The study
lies in the workspace: stop it at any moment and run it again, it goes on. train_recommender.py takes what was found.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from engine.errors import SettingsError
from engine.recommend.tuning import SPACES
from engine.recommending.tuning import tune_model
from engine.settings import load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, run
from scripts.recommend_options import add_options, names_of, shop_config


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Tune each model with the same number of trials and print what was found."""
    arguments = _parser().parse_args(argv)
    if arguments.trials < 1:
        raise SettingsError(f"--trials is {arguments.trials}; it must be 1 or more.")
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    seed, config = chosen_seed(arguments.seed), shop_config(arguments)
    for name in names_of(arguments.model):
        with tqdm(total=arguments.trials, desc=name, unit="trial", disable=None) as bar:
            found = tune_model(
                workspace,
                name,
                shop_config=config,
                n_trials=arguments.trials,
                seed=seed,
                on_trial=lambda number, _, bar=bar: bar.update(number + 1 - bar.n),
            )
        said = ", ".join(
            f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in found.parameters.items()
        )
        print(f"{name:<22}NDCG@10 on valid {found.value:.4f} after {found.n_trials} trials: {said}")
    return 0


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--model", default=",".join(SPACES), metavar="A,B", help="which to tune (default: %(default)s)")
    made.add_argument("--trials", type=int, default=40, help="finished trials of each model's study (%(default)s)")
    made.add_argument("--seed", type=int, help="seed of the search and of the models (default: SHELFWISE_SEED)")
    add_options(made)
    return made


if __name__ == "__main__":
    sys.exit(main())
