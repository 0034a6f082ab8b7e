"""Files in, tables of a workspace out: read, validate, drop duplicates, sample, replace the old tables at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from engine.atomic import remove, temporary_sibling
from engine.data.base import ImportReport, Reader, Row
from engine.data.plain import PlainReader
from engine.data.readers import READERS
from engine.data.sampling import sample_reviews
from engine.data.staging import Stage, open_stage
from engine.data.validate import FILE, LINE, validated
from engine.errors import DataError, SettingsError, counted
from engine.schema import TABLES, UNCATEGORISED
from engine.settings import DEFAULT_SEED
from engine.workspace import Workspace

BATCH_ROWS = 8_192
BATCH_CHARACTERS = 20_000_000
Progress = Callable[[ImportReport], None]


@dataclass(frozen=True)
class ImportOptions:
    """What an import may be asked for.

    sample:      keep at most this many random review rows per category; None keeps all
    min_reviews: keep only SKUs with this many reviews or more; None keeps all
    seed:        of the sample
    table:       for plain files, the table that they hold
    columns:     for plain files, the file's column by canonical column, where the names differ
    """

    sample: int | None = None
    min_reviews: int | None = None
    seed: int = DEFAULT_SEED
    table: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def import_files(
    workspace: Workspace,
    kind: str,
    paths: Sequence[Path],
    *,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Replace the workspace's tables that `kind`'s reader finds in `paths`; what was read, kept, rejected and why.

    All tables change together or none does: a kill at any time leaves the old ones. `progress` is called with the
    report after each batch. Raises DataError when a file can't be used or nothing was kept, UnknownNameError for an
    unknown kind, SettingsError for options that don't go together, StorageError when the disk or another import is in
    the way.
    """
    options = options or ImportOptions()
    reader, report = _reader(kind, options), ImportReport()
    _check_reachable(paths)
    with workspace.replace_tables(kind) as writer:
        folder = temporary_sibling(workspace.path / "tables" / "stage")
        try:
            with open_stage(folder) as stage:
                _fill(stage, reader, paths, report, progress or (lambda _: None))
                _choose(stage, Workspace.open(workspace.path), report, options)
                for table in stage.tables:
                    stage.copy(table, writer)
                    report.kept[table] = stage.count(f"SELECT count(*) FROM alive_{table}")
                if not sum(report.kept.values()):
                    raise _nothing_kept(paths, report)
        finally:
            remove(folder)
    return report


def _check_reachable(paths: Sequence[Path]) -> None:
    """Raise DataError for a path that no reader could even look at; one that is only missing is theirs to explain."""
    for path in paths:
        try:
            path.stat()
        except FileNotFoundError:
            if path.is_symlink():
                raise DataError("is a link to a file that isn't there", file=path) from None
        except OSError as error:
            raise DataError(f"can't be reached ({error.strerror}); check the path", file=path) from None


def _reader(kind: str, options: ImportOptions) -> Reader:
    make = READERS.load(kind)
    if make is PlainReader:
        return PlainReader(options.table, options.columns)
    if options.table or options.columns:
        raise SettingsError(f"--table and --map go with plain files only; {kind} knows its columns.")
    reader: Reader = make()
    return reader


def _fill(stage: Stage, reader: Reader, paths: Sequence[Path], report: ImportReport, progress: Progress) -> None:
    """Stage every row that is valid by itself, in batches whose text has a bounded size."""
    batches: dict[str, list[Row]] = defaultdict(list)
    characters: dict[str, int] = defaultdict(int)

    def flush(table: str) -> None:
        stage.write(table, validated(TABLES[table], batches.pop(table), report))
        characters.pop(table)
        progress(report)

    for row in reader.rows(paths, report):
        table = row.table
        batches[table].append(row)
        characters[table] += sum([len(value) for value in row.values.values() if type(value) is str])
        if len(batches[table]) >= BATCH_ROWS or characters[table] >= BATCH_CHARACTERS:
            flush(table)
    for table in list(batches):
        flush(table)
    stage.finish()


def _choose(stage: Stage, workspace: Workspace, report: ImportReport, options: ImportOptions) -> None:
    """Find which staged rows stay."""
    for table in stage.tables:
        stage.drop_duplicates(table, report)
    if "items" not in stage.tables and "items" not in workspace.tables:
        _derive_items(stage, report)
    if options.sample is not None or options.min_reviews is not None:
        sample_reviews(stage, report, rows=options.sample, min_reviews=options.min_reviews, seed=options.seed)
    _note_orphans(stage, workspace, report)
    stayed = sorted(set(workspace.tables) - set(stage.tables))
    if stayed and stage.tables:
        report.notes.append(f"not part of this import and unchanged: {', '.join(stayed)}")


def _derive_items(stage: Stage, report: ImportReport) -> None:
    """Where a source has no catalogue, make one row per SKU: its id is all that is known to call it by."""
    sources = [f"SELECT item_id, {FILE}, {LINE} FROM alive_{table}" for table in stage.tables]
    if not sources:
        return
    skus = f"SELECT item_id, min({FILE}), min({LINE}) FROM ({' UNION ALL '.join(sources)}) GROUP BY 1 ORDER BY 1"
    schema = TABLES["items"].arrow
    for batch in stage.batches(skus):
        ids, *places = batch.columns
        known = {"item_id": ids, "title": ids, "category": pa.repeat(UNCATEGORISED, len(ids))}
        columns = [known.get(field.name, pa.nulls(len(ids), field.type)) for field in schema]
        stage.write("items", pa.table([*columns, *places], names=[*schema.names, FILE, LINE]))
    stage.finish()
    count = stage.count("SELECT count(*) FROM items")
    report.notes.append(f"items: the source has no catalogue; {counted(count, 'SKU')} named by id")


def _note_orphans(stage: Stage, workspace: Workspace, report: ImportReport) -> None:
    """Count rows about SKUs that the catalogue (the new one, or the one that stays) doesn't hold."""
    if not stage.tables:
        return
    staged = "items" in stage.tables
    catalogue = "alive_items" if staged else f"({stage.from_file(workspace.table_path('items'))})"
    for table in [table for table in stage.tables if table != "items"]:
        orphans = f"FROM alive_{table} ANTI JOIN {catalogue} AS catalogue USING (item_id)"
        ((rows, skus),) = stage.query(f"SELECT count(*), count(DISTINCT item_id) {orphans}")
        if rows:
            about = f"{counted(rows, 'row')} about {counted(skus, 'SKU')}"
            report.notes.append(f"{table}: {about} that the catalogue doesn't hold")


def _nothing_kept(paths: Sequence[Path], report: ImportReport) -> DataError:
    reasons = "; ".join(f"{count:,} × {reason}" for reason, count in report.rejected.most_common(3))
    place = next((examples[0] for examples in report.examples.values()), None)
    why = f"{reasons} (first: {place})" if reasons else "; ".join(report.notes) or "no rows"
    shown = ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")
    read = counted(report.read, "row")
    return DataError(f"nothing of {read} could be kept: {why}. The workspace is unchanged", file=shown)
