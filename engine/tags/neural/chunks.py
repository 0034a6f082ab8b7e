"""Reviews as chunks of tokens that an encoder can read: a sentence or a review each, long ones several that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.schema import ItemText
from engine.text import sentences

MOST_LETTERS = 200_000  # of one review; what follows is no review


UNITS = ("sentence", "review")


@dataclass(frozen=True)
class ChunkSize:
    """How reviews are cut: `unit`s of at most `length` tokens, special ones counted, of which the next one repeats
    `overlap`; an item with more than `most` chunks gives that many, at equal distances.
    """

    unit: str
    length: int
    overlap: int
    most: int


@dataclass(frozen=True)
class Chunks:
    """`tokens` are the distinct chunks; `of[i]` are the places in it of item i's chunks, none for an item without text.

    Equal chunks are read once: the variants of an item that its evidence compares differ in one sentence.
    """

    tokens: list[tuple[int, ...]]
    of: list[NDArray[np.int64]]

    @property
    def owners(self) -> NDArray[np.int64]:
        """(n_pairs,): the item of each of its chunks, in the order of `of`."""
        return np.repeat(np.arange(len(self.of)), [len(places) for places in self.of])

    @property
    def places(self) -> NDArray[np.int64]:
        """(n_pairs,): the chunks of all items, one item after the other."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self.of])


def chunk(tokenizer: Any, items: Sequence[ItemText], size: ChunkSize) -> Chunks:
    """Cut the reviews of `items` into chunks."""
    pieces = {review: _pieces(review[:MOST_LETTERS], size.unit) for item in items for review in item.reviews}
    texts = list(dict.fromkeys(piece for found in pieces.values() for piece in found))
    read = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
    cut = {text: _windows(tuple(ids), size.length - 2, size.overlap) for text, ids in zip(texts, read, strict=True)}
    place: dict[tuple[int, ...], int] = {}
    of = []
    for item in items:
        found = [part for review in item.reviews for piece in pieces[review] for part in cut[piece]]
        of.append(np.array([place.setdefault(part, len(place)) for part in _spread(found, size.most)], dtype=np.int64))
    first, last = ([token] if token is not None else [] for token in (tokenizer.cls_token_id, tokenizer.sep_token_id))
    return Chunks([(*first, *part, *last) for part in place], of)


def _pieces(review: str, unit: str) -> list[str]:
    return [review[start:end] for start, end in sentences(review)] if unit == "sentence" else [review]


def _spread(parts: list[tuple[int, ...]], most: int) -> list[tuple[int, ...]]:
    """All of `parts`, or `most` of them at equal distances."""
    if len(parts) <= most:
        return parts
    return [parts[int(at)] for at in np.linspace(0, len(parts) - 1, most)]


def _windows(ids: tuple[int, ...], length: int, overlap: int) -> list[tuple[int, ...]]:
    starts = range(0, max(len(ids) - overlap, 1), length - overlap)
    return [ids[start : start + length] for start in starts] if ids else []
