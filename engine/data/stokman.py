"""Stokmann, the department store of a 2024 hackathon: catalogue, user actions, and vectors of products.

Titles are anonymous: each word is a number. Times have no zone in the files and are taken as UTC.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.base import ImportReport, Row
from engine.data.layout import find_files
from engine.data.parquetfile import parquet_rows
from engine.errors import DataError

FILES = {
    "catalogue": ("stokman_catalog*.pq", "stokman_catalog*.parquet"),
    "actions": ("train_actions*.pq", "train_actions*.parquet"),
    "vectors": ("vectors*.npz",),
    "mapping": ("catalog_vector_mapping*.pq", "catalog_vector_mapping*.parquet"),
}
ACTIONS = (  # the event of each action code; those that the other data sets know have their names
    "view",
    "like",
    "addtocart",
    "removefromcart",
    "clearcart",
    "transaction",
    "viewcart",
    "visit",
    "visitcategory",
    "search",
)
NO_ID = "/*"  # what the export wrote where an id was missing


class StokmanReader:
    """Reads stokman_catalog_preprocessed.pq and train_actions.pq; see `read_vectors` for the other two files."""

    def rows(self, paths: Sequence[Path], report: ImportReport) -> Iterator[Row]:
        """Rows of items in the order of the catalogue, then of events: one for each product that an action names."""
        files = find_files(paths, FILES)
        for path in files["catalogue"]:
            yield from _items(path, report)
        for path in files["actions"]:
            yield from _events(path, report)
        if files["vectors"] or files["mapping"]:
            report.notes.append("vectors and their mapping belong to no table and were left out")


def read_vectors(vectors: Path, mapping: Path) -> tuple[list[str], NDArray[np.float32]]:
    """The products' vectors: (n item ids, (n, d) float32), in the order of `mapping`.

    `vectors` is vectors.npz with one two-dimensional array, `mapping` is catalog_vector_mapping.pq with product_id and
    vector_id (the row of the array). Raises DataError when a file is missing or damaged, when the array isn't numbers
    of one width, a vector holds NaN or infinity, a product occurs twice, or a vector_id is no row of the array.
    """
    table = read_vector_table(vectors)
    rows: dict[str, int] = {}
    for line, record in parquet_rows(mapping, ImportReport(), required=("product_id", "vector_id"), optional=()):
        item, row = record["product_id"], record["vector_id"]
        if item is None or str(item) in rows:
            reason = "is missing" if item is None else "occurs a second time"
            raise DataError(reason, file=mapping, line=line, column="product_id", value=item)
        if row is None or not 0 <= row < len(table):
            reason = f"is no row of {vectors.name}, which has {len(table)}"
            raise DataError(reason, file=mapping, line=line, column="vector_id", value=row)
        rows[str(item)] = int(row)
    chosen = table[list(rows.values())].astype(np.float32)
    broken = ~np.isfinite(chosen).all(axis=1)
    if broken.any():
        item = list(rows)[int(broken.argmax())]
        reason = f"holds NaN or infinity in {int(broken.sum())} of its vectors, the first that of product {item}"
        raise DataError(reason, file=vectors)
    return list(rows), chosen


def read_vector_table(path: Path) -> NDArray[Any]:
    """The one two-dimensional array of numbers in `path`, an .npz: a vector in each row.

    Raises DataError when the file is missing or damaged, or holds something else.
    """
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise DataError("does not exist", file=path) from None
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"isn't a whole .npz of plain numbers ({error})", file=path) from None
    if len(arrays) != 1:
        raise DataError(f"must hold one array, it holds {len(arrays)}: {', '.join(arrays)}", file=path)
    array: NDArray[Any] = next(iter(arrays.values()))
    if array.ndim != 2 or not array.shape[1] or array.dtype.kind not in "fiu":
        said = f"an array of {array.dtype} of shape {array.shape}"
        raise DataError(f"must hold one row of numbers for each vector; it holds {said}", file=path)
    return array


def _items(path: Path, report: ImportReport) -> Iterator[Row]:
    required = ("product_id", "title", "category_id")
    for line, record in parquet_rows(path, report, required=required, optional=("price",)):
        if record["product_id"] == NO_ID:
            report.reject("isn't a product", file=str(path), line=line, column="product_id", value=NO_ID)
            continue
        values = {
            "item_id": record["product_id"],
            "title": record["title"],
            "category": record["category_id"],
            "price": record.get("price"),
        }
        yield Row("items", values, str(path), line)


def _events(path: Path, report: ImportReport) -> Iterator[Row]:
    for line, record in parquet_rows(path, report, required=("user_id", "date", "action", "products"), optional=()):
        problem = _problem(record)
        if problem:
            reason, column = problem
            report.reject(reason, file=str(path), line=line, column=column, value=record[column])
            continue
        event, moment = ACTIONS[int(record["action"])], _moment(record["date"])
        for item in record["products"]:
            values = {"user_id": record["user_id"], "item_id": item, "event": event, "timestamp": moment}
            yield Row("events", values, str(path), line)


def _problem(record: dict[str, Any]) -> tuple[str, str] | None:
    """(reason, column) why an action is no event, None when it is one."""
    if record["user_id"] == NO_ID:
        return "isn't a user", "user_id"
    if record["action"] not in range(len(ACTIONS)):
        return f"isn't an action code from 0 to {len(ACTIONS) - 1}", "action"
    if not isinstance(record["products"], list) or not record["products"]:
        return "names no product", "products"
    return None


def _moment(value: Any) -> datetime | Any:
    """`value` with the zone UTC when it is a time without one; text stays as it is."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
