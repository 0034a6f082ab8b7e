"""A workspace's tables in any order without holding them: sorted and joined by DuckDB, which spills to the disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from engine.errors import WorkspaceError
from engine.schema import TABLES
from engine.settings import load_settings
from engine.workspace import Workspace

MEMORY = "600MB"  # what sorting and joining may hold before they go on in files
BATCH = 5000  # rows handed on at once


@contextmanager
def table_views(workspace: Workspace, *, also: Mapping[str, Path] | None = None) -> Iterator[TableViews]:
    """The canonical tables as views, empty where they aren't stored, and each Parquet file of `also` by its name."""
    files = {name: workspace.table_path(name) for name in TABLES if name in workspace.tables} | dict(also or {})
    with tempfile.TemporaryDirectory(prefix="shelfwise-") as spill:
        config: dict[str, Any] = {"autoinstall_known_extensions": "false", "TimeZone": "UTC", "memory_limit": MEMORY}
        connection = duckdb.connect(config={**config, "temp_directory": spill, "threads": load_settings().threads})
        try:
            views = TableViews(workspace, connection)
            views.add(files)
            yield views
        finally:
            connection.close()


class TableViews:
    """An open connection. Made by `table_views`; every failure to read a file is a WorkspaceError."""

    def __init__(self, workspace: Workspace, connection: duckdb.DuckDBPyConnection) -> None:
        self._workspace, self._connection = workspace, connection

    def add(self, files: Mapping[str, Path]) -> None:
        """Make the views."""
        with self._unreadable():
            for name, file in files.items():
                place = str(file).replace("'", "''")
                self._connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{place}')")
            for name in TABLES.keys() - files.keys():
                empty = TABLES[name].arrow.empty_table()  # noqa: F841 - DuckDB finds it by its name
                self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM empty")

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of `sql`, a few thousand at a time; one such reading at a time."""
        with self._unreadable():
            reader: pa.RecordBatchReader = self._connection.sql(sql).to_arrow_reader(BATCH)
            yield from reader

    def rows(self, sql: str) -> Iterator[dict[str, Any]]:
        """The rows of `sql` one by one, as dictionaries."""
        for batch in self.batches(sql):
            yield from batch.to_pylist()

    def values(self, sql: str) -> tuple[Any, ...]:
        """The first row of `sql`."""
        with self._unreadable():
            found = self._connection.execute(sql).fetchall()  # a result that isn't read to its end blocks the next
            return found[0] if found else ()

    @contextmanager
    def _unreadable(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
            raise  # our SQL is wrong, not the file
        except duckdb.Error as error:
            place, reason = self._workspace.path / "tables", str(error).splitlines()[0]
            way_out = f"import it again: {self._workspace.import_command}"
            raise WorkspaceError(f"A table under {place} can't be read ({reason}); {way_out}") from None
