"""Asking an index: Chroma's graph for many items, exact search for few, and whether samples find themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError, shown
from engine.search.base import NONE, Ranked
from engine.search.embeddings import Embeddings
from engine.search.exact import nearest, padded, top

SAMPLED, AMONG = 200, 10  # that many vectors must find themselves among their nearest
MOST_WANTED = 4  # times the graph's own candidates: beyond, reading all vectors costs no more
NEAR = 1e-4  # scores of equal vectors differ by less
DEPTH, LEAST_RECALL = 100, 0.98  # of the exact first 100 the graph must find that share, or all vectors are read
BLUR = 0.3  # how far sampled vectors are moved before they ask: a query lies near items, never on one


class Graph(Protocol):
    """What finds approximately, and fast: a Chroma collection."""

    def query(self, vectors: NDArray[np.float32], k: int) -> list[list[str]]:
        """For each of (n, dim) `vectors` the ids of about the k nearest."""
        ...

    def close(self) -> None:
        """Let go of files and memory."""
        ...


@dataclass(frozen=True)
class IndexConfig:
    """How an index is made and asked.

    neighbours, construction, search: Chroma's graph, see engine.search.chroma.Hnsw
    exact_below: up to that many eligible items are read all, which is exact and costs milliseconds
    """

    neighbours: int = 24
    construction: int = 120
    search: int = 240
    exact_below: int = 20_000


@dataclass(frozen=True, eq=False)
class Index:
    """An opened index. problem: why the exact search of the embeddings stands in for it, in words for people."""

    version: str
    embeddings: Embeddings
    config: IndexConfig
    collection: Graph | None = None
    problem: str | None = None
    _rows: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n,) the items, in the order of rows."""
        return self.embeddings.item_ids

    def search(self, vectors: NDArray[np.float32], k: int, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """About the k nearest items of each of (n, dim) `vectors` of length 1, by cosine.

        eligible: (n_items,) which may be found; k of them are when there are as many. All vectors are read where Chroma
        doesn't answer any more.
        """
        n = len(self.item_ids)
        allowed = n if eligible is None else int(np.count_nonzero(eligible))
        wanted = k if eligible is None else int(k * n / max(allowed, 1) * 1.25) + k
        few = allowed <= self.config.exact_below or wanted > self.config.search * MOST_WANTED
        if self.collection is None or few or not len(vectors):
            return nearest(self.embeddings.vectors, vectors, k, eligible)
        try:
            lists = self.collection.query(vectors, min(wanted, n))
        except ArtifactError:  # its server is gone since the index was opened; the vectors are here
            return nearest(self.embeddings.vectors, vectors, k, eligible)
        found = [self._scored(vector, ids, k, eligible) for vector, ids in zip(vectors, lists, strict=True)]
        short = [place for place, ranked in enumerate(found) if (ranked.rows[0] == NONE).sum() > max(0, k - allowed)]
        for place in short:  # the filter's items lie together, elsewhere
            found[place] = nearest(self.embeddings.vectors, vectors[[place]], k, eligible)
        return Ranked(np.concatenate([one.rows for one in found]), np.concatenate([one.scores for one in found]))

    def close(self) -> None:
        """Let go of Chroma's files and memory."""
        if self.collection is not None:
            self.collection.close()

    def _scored(
        self, vector: NDArray[np.float32], ids: list[str], k: int, eligible: NDArray[np.bool_] | None
    ) -> Ranked:
        rows = np.array([self._rows[item] for item in ids if item in self._rows], dtype=np.int64)
        rows = rows if eligible is None else rows[eligible[rows]]
        scores = self.embeddings.vectors[rows] @ vector
        return padded(top(rows[None], scores[None], k), k)


def verify(index: Index, *, sampled: int = SAMPLED) -> None:
    """Raise ArtifactError unless each of `sampled` items is among the nearest of its own vector."""
    vectors, n = index.embeddings.vectors, len(index.item_ids)
    if n == 0 or index.collection is None:
        return
    rows = np.random.default_rng(0).choice(n, min(sampled, n), replace=False)
    found = index.collection.query(vectors[rows], min(AMONG, n))
    lost = [row for row, ids in zip(rows.tolist(), found, strict=True) if not _is_found(index, row, ids)]
    if lost:
        raise ArtifactError(
            f"{len(lost)} of {len(rows)} sampled items don't find themselves in the index that was built (one is "
            f"{shown(index.item_ids[lost[0]])}); build it again."
        )


def graph_recall(index: Index, *, sampled: int = SAMPLED) -> float:
    """The share of the exact first 100 that the graph finds, over sampled vectors that were moved a little.

    Items that are as near as the hundredth count as found: among equals any is right. 1 without a graph.
    """
    vectors, n = index.embeddings.vectors, len(index.item_ids)
    k = min(DEPTH, n)
    if n == 0 or index.collection is None:
        return 1.0
    rng = np.random.default_rng(1)
    moved = vectors[rng.choice(n, min(sampled, n), replace=False)]
    noise = rng.normal(size=moved.shape).astype(np.float32)
    moved = moved + BLUR * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    queries = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    last = nearest(vectors, queries, k).scores[:, k - 1]
    found = 0
    for query, least, ids in zip(queries, last, index.collection.query(queries, k), strict=True):
        rows = [index._rows[item] for item in ids if item in index._rows]
        found += int((vectors[rows] @ query >= least - NEAR / 100).sum())
    return found / (len(queries) * k)


def _is_found(index: Index, row: int, ids: list[str]) -> bool:
    """Whether an item is in its own list, or the list is full of its equals."""
    if index.item_ids[row] in ids:
        return True
    last = index.embeddings.vectors[index._rows[ids[-1]]] if ids else None
    return last is not None and float(last @ index.embeddings.vectors[row]) > 1 - NEAR
