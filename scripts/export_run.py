"""Write a run's rows: python scripts/export_run.py RUN [--format csv|parquet|trec] [--out PREFIX] [--workspace NAME]

csv and parquet write PREFIX.csv or PREFIX.parquet, one row per SKU, query, user or list. trec writes PREFIX.run and
PREFIX.qrels, from which trec_eval, ranx and other tools compute the same figures. PREFIX is the run's id by default.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from engine.atomic import atomic_path
from engine.runs import Run, RunStore
from engine.settings import load_settings
from engine.spreadsheet import to_csv
from engine.trec import qrel_lines, run_lines
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run

Write = Callable[[Path], None]


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Read the run, write its files, name them."""
    arguments = _parser().parse_args(argv)
    store = RunStore(find_workspace(load_settings().home, chosen_workspace(arguments.workspace)))
    found, rows = store.get(arguments.run), store.rows(arguments.run)
    prefix = arguments.out or Path(found.id)
    for ending, write in FORMATS[arguments.format](found, rows).items():
        place = prefix.with_name(prefix.name + ending)
        with atomic_path(place) as temporary:
            write(temporary)
        print(place)
    return 0


def _csv(_: Run, rows: pd.DataFrame) -> Mapping[str, Write]:
    return {".csv": lambda place: _bytes(place, to_csv(rows))}


def _parquet(_: Run, rows: pd.DataFrame) -> Mapping[str, Write]:
    return {".parquet": lambda place: rows.to_parquet(place, index=False)}


def _trec(found: Run, rows: pd.DataFrame) -> Mapping[str, Write]:
    return {
        ".run": lambda place: place.write_text("".join(run_lines(found.kind, rows, found.model)), encoding="utf-8"),
        ".qrels": lambda place: place.write_text("".join(qrel_lines(found.kind, rows)), encoding="utf-8"),
    }


FORMATS: dict[str, Callable[[Run, pd.DataFrame], Mapping[str, Write]]] = {
    "csv": _csv,
    "parquet": _parquet,
    "trec": _trec,
}


def _bytes(place: Path, data: bytes) -> None:
    place.write_bytes(data)


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("run", metavar="RUN", help="the run's id")
    made.add_argument("--format", choices=FORMATS, default="csv", help="what to write (default: %(default)s)")
    made.add_argument("--out", type=Path, metavar="PREFIX", help="where, without the ending (default: the run's id)")
    return made


if __name__ == "__main__":
    sys.exit(main())
