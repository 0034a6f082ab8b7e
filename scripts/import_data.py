"""Import files into a workspace: python scripts/import_data.py KIND PATH… --workspace NAME

Reads a source's own files, keeps the rows that can be used and says why the others can't, then replaces the workspace's
tables all at once; a stopped import leaves them as they were. About 100,000 reviews a second on two cores.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

from engine.atomic import remove
from engine.data.base import ImportReport
from engine.data.importer import ImportOptions, Progress, import_files
from engine.data.readers import READERS
from engine.errors import SettingsError, StorageError, shown
from engine.settings import load_settings
from engine.workspace import Workspace, list_workspaces, new_workspace
from scripts.cli import chosen_seed, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Import, then print what was read, kept per table, and rejected by reason."""
    arguments = _parser().parse_args(argv)
    options = _options(arguments)
    with _opened(load_settings().home, arguments.workspace) as workspace, _progress() as progress:
        report = import_files(workspace, arguments.kind, arguments.paths, options=options, progress=progress)
    _show(report, workspace.path)
    return 0


@contextmanager
def _opened(home: Path, name: str) -> Iterator[Workspace]:
    """The workspace; one that was made for this import goes again when the import fails and nobody else filled it."""
    fresh = name not in list_workspaces(home)
    workspace = new_workspace(home, name)
    try:
        yield workspace
    except BaseException:
        if fresh:
            _remove_empty(workspace)
        raise


def _remove_empty(workspace: Workspace) -> None:
    with suppress(StorageError), workspace.lock():  # whoever holds the lock is about to fill it
        if not Workspace.open(workspace.path).tables:
            remove(workspace.path)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A function that shows on stderr how many rows were read."""
    with tqdm(desc="Reading", unit=" rows", unit_scale=True, file=sys.stderr, disable=None) as bar:

        def show(report: ImportReport) -> None:
            bar.update(report.read - bar.n)

        yield show


def _parser() -> ArgumentParser:
    kinds = "\n".join(f"  {name:<14}{part.about}" for name, part in READERS.parts.items())
    made = parser(f"{__doc__}\nkinds:\n{kinds}", names_workspace=True)
    made.add_argument("kind", metavar="KIND", help="what kind of source the files are; see above")
    made.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="files, or a folder of them")
    made.add_argument("--sample", type=int, metavar="N", help="keep at most N random reviews per category")
    made.add_argument("--min-reviews", type=int, metavar="M", help="keep only SKUs with M reviews or more")
    made.add_argument("--seed", type=int, help="seed of the sample (default: SHELFWISE_SEED)")
    made.add_argument("--table", help="for plain files: the table that they hold")
    made.add_argument(
        "--map", action="append", default=[], metavar="COLUMN=NAME", help="for plain files: COLUMN is NAME"
    )
    return made


def _options(arguments: Namespace) -> ImportOptions:
    for name in ("sample", "min_reviews"):
        number = getattr(arguments, name)
        if number is not None and number < 1:
            raise SettingsError(f"--{name.replace('_', '-')} is {number}; it must be 1 or more.")
    pairs = [text.partition("=") for text in arguments.map]
    for column, _, name in pairs:
        if not column or not name:
            raise SettingsError(f"--map {shown(column + name)} isn't COLUMN=NAME, such as item_id=sku.")
    columns = [column for column, _, _ in pairs]
    for column in columns:
        if columns.count(column) > 1:
            raise SettingsError(f"--map names {shown(column)} more than once; map each column once.")
    return ImportOptions(
        sample=arguments.sample,
        min_reviews=arguments.min_reviews,
        seed=chosen_seed(arguments.seed),
        table=arguments.table,
        columns={column: name for column, _, name in pairs},
    )


def _show(report: ImportReport, place: Path) -> None:
    print(f"Read      {report.read:>12,} rows")
    for table, rows in report.kept.items():
        print(f"Kept      {rows:>12,} {table}")
    for reason, rows in report.rejected.most_common():
        print(f"Rejected  {rows:>12,} {reason}")
        for example in report.examples[reason]:
            print(f"{'':24}{example}")
    for note in report.notes:
        print(f"Note: {note}")
    print(f"Saved in {place}")


if __name__ == "__main__":
    sys.exit(main())
