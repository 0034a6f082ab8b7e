"""Try versions of the recommender on users: python scripts/experiment.py [--workspace NAME] [--show [NAME]]
       python scripts/experiment.py --start spring --variants control=0.5 new:20261121-030000-000000=0.5
       python scripts/experiment.py --stop [--promote new --reason "More clicks, the same revenue"]

A variant is NAME=SHARE for the version that serves, or NAME:VERSION=SHARE for another version of the pipeline; the
first one is what the others are compared with. Where another version may be promoted meanwhile, name the one that
serves too, so that its users keep it. Users are split by a hash of their id and the salt, so everybody keeps their
variant; a running service takes an experiment up, and lets it go, within seconds.

Without an option, or with --show: the figures of those who were shown their variant, with intervals, and whether the
split is what it should be. Look once, at a time that was set beforehand: who looks every day and stops when they please
sees differences that aren't there. --stop ends the experiment and keeps it, so that --show NAME tells of it again;
--promote lets the version of a variant serve everyone, with its models, and keeps who did it and why.
"""

from __future__ import annotations

import re
import secrets
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from engine.artifacts import ArtifactStore
from engine.errors import MissingExtraError, SettingsError, UnknownNameError, counted, shown
from engine.recommending.promoting import promote_pipeline
from engine.recommending.training import KIND, PIPELINE
from engine.serve.variants import (
    Experiment,
    Variant,
    experiments,
    now,
    read_experiment,
    start_experiment,
    stop_experiment,
)
from engine.settings import load_database_url, load_settings, person
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_workspace, parser, run

if TYPE_CHECKING:
    from engine.metrics.samples import Estimate
    from engine.serve.outcomes import Outcomes

VARIANT = re.compile(r"(?P<name>[^:=]+)(?::(?P<version>[^:=]+))?=(?P<share>[0-9.]+)")
WAIT = 60.0  # seconds that the database may take to add everything up
NAMES = {"ctr": "CTR", "conversion": "conversion", "revenue_per_user": "revenue per user"}


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Start, show or stop an experiment."""
    arguments = _parser().parse_args(argv)
    _check(arguments)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    if arguments.start:
        _start(workspace, arguments)
    elif arguments.stop:
        _stop(workspace, arguments)
    else:
        _show(workspace, arguments.show or None)
    return 0


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    what = made.add_mutually_exclusive_group()
    what.add_argument("--start", metavar="NAME", help="let an experiment of this name run")
    what.add_argument("--show", metavar="NAME", nargs="?", const="", help="the figures (default: of the one that runs)")
    what.add_argument("--stop", action="store_true", help="end the one that runs")
    made.add_argument("--variants", metavar="NAME[:VERSION]=SHARE", nargs="+", help="with --start: who gets what")
    made.add_argument("--salt", help="with --start: what is hashed with the ids (default: made by chance)")
    made.add_argument("--promote", metavar="NAME", help="with --stop: the variant whose version is to serve everyone")
    made.add_argument("--reason", metavar="WORDS", help="with --promote: why, kept with the version")
    return made


def _check(arguments: Namespace) -> None:
    if bool(arguments.start) != bool(arguments.variants):
        raise SettingsError("--start and --variants go together: --start NAME --variants control=0.5 new:VERSION=0.5.")
    if arguments.salt is not None and not arguments.start:
        raise SettingsError("--salt belongs to --start; the salt of an experiment that runs can't be changed.")
    if arguments.promote and not arguments.stop:
        raise SettingsError("--promote belongs to --stop: an experiment ends before its winner serves everyone.")
    if bool(arguments.promote) != bool(arguments.reason):
        raise SettingsError("--promote and --reason go together: who reads it later wants to know why.")


def _start(workspace: Workspace, arguments: Namespace) -> None:
    store = ArtifactStore(workspace)
    variants = tuple(_variant(text, store.versions(KIND, PIPELINE)) for text in arguments.variants)
    salt = secrets.token_hex(8) if arguments.salt is None else arguments.salt
    experiment = Experiment(arguments.start, salt, now(), variants)
    for version in dict.fromkeys(one.version for one in variants if one.version):
        _try(workspace, version)
    start_experiment(workspace.path, experiment)
    print(f"Experiment {experiment.name} runs, salt {experiment.salt}")
    for one in variants:
        print(f"  {one.name:<20}{one.share:>6.1%} of users  {one.version or 'the version that serves'}")


def _variant(text: str, versions: Sequence[str]) -> Variant:
    """One of --variants. Raises SettingsError for another form, UnknownNameError with the nearest version."""
    found = VARIANT.fullmatch(text)
    if found is None or found["share"].count(".") > 1 or found["share"] == ".":
        raise SettingsError(
            f"{shown(text)} is no variant; write NAME=SHARE or NAME:VERSION=SHARE, such as control=0.5."
        )
    if found["version"] and found["version"] not in versions:
        raise UnknownNameError("version of the pipeline", found["version"], versions)
    return Variant(found["name"], float(found["share"]), found["version"])


def _try(workspace: Workspace, version: str) -> None:
    """Raise ArtifactError unless this version can serve, by the check that the service makes."""
    from engine.serve.opening import check_recommending, open_recommending

    check_recommending(open_recommending(workspace, version))


def _stop(workspace: Workspace, arguments: Namespace) -> None:
    running = read_experiment(workspace.path)
    if running and arguments.promote:
        winner = _named(running, arguments.promote)
        if winner.version is None:
            raise SettingsError(f"Variant {winner.name} is what serves already; stop without --promote.")
        serving = promote_pipeline(workspace, winner.version, reason=arguments.reason, who=person())
        print(f"Version {winner.version} of the pipeline serves everyone, with {', '.join(sorted(serving))}.")
    ended = stop_experiment(workspace.path)
    print(f"Experiment {ended.name} ended; its figures: --show {ended.name}")


def _named(experiment: Experiment, name: str) -> Variant:
    names = {one.name: one for one in experiment.variants}
    if name not in names:
        raise UnknownNameError(f"variant of {experiment.name}", name, names)
    return names[name]


def _show(workspace: Workspace, name: str | None) -> None:
    experiment = read_experiment(workspace.path, name)
    if experiment is None:
        ended = ", ".join(experiments(workspace.path))
        print(f"No experiment runs{f'; ended: {ended}' if ended else ''}.")
        return
    if find_spec("sqlalchemy") is None:
        raise MissingExtraError("The service", "sqlalchemy", "ops")
    from engine.serve.outcomes import outcomes
    from engine.serve.storage import Database, database_url

    database = Database(database_url(workspace.path, load_database_url()), wait=WAIT)
    database.create()
    try:
        _print(outcomes(database, experiment))
    finally:
        database.close()


def _print(found: Outcomes) -> None:
    experiment = found.experiment
    until = f"to {experiment.stopped}" if experiment.stopped else "and runs"
    print(f"Experiment {experiment.name}, from {experiment.started} {until}")
    print(found.sample_ratio.words)
    for one in found.variants:
        print(f"{one.variant}: {one.users:,} users, {one.lists:,} lists")
        print(f"  CTR               {_words(one.ctr)}  {one.clicks:,} clicks of {one.impressions:,} impressions")
        print(f"  conversion        {_words(one.conversion)}  {one.converted:,} users bought")
        print(
            f"  revenue per user  {_words(one.revenue_per_user)}  {one.revenue:,.2f}, {one.transactions:,} transactions"
        )
        if not one.steady:
            versions = ", ".join(f"{model} ({counted(n, 'user')})" for model, n in one.models.items())
            print(f"  its version changed meanwhile, so it is no one thing: {versions}")
        if one.unpriced:
            print(f"  {one.unpriced:,} transactions have no price and are missing in the revenue")
        if one.instead:
            print(
                f"  {one.instead:,} users got everyone's lists, as this version could not be opened; they don't count"
            )
    for difference in found.differences:
        print(
            f"{difference.variant} against {found.variants[0].variant}: {NAMES[difference.figure]} {difference.words}"
        )


def _words(figure: Estimate) -> str:
    """The figure with its interval: "0.1673 (0.1655 to 0.1692)"."""
    if not figure.known:
        return "no interval yet" if figure.value != figure.value else f"{figure.value:.4f} (too few users to tell)"
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"


if __name__ == "__main__":
    sys.exit(main())
