"""A workspace: one folder of tables, artifacts, runs and decisions, whole at every moment.

    workspace.json          what it is, and for each table its rows and content hash
    tables/<name>.parquet   the canonical tables of engine.schema
    artifacts/, runs/       written by engine.artifacts and engine.runs
    images/                 pictures that items refer to

Several tables are replaced as one: they are written beside the old ones, a journal says which renames are due, then
the renames happen. A kill before the journal leaves the old tables; after it, whoever opens the workspace next
finishes the renames. Only the holder of the lock touches a journal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from engine.atomic import TEMPORARY, remove, sha256, storage_errors, sync, temporary_sibling, write_json
from engine.errors import NotBuiltError, StorageError, UnknownNameError, WorkspaceError, shown
from engine.schema import TABLES

FORMAT = 1
JOURNAL = "tables/.commit.json"
MAX_NAME = 200  # bytes; file systems take 255, and temporary names add to it
LOCK_WAIT = 60.0  # seconds: how long short writes wait for each other
DEMO_COMMAND = ".venv/bin/python scripts/prepare_demo.py"
IMPORT_COMMAND = ".venv/bin/python scripts/import_data.py KIND PATH --workspace {name}"


@dataclass(frozen=True)
class TableInfo:
    """A stored table: its number of rows, the SHA-256 of its file, where its rows came from and when (UTC, ISO)."""

    rows: int
    sha256: str
    origin: str
    written: str


class Workspace:
    """An opened workspace folder. Make one with `create`, or open one with `open`."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self._manifest = manifest

    @property
    def name(self) -> str:
        """The folder's name, by which scripts and the app call the workspace."""
        return self.path.name

    @classmethod
    def create(cls, path: Path) -> Workspace:
        """Open the workspace at `path`, making an empty one when nothing is there."""
        if not (path / "workspace.json").exists():
            if path.exists() and not path.is_dir():
                raise WorkspaceError(f"{path} is a file; choose another name.")
            if path.exists() and any(entry for entry in path.iterdir() if not entry.name.startswith(".")):
                raise WorkspaceError(f"{path} holds other files and no workspace.json; choose an empty folder.")
            write_json(path / "workspace.json", {"format": FORMAT, "created": _now(), "tables": {}})
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Workspace:
        """Open the workspace at `path`.

        Raises WorkspaceError when it is missing, not readable, or of a newer format.
        """
        file = path / "workspace.json"
        if (path / JOURNAL).exists():
            with _locked(path, wait=LOCK_WAIT):
                _finish_commit(path)
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(manifest["format"], int) and manifest["format"] > FORMAT:
                formats = f"format {manifest['format']}; this one reads format {FORMAT}"
                raise WorkspaceError(f"{path} was made by a newer Shelfwise ({formats}); update it.")
            _check_manifest(manifest)
        except FileNotFoundError:
            raise WorkspaceError(f"{path} is not a workspace: it has no workspace.json.") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            way_out = "restore it from a copy, or remove the folder and import again"
            raise WorkspaceError(f"{file} is corrupt ({error!r}); {way_out}.") from None
        return cls(path, manifest)

    @property
    def tables(self) -> dict[str, TableInfo]:
        """The stored tables by name, as the manifest has them; ones that this version doesn't know are left out."""
        return {name: TableInfo(**info) for name, info in self._manifest["tables"].items() if name in TABLES}

    def table_path(self, table: str) -> Path:
        """The Parquet file of `table`. Raises NotBuiltError with the import command when it isn't there."""
        if table not in TABLES:
            raise UnknownNameError("table", table, TABLES)
        if table not in self.tables:
            raise NotBuiltError(f"Table {shown(table)} of workspace {shown(self.name)}", self.import_command)
        return self.path / "tables" / f"{table}.parquet"

    @property
    def import_command(self) -> str:
        """The command that fills this workspace's tables."""
        return DEMO_COMMAND if self.name == "demo" else IMPORT_COMMAND.format(name=self.name)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows of `table` as a frame, with every column of the schema or only `columns`."""
        path = self.table_path(table)
        try:
            file = pq.ParquetFile(path)
            self.check_columns(table, file.schema_arrow.names)
            return file.read(columns=list(columns) if columns else None).to_pandas()
        except (OSError, pa.ArrowInvalid) as error:
            raise WorkspaceError(f"{path} can't be read ({error}); import it again: {self.import_command}") from None

    def check_columns(self, table: str, present: Collection[str]) -> None:
        """Raise WorkspaceError when the file of `table` lacks a column: another version wrote it, or it isn't ours."""
        missing = [name for name in TABLES[table].arrow.names if name not in present]
        if missing:
            reason = f"lacks the column {shown(missing[0])}; import it again: {self.import_command}"
            raise WorkspaceError(f"{self.table_path(table)} {reason}")

    def data_hash(self, *tables: str) -> str:
        """A short hash of the content of `tables` (default: all that are stored); equal data gives equal hashes."""
        stored = self.tables
        names = sorted(tables or stored)
        joined = "\n".join(f"{name} {stored[name].sha256 if name in stored else '-'}" for name in names)
        return hashlib.sha256(joined.encode()).hexdigest()[:16]

    def lock(self, *, wait: float = 0) -> AbstractContextManager[None]:
        """Hold the workspace for writing.

        Raises StorageError when another process still holds it after `wait` seconds.
        """
        return _locked(self.path, wait=wait)

    @contextmanager
    def replace_tables(self, origin: str) -> Iterator[TableWriter]:
        """Write one or more tables that replace the stored ones together when the block ends without an error.

        Tables that the block doesn't write stay as they are.
        """
        with self.lock(), storage_errors(self.path):
            folder = self.path / "tables"
            folder.mkdir(exist_ok=True)
            _finish_commit(self.path)
            for leftover in [*folder.glob(f"{TEMPORARY}*"), *self.path.glob(f"{TEMPORARY}*")]:
                remove(leftover)
            writer = TableWriter(folder, origin)
            try:
                yield writer
                infos = writer.close()
                manifest = json.loads((self.path / "workspace.json").read_text(encoding="utf-8"))
                manifest["tables"] |= {name: asdict(info) for name, info in infos.items()}
                renames = {path.name: f"{name}.parquet" for name, path in writer.staged.items()}
                write_json(self.path / JOURNAL, {"renames": renames, "manifest": manifest})
                _finish_commit(self.path)
                self._manifest = manifest
            finally:
                writer.abandon(keep=(self.path / JOURNAL).exists())  # what a journal names is needed to finish it


class TableWriter:
    """Streams rows into staged Parquet files, one per table. Made by `Workspace.replace_tables`."""

    def __init__(self, folder: Path, origin: str) -> None:
        self._folder, self._origin = folder, origin
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._rows: dict[str, int] = {}
        self.staged: dict[str, Path] = {}

    def write(self, table: str, rows: pa.Table | pa.RecordBatch | pd.DataFrame) -> None:
        """Append `rows` to `table`; columns of the schema that they lack are null, others are left out."""
        schema = TABLES[table].arrow
        if isinstance(rows, pd.DataFrame):
            present = pa.schema([field for field in schema if field.name in rows.columns])
            # pandas 3.1 warns whenever pyarrow reads its own times with a zone
            zoned = [field for field in present if isinstance(rows[field.name].dtype, pd.DatetimeTZDtype)]
            rows = rows[present.names].astype({field.name: pd.ArrowDtype(field.type) for field in zoned})
            rows = pa.Table.from_pandas(rows, schema=present, preserve_index=False)
        columns = [
            rows.column(field.name).cast(field.type)
            if field.name in rows.schema.names
            else pa.nulls(rows.num_rows, field.type)
            for field in schema
        ]
        if table not in self._writers:
            self.staged[table] = temporary_sibling(self._folder / f"{table}.parquet")
            self._writers[table] = pq.ParquetWriter(self.staged[table], schema, compression="zstd")
            self._rows[table] = 0
        self._writers[table].write_table(pa.table(columns, schema=schema))
        self._rows[table] += rows.num_rows

    def close(self) -> dict[str, TableInfo]:
        """Finish and sync the staged files; what each holds, by table."""
        infos = {}
        for table, writer in self._writers.items():
            writer.close()
            sync(self.staged[table])
            infos[table] = TableInfo(self._rows[table], sha256(self.staged[table]), self._origin, _now())
        return infos

    def abandon(self, *, keep: bool = False) -> None:
        """Close what was staged, and remove it unless it is to be kept."""
        for table, writer in self._writers.items():
            writer.close()
            if not keep:
                remove(self.staged[table])


def list_workspaces(home: Path) -> list[str]:
    """Names of the workspaces under `home`, sorted; a folder counts when it holds a workspace.json."""
    return sorted(file.parent.name for file in home.glob("[!.]*/workspace.json")) if home.is_dir() else []


def find_workspace(home: Path, name: str) -> Workspace:
    """Open the workspace called `name` under `home`.

    Raises UnknownNameError with the nearest name when there is none. `name` is a folder's name, never a path.
    """
    if name not in list_workspaces(home):
        raise UnknownNameError("workspace", name, list_workspaces(home))
    return Workspace.open(home / name)


def new_workspace(home: Path, name: str) -> Workspace:
    """Open the workspace called `name` under `home`, making it when there is none.

    Raises WorkspaceError for a name that isn't a plain folder name.
    """
    plain = name.isprintable() and name == name.strip() and len(name.encode()) <= MAX_NAME
    if not name or not plain or name != Path(name).name or name.startswith("."):
        raise WorkspaceError(f"{shown(name)} can't name a workspace; use letters, digits, - and _.")
    return Workspace.create(home / name)


@contextmanager
def _locked(path: Path, *, wait: float) -> Iterator[None]:
    lock = FileLock(path / ".lock", timeout=wait)
    try:
        with storage_errors(path):
            lock.acquire()
    except Timeout:
        raise StorageError(f"Another process is writing to {path}; run it again when that one ends.") from None
    try:
        yield
    finally:
        lock.release()


def _check_manifest(manifest: Any) -> None:
    """Raise ValueError, KeyError, TypeError or AttributeError for a damaged entry: better here than amid a page."""
    if manifest["format"] != FORMAT:
        raise ValueError(f"format {shown(manifest['format'])}")
    for name, info in manifest["tables"].items():
        if name in TABLES and not isinstance(TableInfo(**info).rows, int):
            raise ValueError(f"rows of {name}: {shown(info['rows'])}")


def _finish_commit(path: Path) -> None:
    """Carry out a journal that a commit left, if there is one. Doing it again after a kill is harmless."""
    journal = path / JOURNAL
    try:
        commit = json.loads(journal.read_text(encoding="utf-8"))
        _check_manifest(commit["manifest"])
        for staged, final in commit["renames"].items():
            if (
                staged != Path(staged).name
                or not staged.startswith(TEMPORARY)
                or final.removesuffix(".parquet") not in TABLES
            ):
                raise ValueError(f"{shown(staged)} may not become {shown(final)}")
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        way_out = "remove that file and import again"
        raise WorkspaceError(f"{journal} is corrupt ({error!r}); {way_out}.") from None
    for staged, final in commit["renames"].items():
        try:
            (journal.parent / staged).replace(journal.parent / final)
        except FileNotFoundError:
            continue  # this rename was done before the kill
    sync(journal.parent)
    write_json(path / "workspace.json", commit["manifest"])
    journal.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
