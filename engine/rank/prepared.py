"""Prepared lists on the disk: features as Parquet, what belongs to whole lists as .npz, and what the columns mean.

columns.json      the features, in order
stock.npz         the items that candidates and histories point into
<part>.parquet    one row for each candidate: item, wanted, and the features
<part>.npz        list ids, users, moments, sizes, histories
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.errors import ArtifactError, UnknownNameError
from engine.rank.lists import Feature, Histories, Lists, Stock

COLUMNS, STOCK = "columns.json", "stock.npz"
PARTS = ("train", "valid", "test")
_OF_LISTS = ("list_ids", "users", "micros", "sizes")
_OF_ROWS = ("items", "features")
_EVENTS = ("sizes", "items", "kinds", "micros")


class Prepared:
    """Lists to learn from, to choose by and to measure on; each part is made or read when it is first asked for."""

    def __init__(self, parts: Mapping[str, Callable[[], Lists]]) -> None:
        self._make, self._made = parts, dict[str, Lists]()

    @property
    def train(self) -> Lists:
        """Of the windows before valid."""
        return self.part("train")

    @property
    def valid(self) -> Lists:
        """Of the split's valid part: for choosing."""
        return self.part("valid")

    @property
    def test(self) -> Lists:
        """Of the split's test part: read once."""
        return self.part("test")

    def part(self, name: str) -> Lists:
        """The lists of "train", "valid" or "test". Raises UnknownNameError for another name."""
        if name not in self._make:
            raise UnknownNameError("part", name, self._make)
        if name not in self._made:
            self._made[name] = self._make[name]()
        return self._made[name]


def save_prepared(folder: Path, prepared: Prepared) -> None:
    """Write every part into an existing folder."""
    save_stock(folder, prepared.valid.stock)
    save_columns(folder, prepared.valid.columns)
    for name in PARTS:
        save_lists(folder, name, prepared.part(name))


def load_prepared(folder: Path) -> Prepared:
    """What `save_prepared` wrote; a part is read when it is asked for.

    Raises ArtifactError naming the file that is missing or can't be read, now or then.
    """
    stock, columns = load_stock(folder), load_columns(folder)

    def reader(name: str) -> Callable[[], Lists]:
        return lambda: load_lists(folder, name, stock, columns)

    return Prepared({name: reader(name) for name in PARTS})


def joined(parts: Sequence[Lists]) -> Lists:
    """The lists of several parts, one part behind the other. All of them have the same columns, stock and fields."""
    whole: dict[str, Any] = {}
    for name in (*_OF_LISTS, *_OF_ROWS, "wanted", "n_wanted"):
        known = [getattr(part, name) for part in parts]
        whole[name] = None if known[0] is None else np.concatenate(known)
    histories = [part.histories for part in parts if part.histories is not None]
    if histories:
        events: dict[str, Any] = {name: np.concatenate([getattr(own, name) for own in histories]) for name in _EVENTS}
        whole["histories"] = Histories(**events, kind_names=histories[0].kind_names)
    return replace(parts[0], **whole)


def save_columns(folder: Path, columns: tuple[Feature, ...]) -> None:
    """Write what the features mean."""
    text = json.dumps([asdict(column) for column in columns], ensure_ascii=False, indent=2)
    (folder / COLUMNS).write_text(text + "\n", encoding="utf-8")


def load_columns(folder: Path) -> tuple[Feature, ...]:
    """What `save_columns` wrote. Raises ArtifactError when it can't be read."""
    try:
        said = json.loads((folder / COLUMNS).read_text(encoding="utf-8"))
        return tuple(Feature(**column) for column in said)
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(folder / COLUMNS, error) from None


def save_stock(folder: Path, stock: Stock) -> None:
    """Write the items."""
    _save(folder / STOCK, asdict(stock))


def load_stock(folder: Path) -> Stock:
    """What `save_stock` wrote. Raises ArtifactError when it can't be read."""
    try:
        return Stock(**_load(folder / STOCK))
    except TypeError as error:
        raise _damaged(folder / STOCK, error) from None


def save_lists(folder: Path, name: str, lists: Lists) -> None:
    """Write `lists` as the part `name`."""
    columns: dict[str, Any] = {"item": lists.items}
    if lists.wanted is not None:
        columns["wanted"] = lists.wanted
    columns |= {f"feature {column.name}": lists.features[:, at] for at, column in enumerate(lists.columns)}
    pq.write_table(pa.table(columns), folder / f"{name}.parquet", compression="zstd")
    whole = {part: getattr(lists, part) for part in (*_OF_LISTS, "n_wanted")}
    own = lists.histories
    if own is not None:
        whole |= {f"history_{part}": getattr(own, part) for part in _EVENTS}
        whole["history_names"] = np.array(own.kind_names, dtype=object)
    _save(folder / f"{name}.npz", whole)


def load_lists(folder: Path, name: str, stock: Stock, columns: tuple[Feature, ...]) -> Lists:
    """The part `name` that `save_lists` wrote. Raises ArtifactError when it can't be read or doesn't fit."""
    whole, file = _load(folder / f"{name}.npz"), folder / f"{name}.parquet"
    try:
        rows = pq.ParquetFile(file).read()
        features = np.empty((rows.num_rows, len(columns)), dtype=np.float32)
        for at, column in enumerate(columns):
            features[:, at] = rows[f"feature {column.name}"].to_numpy()
        return Lists(
            **{part: whole[part] for part in _OF_LISTS},
            items=rows["item"].to_numpy().copy(),
            features=features,
            columns=columns,
            stock=stock,
            wanted=rows["wanted"].to_numpy().copy() if "wanted" in rows.column_names else None,
            histories=_histories(whole),
            n_wanted=whole.get("n_wanted"),
        )
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise _damaged(file, error) from None


def _histories(whole: Mapping[str, NDArray[Any]]) -> Histories | None:
    if "history_sizes" not in whole:
        return None
    names = tuple(str(name) for name in whole["history_names"])
    return Histories(**{part: whole[f"history_{part}"] for part in _EVENTS}, kind_names=names)


def _save(file: Path, arrays: Mapping[str, NDArray[Any] | None]) -> None:
    plain = {
        name: np.array(array.tolist(), dtype=np.str_) if array.dtype == object else array
        for name, array in arrays.items()
        if array is not None
    }
    np.savez(file, allow_pickle=False, **plain)


def _load(file: Path) -> dict[str, NDArray[Any]]:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(file, error) from None
    return {name: array.astype(object) if array.dtype.kind == "U" else array for name, array in found.items()}


def _damaged(file: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{file} can't be read ({error}); prepare the lists again.")
