"""Queries whose answers are known, and what a retriever finds for them, as rows of a run of kind "search".

Two kinds: judged queries, graded by people; and reviews as queries, each of which should find its own product (the
documents hold earlier reviews only, so a query is never in the document that it looks for).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.metrics.measures import measures
from engine.metrics.significance import PairedDifference, mean_measure, paired_bootstrap
from engine.ranked import NONE, Ranked
from engine.search.base import Retriever
from engine.search.keyword_store import ReviewKeywords
from engine.settings import DEFAULT_SEED

CUTOFFS = (1, 5, 10, 20, 50, 100)
DEPTH = max(CUTOFFS)
METRICS = (*(f"recall@{k}" for k in CUTOFFS), "mrr")
BATCH = 256
MOST_LETTERS = 10_000  # of one query; what follows says nothing new
Report = Callable[[int], None]


@dataclass(frozen=True)
class Queries:
    """n queries and what each should find.

    ids: n distinct names; texts: n; relevant: n lists of item ids; gains: n lists of grades beside `relevant`, None
    when relevance is yes or no; judged: of judged queries the grade of every judged item, relevant or not.
    """

    ids: list[str]
    texts: list[str]
    relevant: list[list[str]]
    gains: list[list[float]] | None = None
    judged: list[dict[str, float]] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def choose(self, chosen: NDArray[np.bool_]) -> Queries:
        """Those where `chosen`, (n,), is true."""
        at = np.flatnonzero(chosen)
        gains = [self.gains[i] for i in at] if self.gains is not None else None
        judged = [self.judged[i] for i in at] if self.judged is not None else None
        relevant = [self.relevant[i] for i in at]
        return Queries([self.ids[i] for i in at], [self.texts[i] for i in at], relevant, gains, judged)

    def answerable(self, item_ids: Collection[str]) -> NDArray[np.bool_]:
        """(n,) whether any relevant item of the query is among `item_ids`; the others can only be missed."""
        known = set(item_ids)
        return np.array([not known.isdisjoint(wanted) for wanted in self.relevant], dtype=bool)


def review_queries(reviews: pd.DataFrame, *, most: int | None = None, seed: int = DEFAULT_SEED) -> Queries:
    """Each of `reviews` (columns of the reviews table) as a query for its product; those without a text are left out.

    most: so many of them, drawn at random with `seed`, in their order.
    """
    said = reviews[reviews["text"].fillna("").str.strip() != ""]
    texts = [text[:MOST_LETTERS] for text in said["text"].tolist()]
    asked = Queries(said["review_id"].tolist(), texts, [[item] for item in said["item_id"].tolist()])
    return _drawn(asked, most, seed)


def keyword_queries(said: Iterable[ReviewKeywords], *, most: int | None = None, seed: int = DEFAULT_SEED) -> Queries:
    """The keywords of each review as a query for its product; as `review_queries`."""
    found = [(one, ", ".join(one.keywords.all)) for one in said]
    spoken = [(one, text[:MOST_LETTERS]) for one, text in found if text]
    ids, items = [one.review_id for one, _ in spoken], [[one.item_id] for one, _ in spoken]
    return _drawn(Queries(ids, [text for _, text in spoken], items), most, seed)


def judged_queries(judgments: pd.DataFrame, *, least: float) -> Queries:
    """The queries of the judgments table, by id; an item is relevant when its relevance is `least` or more, which is
    then its gain. Several people's grades of a pair are averaged; a query without a relevant item is left out.
    """
    graded = judgments.groupby(["query_id", "item_id"], as_index=False).agg({"relevance": "mean", "query": "first"})
    good = graded[graded["relevance"] >= least].groupby("query_id")
    found = good.agg({"query": "first", "item_id": list, "relevance": list}).reset_index()
    columns = (found[name].tolist() for name in ("query_id", "query", "item_id", "relevance"))
    known = {query: dict(zip(of["item_id"], of["relevance"], strict=True)) for query, of in graded.groupby("query_id")}
    asked = Queries(*columns)
    return replace(asked, judged=[known[query] for query in asked.ids])


def search_batches(
    retriever: Retriever,
    texts: Sequence[str],
    k: int,
    *,
    eligible: NDArray[np.bool_] | None = None,
    batch: int = BATCH,
) -> Iterator[Ranked]:
    """The lists of `texts`, a batch at a time: what is held at once doesn't grow with their number."""
    for start in range(0, len(texts), batch):
        yield retriever.search(texts[start : start + batch], k, eligible=eligible)


def search_rows(
    retriever: Retriever,
    queries: Queries,
    *,
    k: int = DEPTH,
    eligible: NDArray[np.bool_] | None = None,
    batch: int = BATCH,
    report: Report = lambda done: None,
) -> pd.DataFrame:
    """The rows of a run of kind "search": one per query, with its `k` best items.

    Columns: query_id, query, hits (ids), scores, relevant, gains (for graded queries), hit_rank (of the first relevant
    item, missing when none was found). `report` is told how many queries are done.
    """
    hits: list[list[str]] = []
    scores: list[list[float]] = []
    for ranked in search_batches(retriever, queries.texts, k, eligible=eligible, batch=batch):
        hits += ranked.ids(retriever.item_ids)
        scores += [row[places != NONE].tolist() for places, row in zip(ranked.rows, ranked.scores, strict=True)]
        report(len(hits))
    found = {"query_id": queries.ids, "query": queries.texts, "hits": hits, "scores": scores}
    graded = {} if queries.gains is None else {"gains": queries.gains}
    ranks = [_hit_rank(*lists) for lists in zip(hits, queries.relevant, strict=True)]
    rows = pd.DataFrame({**found, "relevant": queries.relevant, **graded})
    return rows.assign(hit_rank=pd.array(ranks, dtype="Int64"))


def figures(
    rows: pd.DataFrame, metrics: Sequence[str] = METRICS, *, seed: int = DEFAULT_SEED
) -> dict[str, PairedDifference]:
    """Each metric of `rows` with the interval of its mean: the difference from 0, bootstrapped over queries."""
    found = measures("search", rows, metrics)
    nothing = mean_measure(np.zeros(len(rows)))
    return {name: paired_bootstrap(nothing, measure, seed=seed) for name, measure in found.items()}


def _drawn(queries: Queries, most: int | None, seed: int) -> Queries:
    if most is None or len(queries) <= most:
        return queries
    chosen = np.zeros(len(queries), dtype=bool)
    chosen[np.random.default_rng(seed).choice(len(queries), most, replace=False)] = True
    return queries.choose(chosen)


def _hit_rank(hits: Sequence[str], relevant: Sequence[str]) -> int | None:
    wanted = set(relevant)
    return next((rank for rank, item in enumerate(hits, start=1) if item in wanted), None)
