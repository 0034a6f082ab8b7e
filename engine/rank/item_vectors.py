"""Vectors of items from files: a row of its own for each item, or the mean of the vectors of its title's words.

Items without one, because no file names them or their title says nothing, get the mean of their category's items, and
that of all items where the category has none either; `without` says which those are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.data.stokman import read_vector_table, read_vectors
from engine.errors import DataError

Floats = NDArray[np.float32]
USUAL = 1e-3  # share of all words from which on a word counts less than half


@dataclass(frozen=True)
class ItemVectors:
    """(n_items, width) float32 vectors of items, and (n_items,) which have none of their own; None: all have."""

    vectors: NDArray[np.float32]
    without: NDArray[np.bool_] | None = None


def mapped_vectors(
    vectors: Path, mapping: Path, item_ids: NDArray[np.object_], categories: NDArray[np.integer]
) -> ItemVectors:
    """Of the items `item_ids` (n,) in `categories` (n,): their rows of `vectors`, read as `read_vectors` does.

    Raises DataError when a file can't be used, or names none of the items.
    """
    ids, rows = read_vectors(vectors, mapping)
    place = {item: at for at, item in enumerate(ids)}
    at = np.array([place.get(str(item), -1) for item in item_ids.tolist()], dtype=np.int64)
    if (at < 0).all():
        raise DataError(f"names none of the {len(item_ids):,} items; is it of another catalogue?", file=mapping)
    return filled(rows[np.maximum(at, 0)], at < 0, categories)


def title_vectors(vectors: Path, titles: Sequence[str], categories: NDArray[np.integer]) -> ItemVectors:
    """Of items with `titles` (n,) whose words are numbers: the mean of those rows of `vectors`; usual words count less.

    Source of the weights: S. Arora, Y. Liang, T. Ma, A simple but tough-to-beat baseline for sentence embeddings, ICLR
    2017. Words that are no row say nothing. Raises DataError when the file can't be used, or no word is a row of it.
    """
    table = read_vector_table(vectors).astype(np.float32)
    words = [[int(word) for word in title.split() if word.isdecimal()] for title in titles]
    known = [[word for word in title if word < len(table)] for title in words]
    used, columns = np.unique([word for title in known for word in title], return_inverse=True)
    if not len(used):
        raise DataError(
            f"has {len(table):,} rows, and no word of {len(titles):,} titles is the number of one", file=vectors
        )
    if not np.isfinite(table[used.astype(int)]).all():
        raise DataError("holds NaN or infinity in vectors of words that titles have", file=vectors)
    weights = USUAL / (USUAL + np.bincount(columns) / len(columns))
    starts = np.concatenate([[0], np.cumsum([len(title) for title in known])])
    counted = sparse.csr_array((weights[columns], columns, starts), shape=(len(titles), len(used)))
    total = np.asarray(counted.sum(axis=1))
    summed = np.asarray(counted @ table[used.astype(int)])
    return filled((summed / np.maximum(total, 1e-12)[:, None]).astype(np.float32), total == 0, categories)


def filled(vectors: Floats, without: NDArray[np.bool_], categories: NDArray[np.integer]) -> ItemVectors:
    """`vectors` (n, width) with the means of categories (n,) in the rows where `without` (n,) holds."""
    if not without.any():
        return ItemVectors(vectors, without)
    own = ~without
    codes, place = np.unique(categories, return_inverse=True)
    member = sparse.csr_array((own.astype(np.float32), (place, np.arange(len(place)))), shape=(len(codes), len(place)))
    counts = np.bincount(place[own], minlength=len(codes))
    everywhere = vectors[own].mean(axis=0) if own.any() else np.zeros(vectors.shape[1], dtype=np.float32)
    means = np.where(counts[:, None] > 0, np.asarray(member @ vectors) / np.maximum(counts, 1)[:, None], everywhere)
    return ItemVectors(np.where(without[:, None], means[place], vectors).astype(np.float32), without)
