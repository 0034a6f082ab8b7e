"""Make the tables and pictures of a demo store, and nothing else: python scripts/make_demo_tables.py --workspace NAME

What prepare_demo.py begins with, for those who train on it themselves, such as the pipeline in dvc.yaml. Equal seeds
and sizes give equal tables, byte for byte. The tables are replaced together; a stop at any moment leaves those that
were there. Ten seconds for 600 SKUs.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import fields

from engine.data.demo import DemoConfig, make_demo
from engine.data.demo.store import ORIGIN
from engine.errors import WorkspaceError
from engine.settings import load_settings
from engine.workspace import new_workspace
from scripts.cli import chosen_seed, parser, progress, run

SIZES = {field.name: field.name.removeprefix("n_") for field in fields(DemoConfig)}


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Make the store, then say how many rows each table has."""
    arguments = _parser().parse_args(argv)
    config = DemoConfig(**{name: getattr(arguments, option) for name, option in SIZES.items()})
    seed = chosen_seed(arguments.seed)
    workspace = new_workspace(load_settings().home, arguments.workspace)
    if any(not table.origin.startswith(ORIGIN) for table in workspace.tables.values()):
        raise WorkspaceError(f"{workspace.path} holds data that isn't the demo's; choose another name.")
    with progress() as report:
        make_demo(workspace, seed=seed, config=config, progress=report)
    for name, table in new_workspace(load_settings().home, arguments.workspace).tables.items():
        print(f"{table.rows:>9,} {name}")
    return 0


def _parser() -> ArgumentParser:
    made = parser(__doc__, names_workspace=True)
    for name, option in SIZES.items():
        usual = getattr(DemoConfig(), name)
        made.add_argument(
            f"--{option}", type=int, default=usual, metavar="N", help=f"about how many (default: {usual})"
        )
    made.add_argument("--seed", type=int, help="seed of the store (default: SHELFWISE_SEED)")
    return made


if __name__ == "__main__":
    sys.exit(main())
