"""Rank candidates with a trained ranker: python scripts/rank.py [--workspace NAME] [--model ensemble] --output FOLDER
       python scripts/rank.py --users U-0001,U-0002 --output FOLDER     what these users would be shown now
       python scripts/rank.py --part test --output FOLDER               the lists that it was measured on
       python scripts/rank.py --lists FILE.parquet --output FOLDER      lists whose features are given

Writes predictions.csv and predictions.parquet: for each list its candidates in order, with score, probability, and what
each member of the ensemble added. A spreadsheet takes no cell of the CSV for a formula. Seconds.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import SettingsError
from engine.rank.lists import Lists
from engine.ranking.cache import ENSEMBLE
from engine.ranking.config import read_config
from engine.ranking.predictions import FORMATS, lists_of_users, predictions, save_predictions
from engine.ranking.serving import ServedRanker, open_ranker
from engine.ranking.source import read_lists, reopen
from engine.settings import load_settings
from engine.workspace import Workspace, find_workspace
from scripts.cli import chosen_workspace, parser, run
from scripts.recommend_options import names_of


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Rank, then say how many lists there are and where the files lie."""
    arguments = _parser().parse_args(argv)
    if arguments.top is not None and arguments.top < 1:
        raise SettingsError(f"--top is {arguments.top}; it must be 1 or more.")
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    served = open_ranker(workspace, arguments.model)
    lists = _lists(workspace, served, arguments)
    frame = predictions(served, lists, top=arguments.top)
    for name, reason in served.left_out(lists).items():
        print(f"Left out {name}: {reason}")
    print(f"{len(lists):,} lists, {len(frame):,} candidates, by {served.name} {served.card.version}")
    for path in save_predictions(frame, arguments.output, "predictions", names_of(arguments.format)):
        print(f"Saved    {path}")
    return 0


def _lists(workspace: Workspace, served: ServedRanker, arguments: Namespace) -> Lists:
    if arguments.users:
        return lists_of_users(workspace, names_of(arguments.users), served.name)
    if arguments.lists:
        data = read_config(served.card.config["ranking"]).data
        return read_lists(replace(data, lists=arguments.lists), answered=not arguments.unanswered)
    return reopen(workspace, served.card).prepared.part(arguments.part)


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--model", default=ENSEMBLE, metavar="MODEL", help="which ranker (default: %(default)s)")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--users", metavar="A,B", help="users of the workspace, as of now")
    which.add_argument("--lists", type=Path, metavar="FILE", help="a Parquet file with the columns of its training")
    which.add_argument("--part", default="test", choices=("valid", "test"), help="of its own lists (%(default)s)")
    made.add_argument("--unanswered", action="store_true", help="the file of --lists doesn't say what was wanted")
    made.add_argument("--top", type=int, metavar="K", help="places of each list (default: all)")
    made.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the files go")
    made.add_argument("--format", default=",".join(FORMATS), metavar="A,B", help="csv, parquet (default: both)")
    return made


if __name__ == "__main__":
    sys.exit(main())
