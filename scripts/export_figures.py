"""Write the figures of the newest runs as JSON: python scripts/export_figures.py KIND --workspace NAME --output FOLDER

Of each model the newest run that may be compared with the newest of all: the same data, split and rule. Figures are
computed from the rows of the runs. Each model gets a file, which `dvc metrics show` reads as a line; with --table a CSV
has a line per model and metric, for plots. A second.
"""

from __future__ import annotations

import csv
import io
import math
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.atomic import write_json, write_text
from engine.errors import DataError, UnknownNameError, shown
from engine.metrics.measures import KINDS
from engine.runs import RunStore
from engine.settings import load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run

Figures = Mapping[str, Mapping[str, float]]


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Compute, write, and say which models there are."""
    arguments = _parser().parse_args(argv)
    if arguments.kind not in KINDS:
        raise UnknownNameError("kind of run", arguments.kind, KINDS)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    store = RunStore(workspace)
    runs = store.newest(arguments.kind)
    if not runs:
        raise DataError(
            f"Workspace {shown(workspace.name)} has no run of kind {arguments.kind}; train or evaluate first."
        )
    figures = {name: _finite(store.aggregate(made.id, arguments.metrics)) for name, made in sorted(runs.items())}
    for name, found in figures.items():
        write_json(arguments.output / f"{name}.json", found)
    if arguments.table:
        write_text(arguments.table, _table(figures))
    print(f"Wrote the figures of {', '.join(figures)} to {arguments.output}")
    return 0


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Without those that have no value here, which JSON can't say."""
    return {name: round(value, 6) for name, value in figures.items() if math.isfinite(value)}


def _table(figures: Figures) -> str:
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(["model", "metric", "value"])
    lines.writerows([model, metric, value] for model, found in figures.items() for metric, value in found.items())
    return written.getvalue()


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("kind", metavar="KIND", help=f"of runs: {', '.join(KINDS)}")
    made.add_argument("--metrics", nargs="+", metavar="NAME", help="which (default: those that pages show)")
    made.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the files go")
    made.add_argument("--table", type=Path, metavar="FILE", help="a CSV file besides, a line per model and metric")
    return made


if __name__ == "__main__":
    sys.exit(main())
