"""Lists whose features are given: a Parquet file with one row for each candidate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.data.csvfile import require_columns
from engine.data.parquetfile import parquet_errors
from engine.errors import DataError
from engine.rank.lists import CODE, NUMBER, Feature, Lists, Stock

_CATEGORY = "all"  # of every item: such a file says nothing of categories
_PANDAS_INDEX = "__index_level_"  # begins the names of columns that hold a frame's row labels
_LARGEST_CODE = 2**24  # whole numbers up to it are exact in float32


def read_given(
    path: Path,
    *,
    list_column: str,
    item_column: str,
    time_column: str,
    wanted_column: str = "y",
    user_column: str | None = None,
    code_columns: Sequence[str] = (),
    ignored_columns: Sequence[str] = (),
    answered: bool = True,
) -> Lists:
    """The lists of `path` in order of time; a list is what stands under one value of `list_column` at one time.

    time_column: a timestamp, in UTC where it names no zone; wanted_column: 0 or 1; answered: whether that is read and
    has to be there; user_column: None takes the list's value for the user; code_columns: features that are a category's
    code, whole numbers from 0; ignored_columns: no features, such as those that hold what came after the list. Every
    other column is a feature, and a missing value in it is unknown. Rows that say the same of one item in one list are
    one candidate, wanted when one of them is. Lists without anything wanted are kept. Raises DataError naming the file,
    the column, and the row from 1 of what can't be used.
    """
    table = _read(path)
    named = [list_column, item_column, time_column, *([wanted_column] if answered else [])]
    named += [*([user_column] if user_column else []), *ignored_columns]
    require_columns(path, table.column_names, [*named, *code_columns])
    others = {*named, wanted_column}
    names = [name for name in table.column_names if name not in others and not name.startswith(_PANDAS_INDEX)]
    if not names or not len(table):
        raise DataError("has no rows" if names else "has no column left that could be a feature", file=path)
    lists, ids = _texts(table, list_column, path)
    items, item_ids = _texts(table, item_column, path)
    micros = _micros(table, time_column, path)
    order = np.lexsort((items, lists, micros))
    starts = _differ(lists[order]) | _differ(micros[order])
    distinct = starts | _differ(items[order])
    features = np.column_stack([_amounts(table, name, path, code=name in code_columns) for name in names])
    _refuse_at_odds(features, order, distinct, table[item_column], path)
    rows, begins = order[distinct], np.flatnonzero(starts[distinct])
    first = rows[begins]
    users = ids[lists[first]] if user_column is None else _users(table, user_column, path, order, starts)
    wanted = _truths(table, wanted_column, path)[order] if answered else None
    return Lists(
        list_ids=_list_ids(ids, lists[first], micros[first]),
        users=users,
        micros=micros[first],
        sizes=np.diff(np.append(begins, len(rows))),
        items=items[rows],
        features=features[rows],
        columns=tuple(_feature(name, name in code_columns) for name in names),
        stock=Stock(item_ids, np.zeros(len(item_ids), dtype=np.int32), np.array([_CATEGORY], dtype=object)),
        wanted=None if wanted is None else np.logical_or.reduceat(wanted, np.flatnonzero(distinct)),
    )


def _read(path: Path) -> pa.Table:
    with parquet_errors(path), pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise DataError("has two columns of one name; rename one", file=path)
        return file.read().combine_chunks()


def _feature(name: str, code: bool) -> Feature:
    return Feature(name, f"{'the code' if code else 'the amount'} given as {name}", CODE if code else NUMBER)


def _texts(table: pa.Table, name: str, path: Path) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """(n_rows,) the place of each value among the distinct ones as text, and these (n_distinct,), sorted."""
    _refuse_missing(table, name, path)
    encoded = pc.dictionary_encode(table[name]).combine_chunks()
    texts = np.array([str(value) for value in encoded.dictionary.to_pylist()], dtype=object)
    distinct, place = np.unique(texts.astype(str), return_inverse=True)
    rows: NDArray[np.int64] = place[encoded.indices.to_numpy(zero_copy_only=False)].astype(np.int64)
    return rows, distinct.astype(object)


def _micros(table: pa.Table, name: str, path: Path) -> NDArray[np.int64]:
    """(n_rows,) the time of each row in UTC microseconds."""
    column = table[name]
    if not pa.types.is_timestamp(column.type):
        raise DataError(f"holds {column.type}; write the time as a timestamp", file=path, column=name)
    _refuse_missing(table, name, path)
    micros = pc.cast(column, pa.timestamp("us", tz=column.type.tz), safe=False).cast(pa.int64())
    found: NDArray[np.int64] = micros.to_numpy().astype(np.int64)
    return found


def _list_ids(ids: NDArray[np.object_], lists: NDArray[np.int64], micros: NDArray[np.int64]) -> NDArray[np.object_]:
    """The lists' own names, with their time where one name stands for several."""
    if len(np.unique(lists)) == len(lists):
        return ids[lists]
    times = np.datetime_as_string(micros.astype("datetime64[us]"), unit="s")
    return np.array([f"{ids[one]} {time}" for one, time in zip(lists, times, strict=True)], dtype=object)


def _users(
    table: pa.Table, name: str, path: Path, order: NDArray[np.int64], starts: NDArray[np.bool_]
) -> NDArray[np.object_]:
    users, ids = _texts(table, name, path)
    users = users[order]
    inside = _differ(users) & ~starts
    if inside.any():
        row = int(order[np.argmax(inside)]) + 1
        raise DataError("is not the user of the rest of its list", file=path, line=row, column=name)
    return ids[users[starts]]


def _truths(table: pa.Table, name: str, path: Path) -> NDArray[np.bool_]:
    _refuse_missing(table, name, path)
    values = _amounts(table, name, path, code=False)
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError("is neither 0 nor 1", file=path, line=row + 1, column=name, value=table[name][row].as_py())
    truths: NDArray[np.bool_] = values == 1
    return truths


def _amounts(table: pa.Table, name: str, path: Path, *, code: bool) -> NDArray[np.float32]:
    """(n_rows,) the values of a feature, NaN where missing. Raises DataError for what is no number, or no code."""
    kind = table[name].type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise DataError(
            f"holds {kind}; a feature is a number: drop the column, or write codes from 0 and name it in code_columns",
            file=path,
            column=name,
        )
    values = pc.cast(table[name], pa.float64(), safe=False).to_numpy()
    wrong, reason = np.isinf(values), "is infinite; leave the value out where it is unknown"
    if code and not wrong.any():
        wrong = (values < 0) | (values > _LARGEST_CODE) | ((values != np.floor(values)) & ~np.isnan(values))
        reason = f"is no code; codes are whole numbers from 0 to {_LARGEST_CODE:,}"
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(reason, file=path, line=row + 1, column=name, value=values[row])
    amounts: NDArray[np.float32] = values.astype(np.float32)
    return amounts


def _refuse_missing(table: pa.Table, name: str, path: Path) -> None:
    if table[name].null_count:
        row = int(np.argmax(pc.is_null(table[name]).to_numpy())) + 1
        raise DataError(
            f"is missing in {table[name].null_count:,} of {len(table):,} rows", file=path, line=row, column=name
        )


def _refuse_at_odds(
    features: NDArray[np.float32], order: NDArray[np.int64], distinct: NDArray[np.bool_], items: Any, path: Path
) -> None:
    """Raise DataError when rows of one item in one list have different features."""
    again = np.flatnonzero(~distinct)
    row, before = features[order[again]], features[order[again - 1]]
    odd = ((row != before) & ~(np.isnan(row) & np.isnan(before))).any(axis=1)
    if odd.any():
        place = int(order[again[np.argmax(odd)]])
        raise DataError(
            "stands twice in its list with different features; keep one row for each candidate",
            file=path,
            line=place + 1,
            value=items[place].as_py(),
        )


def _differ(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) where a value isn't that of the row before; True for the first."""
    return np.concatenate([[True], values[1:] != values[:-1]])
