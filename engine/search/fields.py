"""The catalogue as terms: for each field of each document the numbers of its terms, in order, and who has which.

One pass over the documents feeds BM25, the correction of typing errors and the features of the second stage.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.search.terms import plain, terms_of, words

FIELDS = ("title", "keywords", "summary", "features", "shelf")
SHELF = ("category", "brand", "tags")  # what the store itself says, taken together as one field
ARRAYS, WORDS = "fields.npz", "fields.json"
REVIEWERS = 3  # documents in whose reviews a word must be before it counts as spelled right
# What an item is stands before these; what follows says what it is for, made of or comes with.
_AFTER_HEAD = re.compile(r",|\s[-–]\s|\s(?:with|for|in|from|featuring|и|с|со|для|из|на|в)\s")


@dataclass(frozen=True)
class Column:
    """One field of all documents: document i has `numbers[starts[i]:starts[i + 1]]`."""

    numbers: NDArray[np.int32]
    starts: NDArray[np.int64]

    def lengths(self) -> NDArray[np.int64]:
        """(n_items,) how many terms each document has."""
        return np.diff(self.starts)

    def of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """The terms of `rows` one after another; for each the place in `rows` it belongs to and its place there."""
        starts, lengths = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        owner = np.repeat(np.arange(len(rows)), lengths)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self.numbers[np.repeat(starts, lengths) + place], owner, place


@dataclass(frozen=True)
class Fields:
    """All documents as numbers of terms.

    vocabulary: term -> number; columns: by field; heads: (n_items,) how many terms of the title come before its first
    "with", "for" or comma; counts: in how many documents each written word is, for the correction of typing errors;
    version: of the documents; reviews: what train reviews say, which only BM25 takes in: it isn't stored with the rest.
    """

    vocabulary: Mapping[str, int]
    columns: Mapping[str, Column]
    heads: NDArray[np.int32]
    counts: Mapping[str, int]
    version: str
    reviews: Column | None = None

    @property
    def n_items(self) -> int:
        """How many documents there are."""
        return len(self.heads)

    @cached_property
    def idf(self) -> NDArray[np.float32]:
        """(n_terms,) log(1 + (n - df + 0.5) / (df + 0.5)), where df counts documents with the term in any field."""
        n_terms = max(len(self.vocabulary), 1)
        keys = [
            np.repeat(np.arange(self.n_items), column.lengths()) * n_terms + column.numbers
            for column in self.columns.values()
        ]
        found = np.bincount(np.unique(np.concatenate(keys)) % n_terms, minlength=n_terms)
        return np.log1p((self.n_items - found + 0.5) / (found + 0.5)).astype(np.float32)

    def numbers(self, terms: Iterable[str]) -> list[int]:
        """The numbers of those `terms` that the catalogue has."""
        return [self.vocabulary[term] for term in terms if term in self.vocabulary]

    def save(self, folder: Path) -> None:
        """Write fields.npz and fields.json into an existing `folder`."""
        arrays = {
            f"{name}.{part}": getattr(c, part) for name, c in self.columns.items() for part in ("numbers", "starts")
        }
        np.savez(folder / ARRAYS, allow_pickle=False, heads=self.heads, **arrays)
        said = {"vocabulary": list(self.vocabulary), "counts": dict(self.counts), "version": self.version}
        (folder / WORDS).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Fields:
        """Read what `save` wrote. Raises ArtifactError when it isn't there whole."""
        try:
            said = json.loads((folder / WORDS).read_text(encoding="utf-8"))
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                columns = {name: Column(arrays[f"{name}.numbers"], arrays[f"{name}.starts"]) for name in FIELDS}
                heads = arrays["heads"]
            vocabulary = {term: number for number, term in enumerate(said["vocabulary"])}
            return cls(vocabulary, columns, heads, said["counts"], said["version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{folder} doesn't hold a whole index of terms ({error}); build it again.") from None


def read_fields(frame: pd.DataFrame, version: str, reviews: Iterable[str] = ()) -> Fields:
    """The documents of `frame` (the columns of Document) as terms; reviews: of each document, in order.

    Columns that are missing count as empty, so that a frame of titles alone will do; so do reviews.
    """
    vocabulary: dict[str, int] = {}
    counts: Counter[str] = Counter()
    columns = {name: _Growing() for name in (*FIELDS, "reviews")}
    spoken: Counter[str] = Counter()
    heads = np.zeros(len(frame), dtype=np.int32)
    for row, (texts, heard) in enumerate(zip(_texts(frame), chain(reviews, repeat("")), strict=False)):
        written = {name: words(text) for name, text in {**texts, "reviews": heard}.items()}
        for name, found in written.items():
            columns[name].add([vocabulary.setdefault(t, len(vocabulary)) for word in found for t in terms_of(word)])
        spoken.update(set(written.pop("reviews")))
        counts.update(set().union(*written.values()))
        heads[row] = _head(texts["title"])
    counts |= Counter({word: n for word, n in spoken.items() if n >= REVIEWERS})
    done = {name: column.done() for name, column in columns.items()}
    return Fields(vocabulary, {name: done[name] for name in FIELDS}, heads, counts, version, done["reviews"])


class _Growing:
    """A Column under way."""

    def __init__(self) -> None:
        self._numbers: list[NDArray[np.int32]] = []
        self._lengths: list[int] = []

    def add(self, numbers: list[int]) -> None:
        self._numbers.append(np.asarray(numbers, dtype=np.int32))
        self._lengths.append(len(numbers))

    def done(self) -> Column:
        flat = np.concatenate(self._numbers) if self._numbers else np.empty(0, dtype=np.int32)
        return Column(flat, np.concatenate([[0], np.cumsum(self._lengths, dtype=np.int64)]).astype(np.int64))


def _texts(frame: pd.DataFrame) -> Iterator[dict[str, str]]:
    columns = [name for name in (*FIELDS[:-1], *SHELF) if name in frame]
    for values in zip(*(frame[name].tolist() for name in columns), strict=True):
        found = {name: _joined(value) for name, value in zip(columns, values, strict=True)}
        texts = {name: found.get(name, "") for name in FIELDS[:-1]}
        yield {**texts, "shelf": " , ".join(found[name] for name in SHELF if found.get(name))}


def _joined(value: Any) -> str:
    if isinstance(value, str):
        return value
    return " , ".join(map(str, value)) if isinstance(value, Sequence | np.ndarray) else ""


def _head(title: str) -> int:
    head = _AFTER_HEAD.split(plain(title), maxsplit=1)[0]
    return sum(1 for word in words(head) for _ in terms_of(word))
