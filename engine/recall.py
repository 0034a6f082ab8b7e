"""How much retrievers find, measured over the same queries and saved as runs of kind "search"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import DataError, UnknownNameError
from engine.metrics.measures import aggregate
from engine.metrics.significance import PairedDifference
from engine.recording import record_run
from engine.runs import Run, RunStore, compare, new_run
from engine.search.base import Retriever
from engine.search.evaluation import METRICS, Queries, figures, keyword_queries, review_queries, search_rows
from engine.search.keyword_store import read_keywords
from engine.search.review_splits import current_split, read_part
from engine.settings import DEFAULT_SEED
from engine.workspace import Workspace

ANSWERABLE = "answerable"  # the column of rows that says whether what is looked for can be found at all
QUERIES = {
    "reviews": "reviews as queries for their product, among all documents",
    "keywords": "the keywords of reviews as queries for their product, among all documents",
}
DATA = ("items", "reviews")
Report = Callable[[str, int], None]


@dataclass(frozen=True)
class Asked:
    """Queries of one part of a split, and what their runs are compared by.

    split: the split's name as cards have it, with the part; about: which queries they are and what may be found, in
    words; data_hash: of the tables that they and the documents were made of; eligible: (n_items,) what may be found,
    None: everything.
    """

    queries: Queries
    split: str
    about: str
    data_hash: str
    seed: int = DEFAULT_SEED
    eligible: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class RecallReport:
    """What retrievers reached, by name, in the order in which they were given.

    runs: their runs; figures: for each metric its value and interval over all queries; answerable: the same over the
    queries whose item may be found; n_queries, n_answerable: how many there are of each.
    """

    runs: Mapping[str, Run]
    figures: Mapping[str, Mapping[str, PairedDifference]]
    answerable: Mapping[str, Mapping[str, PairedDifference]]
    n_queries: int
    n_answerable: int
    comparisons: Mapping[tuple[str, str, str], PairedDifference] = field(default_factory=dict)

    def compared(self, baseline: str, other: str, metric: str) -> PairedDifference:
        """How far `other` is above `baseline` in `metric`, over all queries."""
        return self.comparisons[baseline, other, metric]


def later_reviews(workspace: Workspace, part: str, *, kind: str = "reviews", most: int | None = None) -> Asked:
    """The reviews of `part`, valid or test, as queries of a `kind` of QUERIES; `most` of them, drawn at random.

    Raises NotBuiltError with the command when the reviews aren't split, or their keywords are asked for and not there.
    """
    if kind not in QUERIES:
        raise UnknownNameError("kind of query", kind, QUERIES)
    split = current_split(workspace)
    if kind == "keywords":
        queries = keyword_queries(read_keywords(workspace, part), most=most)
    else:
        queries = review_queries(read_part(workspace, part), most=most)
    drawn = f", {most:,} drawn" if most else ""
    return Asked(queries, f"{split.method} {split.hash} {part}", f"{QUERIES[kind]}{drawn}", workspace.data_hash(*DATA))


def measure_recall(
    workspace: Workspace,
    retrievers: Mapping[str, Retriever],
    asked: Asked,
    *,
    configs: Mapping[str, Mapping[str, Any]],
    baselines: Sequence[str] = (),
    report: Report = lambda name, done: None,
) -> RecallReport:
    """Search with each of `retrievers` for the queries, save a run for each, and compare all with the `baselines`.

    configs: what makes each retriever what it is, for its run. Queries whose item can't be found are counted as
    missed; `RecallReport.answerable` leaves them out. Raises DataError when there are no queries.
    """
    if not len(asked.queries):
        raise DataError(f"There are no queries ({asked.about}, {asked.split}); choose another part or kind of query.")
    runs, rows = dict[str, Run](), dict[str, pd.DataFrame]()
    for name, retriever in retrievers.items():
        found = search_rows(retriever, asked.queries, eligible=asked.eligible, report=partial(report, name))
        items = retriever.item_ids if asked.eligible is None else retriever.item_ids[asked.eligible]
        rows[name] = found.assign(**{ANSWERABLE: asked.queries.answerable(items.tolist())})
        runs[name] = _saved(workspace, name, rows[name], asked, configs[name])
    known = {name: found[found[ANSWERABLE]] for name, found in rows.items()}
    first = next(iter(rows))
    store = RunStore(workspace)
    pairs = [(base, name) for base in baselines for name in rows if name != base]
    return RecallReport(
        runs,
        {name: figures(found, seed=asked.seed) for name, found in rows.items()},
        {name: figures(found, seed=asked.seed) if len(found) else {} for name, found in known.items()},
        len(asked.queries),
        len(known[first]),
        {
            (base, name, metric): compare(store, runs[base].id, runs[name].id, metric, seed=asked.seed)
            for base, name in pairs
            for metric in METRICS
        },
    )


def _saved(workspace: Workspace, name: str, rows: pd.DataFrame, asked: Asked, config: Mapping[str, Any]) -> Run:
    run = new_run(
        "search",
        name,
        config=config,
        data_hash=asked.data_hash,
        split=asked.split,
        seed=asked.seed,
        eligibility=asked.about,
    )
    record_run(workspace, run, rows, aggregate("search", rows, METRICS))
    return run
