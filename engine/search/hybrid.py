"""Words and meaning together: what BM25 and the dense retriever find, with both scores of each, fused by weights.

Fusion is a convex combination of normalised scores (S. Bruch et al., An analysis of fusion functions for hybrid
retrieval, TOIS 2023): BM25 over its best score for the query, cosine between the least and the best of the candidates.
Its weight is fitted on valid. Reciprocal ranks, tried beside it on judged queries of a hardware store, found less at
every weight (Recall@10 0.507 against 0.521 on 1,500 train queries); z-scores (0.531 against 0.538 on 874 of valid),
weights by the length of the query and a third list by letter n-grams found no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.ranked import NONE, Ranked
from engine.search.base import Retriever
from engine.search.bm25 import Bm25, best, stacked
from engine.search.dense import QueryEncoder
from engine.search.query import QueryAnalysis

CONFIG = "hybrid.json"
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class HybridConfig:
    """How lists are fused.

    weight: the share of BM25, the rest is the share of meaning; depth: items taken from each of the two lists
    """

    weight: float = 0.5
    depth: int = 200


class Meaning(Retriever, Protocol):
    """What fusion needs of the dense retriever."""

    @property
    def encoder(self) -> QueryEncoder:
        """What makes the vector of a query."""
        ...

    def nearest(self, vectors: Floats, k: int, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k nearest items of each of (n, dim) `vectors`."""
        ...

    def vectors_of(self, rows: Rows) -> Floats:
        """(n, dim) the vectors of items, of length 1."""
        ...


@dataclass(frozen=True)
class Candidates:
    """The candidates of one query with what both retrievers say of each, (n,) throughout, best fused first.

    rows: in the catalogue; lexical: BM25; cosine: of query and document; lexical_rank, dense_rank: from 1, in the two
    lists of length `depth`, depth + 1 outside; fused: in [0, 1]; vector: of the query, (dim,), zeros when its meaning
    wasn't looked for; top_lexical, top_cosine: the best score that any item has.
    """

    query: QueryAnalysis
    vector: Floats
    rows: Rows
    lexical: Floats
    cosine: Floats
    lexical_rank: Rows
    dense_rank: Rows
    fused: Floats
    depth: int
    top_lexical: float
    top_cosine: float

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def listed(self) -> NDArray[np.bool_]:
        """(n,) whether either list has it; the others are there because somebody asked for them."""
        return (self.lexical_rank <= self.depth) | (self.dense_rank <= self.depth)

    def take(self, which: slice | Rows | NDArray[np.bool_]) -> Candidates:
        """Those at `which`, in that order."""
        arrays = ("rows", "lexical", "cosine", "lexical_rank", "dense_rank", "fused")
        return replace(self, **{name: getattr(self, name)[which] for name in arrays})

    def first(self, k: int) -> Candidates:
        """The k best."""
        return self.take(slice(k))


class Hybrid:
    """The retriever by words and meaning."""

    Config = HybridConfig

    def __init__(self, bm25: Bm25, dense: Meaning, config: HybridConfig | None = None) -> None:
        self.bm25, self.dense, self.config = bm25, dense, config or HybridConfig()

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n_items,) the catalogue."""
        return self.bm25.item_ids

    def search(self, queries: Sequence[str], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k best items of each query by both together."""
        found = [one.first(k) for one in self.candidates(queries, k, eligible=eligible)]
        return stacked([(one.rows, one.fused) for one in found], k)

    def candidates(
        self,
        queries: Sequence[str],
        k: int = 0,
        *,
        eligible: NDArray[np.bool_] | None = None,
        extra: Sequence[Rows] | None = None,
    ) -> list[Candidates]:
        """What either retriever finds for each query among its `depth` (or k, if more) best.

        extra: for each query rows that are to be among them, found or not (for training and judged pairs).
        """
        depth = max(self.config.depth, k)
        read = [self.bm25.reader.read(query) for query in queries]
        vectors, nearest = self._nearest(read, depth, eligible)
        added: Sequence[Rows] = extra if extra is not None else [np.empty(0, dtype=np.int64)] * len(read)
        return [
            self._joined(query, vectors[i], nearest[i], np.asarray(added[i]), depth, eligible)
            for i, query in enumerate(read)
        ]

    def trace(self, query: str, k: int, eligible: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """The hits of one query, one row each: item_id, score, and the score and rank of each stage."""
        return trace_of(self.candidates([query], k, eligible=eligible)[0].first(k), self.item_ids)

    def save(self, folder: Path) -> None:
        """Write the fusion's settings into an existing `folder`; the indexes have artifacts of their own."""
        (folder / CONFIG).write_text(json.dumps(asdict(self.config)), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, bm25: Bm25, dense: Meaning) -> Hybrid:
        """Read what `save` wrote, over the two retrievers. Raises ArtifactError when it isn't there whole."""
        try:
            return cls(bm25, dense, HybridConfig(**json.loads((folder / CONFIG).read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError) as error:
            raise ArtifactError(f"{folder} doesn't hold a whole {CONFIG} ({error}); train the search again.") from None

    def _nearest(
        self, read: Sequence[QueryAnalysis], depth: int, eligible: NDArray[np.bool_] | None
    ) -> tuple[Floats, Rows]:
        """The vector of each query and its nearest items; zeros and no items for one that says too little."""
        asked = [i for i, query in enumerate(read) if query.by_meaning]
        rows = np.full((len(read), depth), NONE, dtype=np.int64)
        if not asked:
            return np.zeros((len(read), 1), dtype=np.float32), rows
        encoded = self.dense.encoder.encode_queries([read[i].text for i in asked])
        vectors = np.zeros((len(read), encoded.shape[1]), dtype=np.float32)
        found = self.dense.nearest(encoded, depth, eligible).rows
        vectors[asked], rows[asked, : found.shape[1]] = encoded, found
        return vectors, rows

    def _joined(
        self,
        query: QueryAnalysis,
        vector: Floats,
        near: Rows,
        extra: Rows,
        depth: int,
        eligible: NDArray[np.bool_] | None,
    ) -> Candidates:
        scores = self.bm25.scores(query)
        worded, _ = best(scores, depth, eligible)
        near = near[near != NONE]
        rows = np.unique(np.concatenate([worded, near, extra]))
        cosine = np.zeros(len(rows), dtype=np.float32)
        if vector.any() and len(rows):
            cosine = np.asarray(self.dense.vectors_of(rows) @ vector, dtype=np.float32)
        found = Candidates(
            query=query,
            vector=vector,
            rows=rows,
            lexical=scores[rows],
            cosine=cosine,
            lexical_rank=_ranks(rows, worded, depth),
            dense_rank=_ranks(rows, near, depth),
            fused=np.zeros(len(rows), dtype=np.float32),
            depth=depth,
            top_lexical=float(scores.max(initial=0.0)),
            top_cosine=float(cosine.max(initial=0.0)),
        )
        return reordered(replace(found, fused=fused(found, self.config.weight)))


def fused(found: Candidates, weight: float) -> Floats:
    """(n,) in [0, 1]: `weight` of the normalised BM25 score and the rest of the normalised cosine."""
    if not len(found):
        return found.cosine
    lexical = found.lexical / max(found.top_lexical, 1e-9)
    least = float(found.cosine.min())
    cosine = (found.cosine - least) / max(found.top_cosine - least, 1e-9)
    if not found.vector.any():
        return np.asarray(lexical, dtype=np.float32)
    return np.asarray(weight * lexical + (1 - weight) * cosine, dtype=np.float32)


def reordered(found: Candidates) -> Candidates:
    """`found` with the best fused score first; equal ones stay in the order of the catalogue."""
    return found.take(np.argsort(-found.fused, kind="stable"))


def trace_of(found: Candidates, item_ids: NDArray[np.object_]) -> pd.DataFrame:
    """The candidates as a table: item_id, score, and the score and rank of each stage; rank 0: not in that list."""
    columns: Mapping[str, object] = {
        "item_id": item_ids[found.rows],
        "score": found.fused,
        "bm25_score": found.lexical,
        "bm25_rank": np.where(found.lexical_rank > found.depth, 0, found.lexical_rank),
        "dense_score": found.cosine,
        "dense_rank": np.where(found.dense_rank > found.depth, 0, found.dense_rank),
        "fused_score": found.fused,
        "fused_rank": np.arange(1, len(found) + 1),
    }
    return pd.DataFrame(columns)


def _ranks(rows: Rows, listed: Rows, depth: int) -> Rows:
    """The rank of each of `rows` (ascending) in the list `listed`; depth + 1 outside."""
    ranks = np.full(len(rows), depth + 1, dtype=np.int64)
    ranks[np.searchsorted(rows, listed)] = np.arange(1, len(listed) + 1)
    return ranks
