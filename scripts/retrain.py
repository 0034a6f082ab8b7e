"""Retrain the recommender: python scripts/retrain.py [--workspace NAME]
       python scripts/retrain.py --accept-drift "The sale began"
       python scripts/retrain.py --run 2026-11-21 --only validate

Checks the tables and the events that the service stored since the last time, brings those into the table, trains the
models beside those that serve, measures both on the same users, and lets the new ones serve when they are no worse than
a margin; all of them or none. Minutes; nothing but a new day's events takes seconds. Stop it at any moment and run it
again: what is done is not done again. The report is retraining/<run>/report.md in the workspace.

Exit codes: 0 promoted, or kept what served; 3 the data was refused, the report says why; 2 anything else that is wrong.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime

from engine.errors import SettingsError, shown
from engine.retraining.config import STEPS
from engine.retraining.job import Asked, retrain
from engine.retraining.pruning import prune_versions
from engine.settings import load_settings, person
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, progress, run

REFUSED = 3


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Do what is left of a retraining and say how it ended."""
    arguments = _parser().parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    if arguments.prune is not None:
        return _prune(workspace, arguments.prune)
    asked = Asked(
        run=arguments.run,
        only=arguments.only,
        force=arguments.force,
        accept=arguments.accept_drift or "",
        who=person(),
        now=_moment(arguments.now),
    )
    with progress() as report:
        state = retrain(workspace, _settings(arguments), asked, progress=report)
    shown_steps = [arguments.only] if arguments.only else list(state.steps)
    for name in shown_steps:
        step = state.steps.get(name)
        if step:
            print(f"{name:<10}{step.status:<9}{step.words}")
    for note in state.notes:
        print(f"note      {note}")
    if state.outcome and not arguments.only:
        print(f"{state.id}: {state.outcome}")
    refused = any(step.status == "refused" for step in state.steps.values())
    return REFUSED if refused and arguments.only != "notify" else 0


def _settings(arguments: Namespace) -> dict[str, object]:
    """The settings that options give; the others stay as the run began, or as usual."""
    given: dict[str, object] = {}
    if arguments.margin is not None:
        given["margin"] = arguments.margin
    if arguments.events_from is not None:
        given["events_from"] = arguments.events_from
    if arguments.seed is not None:
        given["seed"] = chosen_seed(arguments.seed)
    return given


def _prune(workspace: Workspace, keep: int) -> int:
    """Remove old versions and say which."""
    if keep < 0:
        raise SettingsError(f"--prune is {keep}; it must be 0 or more.")
    removed = prune_versions(workspace, keep)
    for model, version in removed:
        print(f"removed {model} {version}")
    print(f"{len(removed)} old versions removed; the newest {keep} of each model stay, and all that is in use")
    return 0


def _moment(text: str | None) -> datetime | None:
    """The moment that --now names, UTC where it names no zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--now is {shown(text)}; write a time such as 2026-11-21T03:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--run", metavar="ID", help="the run to begin or go on with (default: what was stopped, or new)")
    made.add_argument(
        "--only", metavar="STEP", help=f"this step alone, of {', '.join(STEPS)}; those before it must be done"
    )
    made.add_argument("--force", metavar="STEP", help="do this step, and what follows from it, although it is done")
    made.add_argument(
        "--margin", type=float, help="by how much the new models may be worse in NDCG@10 (default: 0.005)"
    )
    made.add_argument("--events-from", choices=("service", "none"), help="whose events come in (default: service)")
    made.add_argument("--accept-drift", metavar="REASON", help="let refused data pass this once; kept in the report")
    made.add_argument("--now", metavar="TIME", help="judge the data as of this moment (default: now)")
    made.add_argument("--seed", type=int, help="seed of the models and intervals (default: SHELFWISE_SEED)")
    made.add_argument(
        "--prune", type=int, metavar="N", help="only remove old versions: all but the newest N of a model"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
