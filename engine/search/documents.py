"""What is searched: one document per product, in the artifact that every retriever's rows refer to.

Its text has one form, whatever made its parts; parts that are empty are left out:

    [Title] … [Review Keywords] k1, k2 [Description Summary] … [Features] f1, f2
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.artifacts import ArtifactStore, Card
from engine.errors import ArtifactError
from engine.search.staging import move, staged
from engine.workspace import Workspace

KIND, NAME, FILE = "documents", "items", "documents.parquet"
TITLE, KEYWORDS, SUMMARY, FEATURES = "[Title]", "[Review Keywords]", "[Description Summary]", "[Features]"
COMMAND = ".venv/bin/python scripts/build_documents.py --workspace {name}"
BATCH = 2000  # documents written at once

_LIST = pa.list_(pa.string())
SCHEMA = pa.schema(
    {
        "item_id": pa.string(),
        "title": pa.string(),
        "keywords": _LIST,
        "summary": pa.string(),
        "features": _LIST,
        "category": pa.string(),
        "brand": pa.string(),
        "price": pa.float64(),
        "available": pa.bool_(),
        "rating": pa.float64(),
        "n_reviews": pa.int64(),
        "tags": _LIST,
        "text": pa.string(),
    }
)


@dataclass(frozen=True)
class Document:
    """One product as it is searched.

    title:     the name that people see; the id where the source names none, which is no part of the text then
    keywords:  what train reviews say about who uses it, when and why, best first
    summary:   the description in a sentence or two
    features:  the seller's short facts
    brand, price, available: None where the source doesn't say
    rating:    mean stars of train reviews, None without any; n_reviews: how many of them there are
    tags:      the item's tags, for filters and features; never part of the text
    """

    item_id: str
    title: str
    keywords: tuple[str, ...] = ()
    summary: str = ""
    features: tuple[str, ...] = ()
    category: str = ""
    brand: str | None = None
    price: float | None = None
    available: bool | None = None
    rating: float | None = None
    n_reviews: int = 0
    tags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is embedded and matched."""
        parts = (
            (TITLE, self.title if self.title != self.item_id else ""),
            (KEYWORDS, ", ".join(self.keywords)),
            (SUMMARY, self.summary),
            (FEATURES, ", ".join(self.features)),
        )
        return " ".join(f"{name} {said}" for name, said in parts if said)


@dataclass(frozen=True, eq=False)
class Documents:
    """Every document of one version, in a fixed order: that of their item_id.

    frame: a column for each field of `Document` and `text`; lists are object arrays, brand None where there is none.
    """

    version: str
    frame: pd.DataFrame

    @cached_property
    def item_ids(self) -> NDArray[np.object_]:
        """(n,) the ids, in order."""
        return np.array(self.frame["item_id"].tolist(), dtype=object)

    @cached_property
    def texts(self) -> list[str]:
        """The text of each document, in order."""
        return list(map(str, self.frame["text"].tolist()))

    @cached_property
    def textless(self) -> pd.DataFrame:
        """The items without any text, which no query can find: item_id, category, n_reviews (of train)."""
        empty = self.frame["text"].astype("str").str.strip() == ""
        return self.frame.loc[empty, ["item_id", "category", "n_reviews"]].reset_index(drop=True)

    def document(self, row: int) -> Document:
        """The document at `row`."""
        record = self.frame.iloc[row].to_dict()
        return Document(**{field.name: _plain(record[field.name]) for field in fields(Document)})


def read_documents(workspace: Workspace, version: str | None = None) -> Documents:
    """The documents of `version` (default: the one that serves).

    Raises NotBuiltError with the command when there are none, ArtifactError when the files are damaged.
    """
    store, command = ArtifactStore(workspace), COMMAND.format(name=workspace.name)
    version = version or store.current(KIND, NAME, command=command)
    file = store.open(KIND, NAME, version) / FILE
    try:
        frame = pq.read_table(file, schema=SCHEMA, partitioning=None).to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise ArtifactError(f"{file} can't be read ({error}); build it again: {command}") from None
    return Documents(version, frame)


def save_documents(workspace: Workspace, card: Card, documents: Iterable[Document]) -> Card:
    """Write `documents`, which come in the order of their ids, as a new version that serves; memory stays flat.

    Raises StorageError when another process builds documents here.
    """
    with staged(workspace, KIND) as file:
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            for rows in _rows(documents):
                writer.write_table(rows)
        return ArtifactStore(workspace).save(card, lambda folder: move(file, folder / FILE))


def _rows(documents: Iterable[Document]) -> Iterator[pa.Table]:
    waiting = iter(documents)
    while some := list(islice(waiting, BATCH)):
        yield pa.Table.from_pylist([{**asdict(document), "text": document.text} for document in some], schema=SCHEMA)


def _plain(value: Any) -> Any:
    """A frame's value as `Document` has it: tuples, and None for what is missing."""
    if isinstance(value, np.ndarray | list):
        return tuple(value)
    return None if value is None or value is pd.NA or value != value else value
