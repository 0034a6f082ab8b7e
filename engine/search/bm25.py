"""BM25 over the fields of the documents (bm25s), where a term of the title weighs more than one of the summary.

S. Robertson, H. Zaragoza, The probabilistic relevance framework: BM25 and beyond, 2009; variant "lucene" of bm25s
(X. H. Lù, 2024). Fields are weighted as in BM25F, by counting each term of a field so many times. What train reviews
say is one more field, each term counted once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.search.base import NONE, Ranked
from engine.search.fields import Fields
from engine.search.query import QueryAnalysis, QueryReader

ARRAYS, CONFIG = "bm25.npz", "bm25.json"
_PARTS = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Bm25Config:
    """How terms count.

    k1: how soon further occurrences of a term stop to count; b: how much longer documents are held back;
    weights: how many times a term of each field counts
    """

    k1: float = 1.2
    b: float = 0.5
    weights: Mapping[str, int] = field(
        default_factory=lambda: {"title": 3, "keywords": 2, "summary": 1, "features": 1, "shelf": 2, "reviews": 1}
    )


class Bm25:
    """The retriever by words."""

    Config = Bm25Config

    def __init__(self, fields: Fields, item_ids: NDArray[np.object_], index: Any, config: Bm25Config) -> None:
        self.fields, self._item_ids, self._index, self.config = fields, item_ids, index, config
        self.reader = QueryReader(fields)

    @classmethod
    def build(cls, fields: Fields, item_ids: NDArray[np.object_], config: Bm25Config | None = None) -> Bm25:
        """Index the documents of `fields`, whose ids are `item_ids` in the same order."""
        config = config or Bm25Config()
        index = _empty(config)
        n_terms = max(len(fields.vocabulary), 1)
        documents = _weighted(fields, config.weights)
        index.index((documents, {str(n): n for n in range(n_terms)}), show_progress=False)
        return cls(fields, item_ids, index, config)

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n_items,) the catalogue."""
        return self._item_ids

    def search(self, queries: Sequence[str], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k best items of each query; only items with one of its terms."""
        found = [best(self.scores(self.reader.read(query)), k, eligible) for query in queries]
        return stacked(found, k)

    def scores(self, query: QueryAnalysis) -> NDArray[np.float32]:
        """(n_items,) the score of each item, 0 without a term of the query."""
        numbers = self.fields.numbers(query.terms)
        if not numbers:
            return np.zeros(len(self._item_ids), dtype=np.float32)
        return np.asarray(self._index.get_scores_from_ids(numbers), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the index and its fields into an existing `folder`."""
        self.fields.save(folder)
        np.savez(folder / ARRAYS, allow_pickle=False, **{part: self._index.scores[part] for part in _PARTS})
        said = {"config": asdict(self.config), "item_ids": self._item_ids.tolist()}
        (folder / CONFIG).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Bm25:
        """Read what `save` wrote. Raises ArtifactError when it isn't there whole."""
        fields = Fields.load(folder)
        try:
            said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            config = Bm25Config(**said["config"])
            index = _empty(config)
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                index.scores = {**{part: arrays[part] for part in _PARTS}, "num_docs": fields.n_items}
            index.nonoccurrence_array = None  # this variant has none, and indexing would have said so
            if len(said["item_ids"]) != fields.n_items:
                raise ValueError("there isn't one document for each item")
            return cls(fields, np.array(said["item_ids"], dtype=object), index, config)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{folder} doesn't hold a whole BM25 index ({error}); build it again.") from None


def best(
    scores: NDArray[np.float32], k: int, eligible: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows and scores of the k highest `scores` above 0 among `eligible`; equal ones in the order of the catalogue."""
    rows = np.flatnonzero(scores > 0 if eligible is None else (scores > 0) & eligible)
    if len(rows) > k:
        limit = np.partition(scores[rows], len(rows) - k)[len(rows) - k]
        rows = rows[scores[rows] >= limit]
    order = np.argsort(-scores[rows], kind="stable")[:k]
    return rows[order], scores[rows[order]]


def stacked(lists: Sequence[tuple[NDArray[np.int64], NDArray[np.float32]]], k: int) -> Ranked:
    """Lists of rows with scores as one Ranked of width k."""
    rows = np.full((len(lists), k), NONE, dtype=np.int64)
    scores = np.full((len(lists), k), -np.inf, dtype=np.float32)
    for i, (found, values) in enumerate(lists):
        rows[i, : len(found)], scores[i, : len(found)] = found, values
    return Ranked(rows, scores)


def _empty(config: Bm25Config) -> Any:
    import bm25s

    return bm25s.BM25(
        k1=config.k1, b=config.b, method="lucene", backend="numpy", csc_backend="numpy", auto_compile=False
    )


def _weighted(fields: Fields, weights: Mapping[str, int]) -> list[list[int]]:
    """The terms of each document, those of a field as many times as it weighs."""
    documents: list[list[int]] = [[] for _ in range(fields.n_items)]
    for name, column in {**fields.columns, "reviews": fields.reviews}.items():
        if column is None:
            continue
        for document, start, end in zip(documents, column.starts, column.starts[1:], strict=False):
            document += column.numbers[start:end].tolist() * weights[name]
    return documents
