"""Tune rankers on valid: python scripts/tune_ranker.py [--workspace NAME] [--config FILE] [--model lightgbm]

Searches the settings that the configuration's tuning.spaces names with Optuna, learned on train, for the best figure on
valid; test is never read. The study lies in the workspace: stop it at any moment and run it again, it goes on until its
trials or minutes are used up. train_ranker.py --tuned takes what was found, and so does run_ranking.py.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict

from tqdm import tqdm

from engine.errors import SettingsError
from engine.rank.tuning import Tuned
from engine.ranking.logs import logged, output_folder
from engine.ranking.source import open_source
from engine.ranking.tuning import tune_member
from scripts.cli import parser, progress, run
from scripts.ranking_options import add_options, chosen
from scripts.recommend_options import names_of


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Tune each ranker and print what was found."""
    arguments = _parser().parse_args(argv)
    workspace, config = chosen(arguments)
    names = names_of(arguments.model) if arguments.model else config.tuning.members
    if not names:
        raise SettingsError("Nothing to tune: name rankers with --model, or in the configuration's tuning.members.")
    with logged(output_folder(workspace, config), config.logging):
        with progress(leave=False) as report:
            source = open_source(workspace, config, report=report)
        for name in names:
            with tqdm(total=config.tuning.trials, desc=name, unit="trial", disable=None) as bar:
                found = tune_member(
                    workspace,
                    name,
                    config,
                    source,
                    on_trial=lambda number, _, bar=bar: bar.update(number + 1 - bar.n),
                )
            print(told(found, config.tuning.metric, list(config.tuning.spaces[name])))
    return 0


def told(found: Tuned, metric: str, names: Sequence[str]) -> str:
    """What was found in one line, with those settings that were searched."""
    own = asdict(found.settings)
    said = ", ".join(f"{key}={own[key]:.4g}" if isinstance(own[key], float) else f"{key}={own[key]}" for key in names)
    gave_up = f", {found.pruned} of them given up" if found.pruned else ""
    first = f"{metric} on valid {found.value:.4f}, at first {found.first:.4f}"
    return f"{found.member:<14}{first}, {found.n_trials} trials{gave_up}: {said}"


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--model", metavar="A,B", help="which to tune (default: tuning.members of the configuration)")
    add_options(made)
    return made


if __name__ == "__main__":
    sys.exit(main())
