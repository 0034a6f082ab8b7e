"""Train rankers: python scripts/train_ranker.py --model ensemble [--workspace NAME] [--config configs/demo.yaml]
       python scripts/train_ranker.py --model lightgbm --set models.lightgbm.rounds=300

Prepares the lists where they aren't yet, trains the model on train, stops it by valid, measures it once on test beside
recommend's own order and popularity, and lets it serve. The ensemble trains every member first; one with the same
settings and lists is taken as it is. A minute for the demo store on two cores. Stop it at any moment and run it again:
it goes on, and what served before stays until the new one is whole.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from engine.errors import UnknownNameError
from engine.rank.registry import RANKERS
from engine.ranking.cache import ENSEMBLE
from engine.ranking.logs import logged, output_folder
from engine.ranking.measuring import measure_baselines
from engine.ranking.members import train_member
from engine.ranking.own_order import baselines
from engine.ranking.source import open_source, seed_of
from engine.ranking.training import train_ensemble
from engine.ranking.tuning import with_tuned
from scripts.cli import parser, progress, run
from scripts.ranking_options import add_options, chosen, show_card, show_runs


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Train, then print how good it is beside its members and the baselines."""
    arguments = _parser().parse_args(argv)
    if arguments.model not in (names := [*RANKERS.parts, ENSEMBLE]):
        raise UnknownNameError("ranker", arguments.model, names)
    workspace, config = chosen(arguments)
    with logged(output_folder(workspace, config), config.logging) as log, progress(leave=False) as report:
        source = open_source(workspace, config, report=report)
        config = with_tuned(workspace, config, source) if arguments.tuned else config
        if arguments.model == ENSEMBLE:
            card = train_ensemble(workspace, config, source, report=report)
            ids = {**card.config["baselines"], **card.config["runs"], ENSEMBLE: card.config["run"]}
        else:
            card = train_member(workspace, arguments.model, config, source, report=report)
            beside = baselines(workspace, config, source)
            ids = measure_baselines(workspace, source, beside, seed=seed_of(config))
            ids[arguments.model] = card.config["run"]
    show_runs(workspace, ids, arguments.model, seed=seed_of(config))
    show_card(workspace, card)
    print(f"Log      {log}")
    return 0


def _parser() -> ArgumentParser:
    models = "\n".join(f"  {name:<14}{part.about}" for name, part in RANKERS.parts.items())
    made = parser(f"{__doc__}\nmodels:\n{models}\n  {ENSEMBLE:<14}all members of the configuration, joined on valid")
    made.add_argument("--model", default=ENSEMBLE, metavar="MODEL", help="which one (default: %(default)s)")
    made.add_argument("--tuned", action="store_true", help="with the settings that tune_ranker.py found on these lists")
    add_options(made)
    return made


if __name__ == "__main__":
    sys.exit(main())
