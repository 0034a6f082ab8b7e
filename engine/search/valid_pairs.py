"""How well an encoder finds the documents of valid's queries while it learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.metrics.measures import aggregate
from engine.metrics.ranking import top_k
from engine.search.pair_batches import Pairs

METRICS = ("mrr", "recall@1", "recall@10", "recall@100")
CHOICE = "mrr"  # by which the best weights are chosen
DEPTH = 100
Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class ValidPairs:
    """Queries, the item that answers each, and the documents among which it is looked for, one per item."""

    queries: list[str]
    answers: list[str]
    items: list[str]
    documents: list[str]

    @classmethod
    def of(cls, valid: Pairs, train: Pairs, *, n_queries: int, n_documents: int, seed: int) -> ValidPairs:
        """`n_queries` of `valid` drawn at random; their documents, and others of both parts up to `n_documents`."""
        asked = valid.sample(n_queries, seed=seed)
        said = dict(zip(asked.items, asked.positives, strict=True))
        others = {item: text for part in (train, valid) for item, text in zip(part.items, part.positives, strict=True)}
        left = [item for item in others if item not in said]
        room = max(0, n_documents - len(said))
        more = left if len(left) <= room else np.random.default_rng(seed).choice(left, room, replace=False).tolist()
        said |= {str(item): others[item] for item in more}
        return cls(asked.queries, asked.items, list(said), list(said.values()))

    def figures(self, encode_queries: Encode, encode_documents: Encode) -> dict[str, float]:
        """`METRICS` over the queries, within the first 100."""
        scores = encode_queries(self.queries) @ encode_documents(self.documents).T
        numbers = [str(number) for number in range(len(self.queries))]
        found = top_k(scores, DEPTH, row_ids=numbers, column_ids=self.items)
        items = np.array(self.items, dtype=object)
        lists = {"hits": items[found].tolist(), "relevant": [[item] for item in self.answers]}
        return aggregate("search", pd.DataFrame({"query_id": numbers, **lists}), METRICS)
