"""Queries with the documents that answer them, in batches in which no document answers another's query.

Learning by contrast takes every other document of a batch for a wrong answer. Two pairs of one item, or of one query,
would teach that right answers are wrong, so they never share a batch.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.text import normalise

FAR = 50  # batches' worth of pairs that are looked at to fill one


@dataclass(frozen=True)
class Pairs:
    """n queries to learn from.

    queries, positives: n texts each, the second answers the first; items: n ids of what the positives are about;
    negatives, negative_items: n texts that don't answer, and what they are about; empty lists when there are none, an
    empty text where a pair has none.
    """

    queries: list[str]
    positives: list[str]
    items: list[str]
    negatives: list[str]
    negative_items: list[str]

    def __post_init__(self) -> None:
        lengths = {len(self.queries), len(self.positives), len(self.items)}
        if len(lengths) > 1 or not {len(self.negatives), len(self.negative_items)} <= {0, len(self.queries)}:
            raise DataError(f"Pairs need a query, a positive and an item each, and got {sorted(lengths)} of them.")

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def hash(self) -> str:
        """64 hexadecimal digits that name the pairs, in their order."""
        digest = hashlib.sha256()
        for column in (self.queries, self.positives, self.items, self.negatives, self.negative_items):
            digest.update(json.dumps(column, ensure_ascii=False).encode())
        return digest.hexdigest()

    def take(self, rows: NDArray[np.int64]) -> Pairs:
        """Those at `rows`."""
        columns = (self.queries, self.positives, self.items, self.negatives, self.negative_items)
        return Pairs(*([column[row] for row in rows] if column else [] for column in columns))

    def sample(self, most: int | None, *, seed: int) -> Pairs:
        """`most` of them drawn at random, in their order; all when `most` is None or they are fewer."""
        if most is None or len(self) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False)))


def plan_batches(pairs: Pairs, size: int, *, seed: int) -> list[NDArray[np.int64]]:
    """The rows of `pairs` in batches of at most `size`, in an order drawn with `seed`.

    A pair that doesn't fit into a batch waits for the next one. What is left when a batch would stay below half the
    size, because its pairs are of few items, is left out.
    """
    queries = [normalise(query) for query in pairs.queries]
    waiting = deque(np.random.default_rng(seed).permutation(len(pairs)).tolist())
    made: list[NDArray[np.int64]] = []
    while waiting:
        batch = _next_batch(pairs, queries, waiting, size)
        if len(batch) < 2 or (made and 2 * len(batch) < size):
            break
        made.append(np.array(batch, dtype=np.int64))
    return made


def _next_batch(pairs: Pairs, queries: Sequence[str], waiting: deque[int], size: int) -> list[int]:
    """Take up to `size` rows that may be together from the front of `waiting`; the others stay, in their order."""
    batch: list[int] = []
    passed: list[int] = []
    asked, answers, wrong = set[str](), set[str](), set[str]()
    while waiting and len(batch) < size and len(passed) < FAR * size:
        row = waiting.popleft()
        item, negative = pairs.items[row], pairs.negative_items[row] if pairs.negatives else ""
        if queries[row] in asked or item in answers or item in wrong or (negative and negative in answers):
            passed.append(row)
            continue
        batch.append(row)
        asked.add(queries[row])
        answers.add(item)
        wrong |= {negative} - {""}
    waiting.extendleft(reversed(passed))
    return batch
