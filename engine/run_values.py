"""A run's rows as one flat table: what each row gives to each metric, and the slices it belongs to.

Figures, slices, histograms and pages of rows are read from it with SQL, so they take as long for a million rows as a
column sum does, and memory doesn't grow with the run. It is derived: `engine/run_table.py` makes it from the rows when
it is first asked for, and anew when it is missing or of another version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.errors import UnknownNameError
from engine.metrics.measures import find_kind, measures
from engine.metrics.significance import Measure, PairedDifference, mean_measure, paired_bootstrap, paired_normal
from engine.run_table import META, run_table
from engine.runs import ROWS, Run, RunStore
from engine.slicing import SLICES

DRAWS = 200_000_000  # of rows, in all resamples of one figure
MANY = 100_000  # rows from which the interval of a mean is its normal approximation
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A metric over n rows with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


class RunValues:
    """The flat table of one run.

    metrics: the metrics that any set of rows can be measured by from it; slices: the columns that part the rows.
    """

    def __init__(self, run: Run, place: Path) -> None:
        self.run, self._place = run, place
        self.kind = find_kind(run.kind)
        meta = json.loads(pq.read_schema(place).metadata[META])
        self._parts: Mapping[str, int] = meta["parts"]
        self.metrics: tuple[str, ...] = tuple(self._parts)
        self.slices: tuple[str, ...] = tuple(meta["slices"])
        self.ids_hash: str = meta["ids"]  # of the rows' ids in order
        self._whole: Mapping[str, Sequence[float]] = meta["whole"]
        self.curves: Mapping[str, Sequence[float]] = meta["curves"]
        self._connection = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "TimeZone": "UTC", "preserve_insertion_order": "true"}
        )
        file = str(place).replace("'", "''")
        self._connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{file}')")

    def count(self, where: Where | None = None) -> int:
        """How many rows there are, of all or of those that pass."""
        clause, values = _clause(where, self._columns)
        row = self._connection.cursor().execute(f"SELECT count(*) FROM rows{clause}", values).fetchone()
        return int(row[0]) if row else 0

    def page(
        self,
        where: Where | None = None,
        *,
        sort: str | None = None,
        descending: bool = False,
        first: int = 0,
        size: int | None = 50,
    ) -> pd.DataFrame:
        """`size` rows from place `first` on: the id, what it is called, slices, hit_rank and the value of each metric.

        sort: a column; rows with no value come last, equal ones by id. size None: all. Raises UnknownNameError.
        """
        clause, values = _clause(where, self._columns)
        shown = [name for name in self._columns if "#" not in name]
        order = f"{_quoted(_known(sort, shown))} {'DESC' if descending else 'ASC'} NULLS LAST, " if sort else ""
        limit = (f" LIMIT {int(size)}" if size is not None else "") + f" OFFSET {int(first)}"
        sql = (
            f"SELECT {', '.join(map(_quoted, shown))} FROM rows{clause} ORDER BY {order}{_quoted(self.kind.id)}{limit}"
        )
        found: pd.DataFrame = self._connection.cursor().sql(sql, params=values).df()
        return found

    def whole(self, where: Where | None = None, *, sort: str | None = None, descending: bool = False) -> pd.DataFrame:
        """The rows that pass as they were stored, lists and all, beside what each gives to each metric: for exports.

        From them every figure can be computed anew, also those that no single row has. Errors as in `page`.
        """
        shown = [name for name in self._columns if "#" not in name]
        rows = str(self._place.with_name(ROWS)).replace("'", "''")
        stored = [name for name in pq.read_schema(self._place.with_name(ROWS)).names if name not in self._columns]
        clause, values = _clause(where, self._columns)
        order = f"{_quoted(_known(sort, shown))} {'DESC' if descending else 'ASC'} NULLS LAST, " if sort else ""
        name = _quoted(self.kind.id)
        chosen = [f"f.{_quoted(column)}" for column in shown] + [f"s.{_quoted(column)}" for column in stored]
        sql = (
            f"SELECT {', '.join(chosen)} FROM (SELECT * FROM rows{clause}) f "
            f"JOIN read_parquet('{rows}') s USING ({name}) ORDER BY {order}{name}"
        )
        found: pd.DataFrame = self._connection.cursor().sql(sql, params=values).df()
        return found

    def listed(self, k: int) -> pd.DataFrame:
        """Each item that is among the first k of a list (item_id), and of how many (lists), the most often first."""
        rows = str(self._place.with_name(ROWS)).replace("'", "''")
        sql = (
            f"SELECT item_id, count(*) AS lists FROM (SELECT unnest(list_distinct(hits[1:{int(k)}])) AS item_id "
            f"FROM read_parquet('{rows}')) GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        found: pd.DataFrame = self._connection.cursor().sql(sql).df()
        return found

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """Every metric over all rows, in the order of the kind; those that rows alone don't give are among them."""
        n = self.count()
        whole = {name: Figure(value, low, high, n) for name, (value, low, high) in self._whole.items()}
        known = [name for name in self.kind.metrics if name in self._parts or name in whole]
        return {name: whole[name] if name in whole else self.figure(name) for name in known}

    def figure(self, metric: str, where: Where | None = None, *, seed: int = 0) -> Figure:
        """A metric over the rows that pass, computed from what they add, with a bootstrap interval."""
        measure = self.measure(metric, where)
        n = len(measure.values)
        if not n:
            return Figure(float("nan"), float("nan"), float("nan"), 0)
        found = compared(mean_measure(np.zeros(n)), measure, seed=seed)
        return Figure(measure.total, found.low, found.high, n)

    def measure(self, metric: str, where: Where | None = None) -> Measure:
        """What the rows that pass add to `metric`, in the order of ids. Raises UnknownNameError."""
        _known(metric, self.metrics, kind=f"metric of this {self.run.kind} run")
        n_parts = self._parts[metric]
        names = [metric] if n_parts == 1 else [metric, *(f"{metric}#{part}" for part in range(n_parts))]
        clause, values = _clause(where, self._columns)
        sql = f"SELECT {', '.join(map(_quoted, names))} FROM rows{clause}"  # the file is in the order of ids
        columns = self._connection.cursor().sql(sql, params=values).fetchnumpy()
        filled = [np.ma.filled(np.ma.asarray(columns[name], dtype=np.float64), np.nan) for name in names]
        parts = np.column_stack(filled[1:] if n_parts > 1 else filled)
        return Measure(parts, self._combine[metric], filled[0])

    def passing(self, where: Where) -> NDArray[np.bool_]:
        """(n_rows,) which rows pass, in the order of ids."""
        clause, values = _clause(where, self._columns)
        said = clause.removeprefix(" WHERE ") or "true"
        sql = f"SELECT coalesce({said}, false) AS kept FROM rows"
        kept = self._connection.cursor().sql(sql, params=values).fetchnumpy()["kept"]
        return np.asarray(kept, dtype=bool)

    def groups(self, column: str, metric: str) -> list[tuple[str, Figure]]:
        """A metric for each value of a slice, in the slice's own order, at most 40 of them, the largest."""
        _known(column, self.slices, kind="slice")
        sql = f"SELECT {_quoted(column)}, count(*) AS n FROM rows GROUP BY 1 ORDER BY n DESC, 1 LIMIT 40"
        found = [str(row[0]) for row in self._connection.cursor().execute(sql).fetchall() if row[0] is not None]
        ordered = SLICES[column].order if column in SLICES else ()
        found.sort(key=lambda name: ordered.index(name) if name in ordered else len(ordered))
        return [(name, self.figure(metric, {column: name})) for name in found]

    def histogram(self, metric: str, where: Where | None = None, bins: int = 10) -> list[tuple[float, float, int]]:
        """How many rows have a value of `metric` from low to below high (the last bin: to high): (low, high, n)."""
        _known(metric, self.metrics, kind="metric")
        clause, values = _clause(where, self._columns)
        name = _quoted(metric)
        row = self._connection.cursor().execute(f"SELECT min({name}), max({name}) FROM rows{clause}", values).fetchone()
        if row is None or row[0] is None:
            return []
        low, high = (0.0, 1.0) if row[0] >= 0 and row[1] <= 1 else (float(row[0]), float(row[1]))
        width = (high - low) / bins or 1.0
        sql = (
            f"SELECT least(greatest(floor(({name} - ?) / ?), 0), {bins - 1})::INT AS bin, count(*) FROM rows{clause} "
            f"{'AND' if clause else 'WHERE'} {name} IS NOT NULL GROUP BY 1"
        )
        counts = dict(self._connection.cursor().execute(sql, [low, width, *values]).fetchall())
        return [(low + at * width, low + (at + 1) * width, int(counts.get(at, 0))) for at in range(bins)]

    @cached_property
    def ids(self) -> NDArray[np.object_]:
        """(n_rows,) the rows' ids in the order of `measure`."""
        name = _quoted(self.kind.id)
        found: NDArray[np.object_] = self._connection.cursor().sql(f"SELECT {name} FROM rows").df().iloc[:, 0]
        return np.asarray(found, dtype=object)

    @cached_property
    def _combine(self) -> dict[str, Any]:
        """How the sums of each metric's parts become the metric: of the kind, not of the rows."""
        empty = pd.DataFrame({name: pd.Series([], dtype=object) for name in (self.kind.id, *self.kind.columns)})
        return {name: found.combine for name, found in measures(self.run.kind, empty, self.metrics).items()}

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        return tuple(pq.read_schema(self._place).names)


def compared(a: Measure, b: Measure, *, seed: int, unit: str = "rows") -> PairedDifference:
    """How far `b` is above `a` on the same rows: by the bootstrap, or for means over many rows by the normal
    approximation, which tells the same there and doesn't take a minute."""
    n = len(a.values)
    if n > MANY and a.parts.shape[1] == b.parts.shape[1] == 1:
        return paired_normal(a, b, unit=unit)
    return paired_bootstrap(a, b, seed=seed, n_resamples=int(np.clip(DRAWS // max(n, 1), 200, 2000)), unit=unit)


Where = Mapping[str, Any]  # column -> a value it has, or (low, high): from low to below high, None for an open end


def open_values(store: RunStore, run_id: str) -> RunValues:
    """The flat table of a run, made when it isn't there. Raises what `RunStore.rows` raises."""
    run = store.get(run_id)
    return RunValues(run, run_table(store, run))


def _clause(where: Where | None, columns: Sequence[str]) -> tuple[str, list[Any]]:
    """SQL of a filter, and the values for its question marks."""
    said: list[str] = []
    values: list[Any] = []
    for name, wanted in (where or {}).items():
        column = _quoted(_known(name, columns))
        if isinstance(wanted, tuple):
            for end, sign in zip(wanted, (">=", "<"), strict=True):
                if end is not None:
                    said.append(f"{column} {sign} ?")
                    values.append(end)
        elif wanted is None:
            said.append(f"{column} IS NULL")
        else:
            said.append(f"{column} = ?")
            values.append(wanted)
    return (f" WHERE {' AND '.join(said)}" if said else ""), values


def _known(name: str, names: Sequence[str], *, kind: str = "column") -> str:
    if name not in names:
        raise UnknownNameError(kind, name, names)
    return name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
