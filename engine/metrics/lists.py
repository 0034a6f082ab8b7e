"""Columns of lists (one list of ids or tags per row) as flat integer codes, so that everything after is arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

Lists: TypeAlias = Any  # a sequence of sequences, a pandas Series or an Arrow array of them, None for an empty list
Sparse: TypeAlias = Any  # scipy.sparse.csr_array


@dataclass(frozen=True)
class FlatLists:
    """One column of lists, flattened: entry i says that row `rows[i]` holds `codes[i]` at place `places[i]`.

    n: the number of rows, those with an empty or missing list included; all arrays have the same length.
    """

    n: int
    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    places: NDArray[np.int64]


def arrow_lists(column: Lists, type_: pa.DataType | None = None) -> pa.Array:
    """`column` as one Arrow array of lists of `type_` (default: string). None counts as an empty list."""
    array = pa.array(column, type=pa.list_(type_ or pa.string()), from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def longest_list(column: Lists) -> int:
    """The length of the longest list of `column`, 0 when all are empty."""
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.ArrowDtype):
        return int(pc.max(pc.list_value_length(pa.array(column))).as_py() or 0)
    return max((len(each) for each in column if each is not None), default=0)


def encode(*columns: Lists) -> tuple[list[str], list[FlatLists]]:
    """Flatten `columns` of strings with one shared code per distinct string.

    Returns the distinct strings, in order of first appearance (code i stands for strings[i]), and one FlatLists per
    column, in order.
    """
    arrays = [arrow_lists(column) for column in columns]
    flat = [array.flatten() for array in arrays]
    encoded = pa.concat_arrays(flat).dictionary_encode(null_encoding="encode")
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum([len(values) for values in flat])
    pieces = np.split(codes, ends[:-1])
    return encoded.dictionary.to_pylist(), [_flat(array, piece) for array, piece in zip(arrays, pieces, strict=True)]


def indicators(*columns: Lists) -> tuple[list[str], list[Sparse]]:
    """Columns of label lists as 0/1 matrices over one shared vocabulary: (labels, one (n, n_labels) per column).

    A label that a list repeats counts once.
    """
    labels, flats = encode(*columns)
    return labels, [_indicator(flat, len(labels)) for flat in flats]


def _flat(array: pa.Array, codes: NDArray[np.int64]) -> FlatLists:
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(array)), lengths)
    starts = np.cumsum(lengths) - lengths
    return FlatLists(len(array), rows, codes, np.arange(len(codes)) - starts[rows])


def _indicator(flat: FlatLists, n_labels: int) -> Sparse:
    ones = np.ones(len(flat.codes), dtype=np.int64)
    matrix = sparse.csr_array((ones, (flat.rows, flat.codes)), shape=(flat.n, n_labels))
    matrix.data[:] = 1  # building it added up repeats
    return matrix
