"""Between validation and the workspace: rows wait on disk until it is known which of them stay.

Whether a row stays can depend on all others (duplicates, samples). So batches go to Parquet files in a folder of their
own, DuckDB finds the rows to drop with a fixed memory limit, spilling into the same folder, and the rest is copied.
Hashes of keys only say where to look for duplicates; the keys themselves decide, so that none is found falsely. The
queries are aggregates and joins, which spill at any size, where window functions over a whole table would not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.data.base import ImportReport
from engine.data.validate import FILE, LINE
from engine.errors import StorageError, counted
from engine.schema import TABLES
from engine.workspace import TableWriter

MEMORY_LIMIT = "256MB"
COPY_ROWS = 16_384
REPEATED = "repeats the {key} of an earlier row with other values; the first one is kept"


class Stage:
    """Staged tables of one import, in `folder`; use `open_stage`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._database = duckdb.connect(
            config={"memory_limit": MEMORY_LIMIT, "threads": 2, "temp_directory": str(folder / "spill")}
        )

    @property
    def tables(self) -> list[str]:
        """Names of the tables that hold rows, in the schema's order."""
        return [table for table in TABLES if table in self._writers]

    def write(self, table: str, rows: pa.Table) -> None:
        """Append validated rows, places included."""
        if not rows.num_rows:
            return
        if table not in self._writers:
            self._writers[table] = pq.ParquetWriter(
                self._folder / f"{table}.parquet",
                rows.schema,
                compression="lz4",
                use_dictionary=[FILE],  # fast to write; the workspace's own files are the compact ones
            )
        self._writers[table].write_table(rows)

    def finish(self) -> None:
        """Close what was written; each table becomes a view with its row numbers in _row, and a view alive_<table>."""
        for table, writer in self._writers.items():
            if not writer.is_open:
                continue
            writer.close()
            self._database.execute(f"CREATE VIEW {table} AS {self.from_file(self._folder / f'{table}.parquet')}")
            self._database.execute(f"CREATE TABLE dropped_{table} (_row BIGINT)")
            self._database.execute(
                f"CREATE VIEW alive_{table} AS SELECT * FROM {table} ANTI JOIN dropped_{table} USING (_row)"
            )

    def from_file(self, path: Path) -> str:
        """The SQL that reads a Parquet file, with its row numbers in _row."""
        quoted = str(path).replace("'", "''")
        return f"SELECT * RENAME (file_row_number AS _row) FROM read_parquet('{quoted}', file_row_number = true)"

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run SQL over the views and return its rows."""
        return self._database.execute(sql, values).fetchall()

    def count(self, sql: str, *values: object) -> int:
        """Run SQL that gives one whole number."""
        return int(self.query(sql, *values)[0][0])

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run SQL and stream its rows."""
        reader: pa.RecordBatchReader = self._database.cursor().sql(sql).to_arrow_reader(COPY_ROWS)
        yield from reader

    def drop(self, table: str, sql: str, *values: object) -> int:
        """Drop the rows of `table` whose `_row` the SQL selects; how many those are."""
        return self.count(f"INSERT INTO dropped_{table} {sql}", *values)

    def drop_duplicates(self, table: str, report: ImportReport) -> None:
        """Keep the first row of each key. Exact repeats are noted, others are rejected, both with their places."""
        key = TABLES[table].key
        if not key:
            return
        names, columns = ", ".join(key), ", ".join(TABLES[table].arrow.names)
        self.query(f"""
            CREATE TABLE suspects_{table} AS
            SELECT hash({names}) AS suspect FROM {table} GROUP BY suspect HAVING count(*) > 1
        """)
        self.query(f"""
            CREATE TABLE repeats_{table} AS
            WITH suspected AS (SELECT *, hash({columns}) AS content FROM {table}
                               WHERE hash({names}) IN (SELECT suspect FROM suspects_{table})),
                 firsts AS (SELECT {names}, min(_row) AS first, arg_min(content, _row) AS first_content
                            FROM suspected GROUP BY {names} HAVING count(*) > 1)
            SELECT _row, {FILE}, {LINE}, {names}, content = first_content AS exact
            FROM suspected JOIN firsts USING ({names}) WHERE _row > first ORDER BY _row
        """)
        self.drop(table, f"SELECT _row FROM repeats_{table}")
        self._report_repeats(table, key, report)

    def _report_repeats(self, table: str, key: Sequence[str], report: ImportReport) -> None:
        exact = self.count(f"SELECT count(*) FROM repeats_{table} WHERE exact")
        for file, line in self.query(f"SELECT {FILE}, {LINE} FROM repeats_{table} WHERE exact ORDER BY _row LIMIT 1"):
            repeats = f"{counted(exact, 'row')} repeating an earlier row exactly, kept once"
            report.notes.append(f"{table}: {repeats} (first: {file}, line {line})")
        names = ", ".join(key)
        for batch in self.batches(f"SELECT {FILE}, {LINE}, {names} FROM repeats_{table} WHERE NOT exact ORDER BY _row"):
            for row in batch.to_pylist():
                value = " / ".join(row[name] for name in key)
                report.reject(REPEATED.format(key=names), file=row[FILE], line=row[LINE], value=value)

    def copy(self, table: str, writer: TableWriter) -> None:
        """Write the rows of `table` that aren't dropped to the workspace, in their order."""
        start = 0
        with pq.ParquetFile(self._folder / f"{table}.parquet", pre_buffer=False) as file:
            for batch in file.iter_batches(COPY_ROWS, columns=TABLES[table].arrow.names, use_threads=False):
                end = start + batch.num_rows
                dropped = f"SELECT _row FROM dropped_{table} WHERE _row >= ? AND _row < ?"
                keep = np.ones(batch.num_rows, dtype=bool)
                keep[self._database.execute(dropped, [start, end]).fetchnumpy()["_row"] - start] = False
                start = end
                if keep.any():
                    writer.write(table, batch.filter(pa.array(keep)))

    def close(self) -> None:
        """Let go of the database and the files."""
        self._database.close()
        for writer in self._writers.values():
            writer.close()


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """A stage in a new `folder`. Raises StorageError when spilling to it fails, for example on a full disk."""
    folder.mkdir(parents=True)
    stage = Stage(folder)
    try:
        yield stage
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        reason = str(error).splitlines()[0]
        raise StorageError(f"{folder.parent} can't take the import ({reason}); free some space.") from error
    finally:
        stage.close()
