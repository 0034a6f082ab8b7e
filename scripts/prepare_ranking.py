"""Prepare ranking lists: python scripts/prepare_ranking.py [--workspace NAME] [--set windows=3]

Makes lists of candidates with features as of the moment of each list: windows of train, then the split's valid and test
parts, with candidates of recommenders that were fitted on what came before. Lists that are there for the same
configuration and data are kept. Half a minute for the demo store on two cores. Stop it at any moment and run it again:
windows that are done aren't made again.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from engine.rank.lists import Lists
from engine.ranking.kept import NAME, open_prepared, prepare_kept
from engine.ranking.preparing import PrepareConfig
from engine.settings import load_settings
from engine.typed import build
from engine.workspace import find_workspace
from scripts.cli import chosen_seed, chosen_workspace, parser, progress, run
from scripts.recommend_options import add_options, shop_config


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Prepare, then say how many lists there are and how many wanted items are among the candidates."""
    arguments = _parser().parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    with progress() as report:
        card, made = prepare_kept(
            workspace,
            build(
                PrepareConfig, dict(pair.partition("=")[::2] for pair in arguments.set), what="setting of ranking lists"
            ),
            name=arguments.name,
            shop_config=shop_config(arguments),
            seed=chosen_seed(arguments.seed),
            progress=report,
        )
    print(
        f"Rankings {card.name} {card.version}: {'made' if made else 'unchanged, configuration and data are the same'}"
    )
    for place, why in card.config.get("notes", {}).items():
        print(f"  left out: {place}: {why}")
    prepared, _ = open_prepared(workspace, arguments.name)
    for part in ("train", "valid", "test"):
        print(f"  {part:<6}{_said(prepared.part(part))}")
    return 0


def _parser() -> ArgumentParser:
    settings = "\n".join(f"  {name:<14}{_shown(value)}" for name, value in vars(PrepareConfig()).items())
    made = parser(f"{__doc__}\nsettings and their defaults:\n{settings}")
    made.add_argument("--name", default=NAME, metavar="NAME", help="what the lists are called (%(default)s)")
    made.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; lists with commas")
    made.add_argument("--seed", type=int, help="seed of models and samples (default: SHELFWISE_SEED)")
    add_options(made)
    return made


def _shown(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _said(lists: Lists) -> str:
    among = int(lists.known.sum())
    return (
        f"{len(lists):,} lists, {len(lists.items):,} candidates with {len(lists.columns)} features; "
        f"{among:,} of {int(lists.sought.sum()):,} wanted items are among them"
    )


if __name__ == "__main__":
    sys.exit(main())
