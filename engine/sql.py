"""A workspace's tables as SQL views, for questions that need not read whole tables into memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from engine.errors import WorkspaceError
from engine.schema import TABLES
from engine.workspace import Workspace

_FACTS = """
CREATE TABLE facts AS
SELECT items.*, coalesce(r.n, 0) AS reviews, r.rating, coalesce(t.n, 0) AS tags, coalesce(e.n, 0) AS events
FROM items
LEFT JOIN (SELECT item_id, count(*) AS n, avg(rating) AS rating FROM reviews GROUP BY item_id) r USING (item_id)
LEFT JOIN (SELECT item_id, count(DISTINCT tag) AS n FROM tags GROUP BY item_id) t USING (item_id)
LEFT JOIN (SELECT item_id, count(*) AS n FROM events GROUP BY item_id) e USING (item_id)
ORDER BY item_id
"""


class Queries:
    """SQL over one version of a workspace: a view for each canonical table (empty where it isn't stored), and `facts`.

    `facts` is `items` with each SKU's number of reviews, mean rating, number of distinct tags and number of events.
    The connection is in memory and reads the Parquet files in place; safe to share between threads.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.stored = frozenset(workspace.tables)
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "TimeZone": "UTC"})
        for name, table in TABLES.items():
            if name in self.stored:
                file = str(workspace.table_path(name)).replace("'", "''")
                with self._unreadable():
                    self._connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{file}')")
                    columns = self._connection.sql(f"SELECT * FROM {name} LIMIT 0").columns
                workspace.check_columns(name, columns)
            else:
                empty = table.arrow.empty_table()  # noqa: F841 - DuckDB finds it by its name
                self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM empty")
        with self._unreadable():
            self._connection.execute(_FACTS)

    def frame(self, sql: str, *values: Any) -> pd.DataFrame:
        """The rows of `sql` as a frame; `values` fill its question marks.

        Raises WorkspaceError when a table's file can't be read.
        """
        with self._unreadable():
            rows: pa.Table = self._connection.cursor().sql(sql, params=list(values)).to_arrow_table()
        return rows.to_pandas(types_mapper=_type)

    def number(self, sql: str, *values: Any) -> float:
        """The one number that `sql` gives; 0 for NULL."""
        with self._unreadable():
            row = self._connection.cursor().execute(sql, list(values)).fetchone()
        return row[0] or 0 if row else 0

    @contextmanager
    def _unreadable(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
            raise  # our SQL is wrong, not the file
        except duckdb.Error as error:
            place, reason = self.workspace.path / "tables", str(error).splitlines()[0]
            way_out = f"import it again: {self.workspace.import_command}"
            raise WorkspaceError(f"A table under {place} can't be read ({reason}); {way_out}") from None


def _type(type_: pa.DataType) -> Any:
    """Text as pandas' own string type, so that frames look the same whoever made them; times as Arrow's.

    pandas 3.1 warns whenever pyarrow reads its own times with a zone.
    """
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return pd.StringDtype()
    return pd.ArrowDtype(type_) if pa.types.is_timestamp(type_) else None
