"""Pairs to fine-tune an encoder with, made of judged queries: each with a document that people called a good answer.

Beside it stands one that they graded lower for the same query, which teaches what in-batch documents can't: to tell a
good answer from one that shares its words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.search.documents import Documents
from engine.search.evaluation import Queries
from engine.search.pair_batches import Pairs
from engine.settings import DEFAULT_SEED


@dataclass(frozen=True)
class JudgedPairConfig:
    """Which pairs are made.

    per_query: good answers of one query at most, drawn at random
    below: how much lower than the good answer the other must be graded, as a share of all grades' range
    seed: of the draws
    """

    per_query: int = 4
    below: float = 0.3
    seed: int = DEFAULT_SEED


def halves(queries: Queries) -> tuple[Queries, Queries]:
    """Every other query, for an encoder to learn from, and those beside them, for what learns from its vectors.

    An encoder is surer of answers that it learned from than of others; what learned from the same ones would trust it
    too far.
    """
    even = np.arange(len(queries)) % 2 == 0
    return queries.choose(even), queries.choose(~even)


def judged_pairs(queries: Queries, documents: Documents, config: JudgedPairConfig | None = None) -> Pairs:
    """The pairs of `queries`, which are judged, in their order; items without a document are left out."""
    config = config or JudgedPairConfig()
    rng = np.random.default_rng(config.seed)
    texts = {item: text for item, text in zip(documents.item_ids.tolist(), documents.texts, strict=True) if text}
    graded = queries.judged or [{}] * len(queries)
    judged = [{item: grade for item, grade in of.items() if item in texts} for of in graded]
    grades = [grade for of in judged for grade in of.values()]
    gap = config.below * (max(grades, default=0.0) - min(grades, default=0.0))
    rows: list[tuple[str, str, str]] = []
    for query, relevant, known in zip(queries.texts, queries.relevant, judged, strict=True):
        good = [item for item in relevant if item in known]
        for item in rng.permutation(good)[: config.per_query].tolist():
            lower = [other for other, grade in known.items() if grade <= known[item] - gap and grade < known[item]]
            rows.append((query, item, str(rng.choice(lower)) if lower else ""))
    asked, items, worse = ([row[n] for row in rows] for n in range(3))
    return Pairs(asked, [texts[item] for item in items], items, [texts.get(item, "") for item in worse], worse)
