"""The second stage: what words and meaning found, put into the order that was learned from judged queries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.ranked import Ranked
from engine.search.bm25 import stacked
from engine.search.features import Features
from engine.search.hybrid import Candidates, Hybrid, trace_of
from engine.search.order import Order, SecondStageConfig


class SecondStage:
    """The retriever that puts the candidates of `hybrid` into the order that was learned."""

    Config = SecondStageConfig

    def __init__(self, hybrid: Hybrid, features: Features, order: Order) -> None:
        self.hybrid, self.features, self.order = hybrid, features, order

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n_items,) the catalogue."""
        return self.hybrid.item_ids

    def search(self, queries: Sequence[str], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k best items of each query; scores are comparable within its list only."""
        found = self.hybrid.candidates(queries, k, eligible=eligible)
        return stacked([(rows[:k], scores[:k]) for rows, scores in map(self.ordered, found)], k)

    def trace(self, query: str, k: int, eligible: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """The hits of one query: what `Hybrid.trace` says, second_stage_score and second_stage_rank."""
        found = self.hybrid.candidates([query], k, eligible=eligible)[0]
        told = trace_of(found, self.item_ids).set_index(found.rows)
        rows, scores = self.ordered(found)
        ordered = told.loc[rows[:k]].assign(score=scores[:k], second_stage_score=scores[:k])
        ordered["second_stage_rank"] = np.arange(1, len(ordered) + 1)
        return ordered.reset_index(drop=True)

    def contributions(
        self, query: str, item_ids: Collection[str], eligible: NDArray[np.bool_] | None = None
    ) -> dict[str, dict[str, float]]:
        """What each feature added to the scores of the hits `item_ids` of one query, by id.

        Items beyond the depth that is put in order are left out. A pair takes a millisecond, so only those are asked
        for that somebody looks at.
        """
        first = self.hybrid.candidates([query], eligible=eligible)[0].first(self.order.config.depth)
        wanted = np.isin(self.item_ids[first.rows], list(item_ids))
        told = self.order.contributions(self.features.of(first)[wanted])
        return dict(zip(self.item_ids[first.rows[wanted]].tolist(), told, strict=True))

    def ordered(self, found: Candidates) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores of all candidates: those of the depth in the new order, the rest below in the old one."""
        first = found.first(self.order.config.depth)
        scores = self.order.scores(self.features.of(first))
        order = np.argsort(-scores, kind="stable")
        rest = found.rows[len(first) :]
        below = float(scores.min(initial=0.0)) - np.arange(1, len(rest) + 1, dtype=np.float32)
        return np.concatenate([first.rows[order], rest]), np.concatenate([scores[order], below]).astype(np.float32)
