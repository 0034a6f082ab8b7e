"""Write what people decided about tags as CSV: python scripts/export_decisions.py [--current] [--out decisions.csv]

The whole log, newest first, with what was undone, by whom and when; --current leaves only the decisions that count.
Cells that a spreadsheet could take for formulas get an apostrophe in front. Without --out it goes to standard output.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from engine.atomic import atomic_path
from engine.decisions import Decisions
from engine.settings import load_settings
from engine.spreadsheet import to_csv
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Read the log, write it, say how much it was."""
    arguments = _parser().parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    decisions = Decisions(workspace)
    found = decisions.current() if arguments.current else decisions.history()
    data = to_csv(found.assign(workspace=workspace.name))
    if arguments.out is None:
        sys.stdout.buffer.write(data)
    else:
        with atomic_path(arguments.out) as temporary:
            temporary.write_bytes(data)
    print(f"{len(found):,} {'decision' if len(found) == 1 else 'decisions'} of {workspace.name}", file=sys.stderr)
    return 0


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--current", action="store_true", help="only the newest decision on each pair that isn't undone")
    made.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: standard output)")
    return made


if __name__ == "__main__":
    sys.exit(main())
