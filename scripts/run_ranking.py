"""The whole of ranking from one configuration: python scripts/run_ranking.py --config configs/demo.yaml

Prepares lists, balances train, searches settings, trains every member, joins them on valid, measures everything once on
test beside the baselines, and writes predictions and pictures. What is there for the same configuration and data is
taken as it is, so a stopped run goes on when it is started again. A few minutes for the demo store on two cores.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from engine.artifacts import Card
from engine.rank.config import Tuning
from engine.ranking.cache import ENSEMBLE
from engine.ranking.config import RankingConfig
from engine.ranking.logs import logged, output_folder
from engine.ranking.pictures import save_pictures
from engine.ranking.predictions import predictions, save_predictions
from engine.ranking.serving import open_ranker
from engine.ranking.source import Source, open_source, seed_of
from engine.ranking.training import train_ensemble
from engine.ranking.tuning import tune_member, with_tuned
from engine.tracking import log_files
from engine.workspace import Workspace
from scripts.cli import Report, parser, progress, run
from scripts.ranking_options import add_options, chosen, show_card, show_runs
from scripts.tune_ranker import told

PLOTS = "plots"  # the folder of pictures beside the predictions


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Run every stage, then print figures and what was written."""
    arguments = _parser().parse_args(argv)
    workspace, config = chosen(arguments)
    folder = output_folder(workspace, config)
    with logged(folder, config.logging) as log, progress(leave=False) as report:
        source = open_source(workspace, config, report=report)
        lines = [] if arguments.no_tuning else _tuned(workspace, config, source, report)
        config = config if arguments.no_tuning else with_tuned(workspace, config, source)
        card = train_ensemble(workspace, config, source, report=report)
        report(0.99, "writing predictions and pictures")
        written = _written(workspace, config, source, folder)
        pictures = [file for file in written if file.parent.name == PLOTS]
        log_files(workspace, card.kind, card.name, card.version, pictures)
    for part in ("train", "valid", "test"):
        lists = source.prepared.part(part)
        print(
            f"Lists    {part:<6}{len(lists):,} with {len(lists.items):,} candidates, {int(lists.known.sum()):,} wanted"
        )
    for line in lines:
        print(f"Tuned    {line}")
    _show(workspace, card, seed=seed_of(config))
    print(f"Written  {len(written)} files in {folder}, and the log {log.name}")
    return 0


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--no-tuning", action="store_true", help="with the settings of the configuration, no search")
    add_options(made)
    return made


def _tuned(workspace: Workspace, config: RankingConfig, source: Source, report: Report) -> list[str]:
    """Search the settings of the members that the configuration names; what was found, in lines."""
    tuning: Tuning = config.tuning
    lines = []
    for name in tuning.members:
        found = tune_member(
            workspace,
            name,
            config,
            source,
            on_trial=lambda number, value, name=name: report(
                min((number + 1) / tuning.trials, 1.0), f"tuning {name}: trial {number + 1}"
            ),
        )
        lines.append(told(found, tuning.metric, list(tuning.spaces[name])))
    return lines


def _written(workspace: Workspace, config: RankingConfig, source: Source, folder: Path) -> list[Path]:
    served, output = open_ranker(workspace), config.output
    made = []
    if output.predictions:
        frame = predictions(served, source.prepared.test)
        made += save_predictions(frame, folder, "predictions", output.predictions)
    return made + save_pictures(workspace, folder / PLOTS, output.plots)


def _show(workspace: Workspace, card: Card, *, seed: int) -> None:
    ids = {**card.config["baselines"], **card.config["runs"], ENSEMBLE: card.config["run"]}
    show_runs(workspace, ids, ENSEMBLE, seed=seed)
    show_card(workspace, card)


if __name__ == "__main__":
    sys.exit(main())
