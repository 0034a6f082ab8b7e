"""The hits of one query as people look at them: each with its place, and what every stage of retrieval said of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.ranked import NONE, Ranked
from engine.search.base import Retriever
from engine.search.query import QueryAnalysis

LOW_COSINE = 0.3  # of the embedded MiniLM: unrelated texts lie below; other models may spread otherwise
KNOWN_SHARE = 0.5  # of the query's terms that the catalogue should have


@runtime_checkable
class Traced(Protocol):
    """A retriever that tells what each of its stages said."""

    def trace(self, query: str, k: int, eligible: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """One row per hit: item_id, score, `<stage>_score` and `<stage>_rank` (0: not in that stage's list)."""
        ...


@runtime_checkable
class Explained(Protocol):
    """A retriever whose last stage adds up what features say."""

    def contributions(
        self, query: str, item_ids: Collection[str], eligible: NDArray[np.bool_] | None = None
    ) -> Mapping[str, Mapping[str, float]]:
        """What each feature added to the scores of the hits `item_ids` that were scored, by id."""
        ...


class Neighbours(Protocol):
    """A retriever that finds what is near to items of the catalogue."""

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n_items,) the catalogue."""
        ...

    def similar(self, rows: Sequence[int], k: int) -> Ranked:
        """The k items nearest to each item of `rows`, without itself."""
        ...


@dataclass(frozen=True)
class Stage:
    """What one stage said of a hit: its score, its place in that stage's own list (None: not in it), and how its score
    lies between the lowest and the highest of the hits shown, 0 to 1."""

    name: str
    score: float
    rank: int | None
    share: float


@dataclass(frozen=True)
class Hit:
    """One hit: its place from 1, its score, and its stages in their order."""

    place: int
    item_id: str
    score: float
    stages: tuple[Stage, ...] = ()


def find_hits(
    retriever: Retriever, name: str, query: str, k: int, *, eligible: NDArray[np.bool_] | None = None
) -> tuple[Hit, ...]:
    """The `k` best hits of `query` by the retriever called `name`, best first."""
    if isinstance(retriever, Traced):
        return hits_of(retriever.trace(query, k, eligible))
    found = retriever.search([query], k, eligible=eligible)
    there = found.rows[0] != NONE
    rows, scores = found.rows[0][there], found.scores[0][there]
    columns = {"item_id": retriever.item_ids[rows], "score": scores, f"{name}_score": scores}
    return hits_of(pd.DataFrame({**columns, f"{name}_rank": np.arange(1, len(rows) + 1)}))


def contributions(
    retriever: Retriever, query: str, item_id: str, *, eligible: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """What each feature added to the score of the hit `item_id` in the last stage; empty without features."""
    if not isinstance(retriever, Explained):
        return {}
    return dict(retriever.contributions(query, [item_id], eligible).get(item_id, {}))


def similar_items(dense: Neighbours, item_id: str, k: int) -> tuple[tuple[str, float], ...]:
    """The `k` items nearest to an item and their scores, nearest first; none for an item that isn't searched."""
    rows = np.flatnonzero(dense.item_ids == item_id)
    if not len(rows):
        return ()
    found = dense.similar(rows.tolist(), k)
    there = found.rows[0] != NONE
    ids, scores = dense.item_ids[found.rows[0][there]].tolist(), found.scores[0][there].tolist()
    return tuple(zip(ids, scores, strict=True))


def hits_of(trace: pd.DataFrame) -> tuple[Hit, ...]:
    """The rows of a trace as hits, in their order."""
    names = [str(column).removesuffix("_score") for column in trace.columns if str(column).endswith("_score")]
    shares = {name: _shares(trace[f"{name}_score"].to_numpy(dtype=np.float64, na_value=np.nan)) for name in names}
    return tuple(
        Hit(
            place=place,
            item_id=str(row["item_id"]),
            score=float(row["score"]),
            stages=tuple(_stage(name, row, float(shares[name][place - 1])) for name in names),
        )
        for place, row in enumerate(trace.to_dict("records"), start=1)
    )


def is_weak(hits: Sequence[Hit], query: QueryAnalysis) -> bool:
    """Whether even the best hits are poor: the catalogue lacks most words of the query, or all are far in meaning."""
    if hits and query.terms and query.known < KNOWN_SHARE * len(query.terms):
        return True
    return _is_far(hits)


def is_guess(hits: Sequence[Hit], query: QueryAnalysis) -> bool:
    """Whether nothing speaks for any of the hits: the catalogue has no word of the query, and all are far in meaning.

    So it is with a script that the encoder can't read, and with letters typed at random.
    """
    return not query.known and _is_far(hits)


def _is_far(hits: Sequence[Hit]) -> bool:
    near = [stage.score for hit in hits for stage in hit.stages if stage.name == "dense"]
    return bool(near) and max(near) < LOW_COSINE


def _stage(name: str, row: Mapping[Any, Any], share: float) -> Stage:
    rank = row.get(f"{name}_rank")
    known = rank is not None and not pd.isna(rank) and int(rank) > 0
    return Stage(name, float(row[f"{name}_score"]), int(rank) if known and rank is not None else None, share)


def _shares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) where each score lies between the lowest (at most 0) and the highest; 0 for what is missing."""
    there = np.isfinite(scores)
    if not there.any():
        return np.zeros(len(scores))
    low, high = min(0.0, float(scores[there].min())), float(scores[there].max())
    return np.where(there, (scores - low) / max(high - low, 1e-9), 0.0).clip(0.0, 1.0)
