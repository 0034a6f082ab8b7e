"""Where the missed ones were lost: for each wanted item that a run doesn't show, the stage that lost it.

Stages are told from runs over the same rows: what the sources of a model found (keywords and meaning for the hybrid,
the hybrid for the second stage, each recommender for the pipeline), beside what the model made of it. The pairs of all
stages add up to all wanted items, and what was found over what was wanted, row by row, is Recall@K.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd

from engine.data.splits import load_split
from engine.errors import SettingsError, ShelfwiseError
from engine.run_values import open_values
from engine.runs import Run, RunStore, differences
from engine.sql import Queries

SOURCES: Mapping[str, tuple[str, ...]] = {
    "hybrid": ("bm25", "dense"),
    "second_stage": ("hybrid", "bm25", "dense"),
    "pipeline": ("als", "bpr", "item_knn", "ease", "content", "recent", "popular_in_category", "popular"),
    "ensemble": ("lightgbm", "catboost", "xgboost", "transformer", "gat", "recommend"),
}


@dataclass(frozen=True)
class Stage:
    """A place where a wanted item can be lost: what it is called, what that means, and what mends it."""

    name: str
    label: str
    about: str
    mend: str


STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "absent", "Not in the catalogue", "There is no such item.", "Import the item, then build and train again."
        ),
        Stage(
            "unknown",
            "Nothing known of it",
            "Before the split's cut-off it had no event, or it has no text to be found by.",
            "Give it a title and a description; the content model needs no events.",
        ),
        Stage(
            "no candidate",
            "Not a candidate",
            "No source names it among its first ones.",
            "Ask sources for more candidates, or add a source; fine-tune the encoder for searches.",
        ),
        Stage(
            "not taken",
            "Not taken up",
            "A source names it, and the model's list doesn't.",
            "Raise that source's weight or the number of candidates.",
        ),
        Stage(
            "demoted",
            "Demoted",
            "A source has it among the first K, and the model puts it below.",
            "Fit the weights or train the second stage again; look at the features of these rows.",
        ),
        Stage(
            "below",
            "Below K",
            "It is in the list, further down.",
            "Better features or more training of the last stage.",
        ),
        Stage("found", "Found", "It is among the first K.", ""),
    )
}


@dataclass(frozen=True)
class LeakMap:
    """The wanted items of a run by the stage that lost them.

    pairs: one line per wanted item: the row's id, label (what the row is called), item_id, title, stage, rank (in this
    run), source and source_rank (the source that has it highest); sources: the runs that were looked at besides;
    recall: over the same rows.
    """

    run: Run
    k: int
    pairs: pd.DataFrame
    sources: tuple[Run, ...]
    recall: float

    @property
    def counts(self) -> dict[str, int]:
        """How many wanted items were lost at each stage, and found, in the order of the stages."""
        n = self.pairs["stage"].value_counts()
        return {name: int(n.get(name, 0)) for name in STAGES}

    @property
    def by_source(self) -> pd.Series:
        """Of those not taken up or demoted: how many each source had."""
        lost = self.pairs[self.pairs["stage"].isin(("not taken", "demoted"))]
        return lost["source"].value_counts()


def sources_of(store: RunStore, run: Run) -> list[Run]:
    """The newest comparable runs of what `run`'s model is made of, in the order in which they are asked."""
    runs = [other for other in store.list(run.kind) if other.id != run.id and not differences(run, other)]
    found = (next((other for other in runs if other.model == name), None) for name in SOURCES.get(run.model, ()))
    return [other for other in found if other is not None]


def leak_map(store: RunStore, run_id: str, k: int) -> LeakMap:
    """Which stage lost each wanted item of a run of searches, recommendations or rankings.

    Raises SettingsError for a k below 1 or a run of tags, and what `RunStore.rows` raises.
    """
    run = store.get(run_id)
    if k < 1 or run.kind == "tags":
        raise SettingsError(
            f"There is no leak map of {run.kind} at K = {k}; choose searches, recommendations or rankings."
        )
    sources = sources_of(store, run)
    for one in (run, *sources):
        store.n_rows(one.id)  # a damaged file is named, with the way out
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    name = {"search": "query_id", "recommend": "user_id", "rank": "list_id"}[run.kind]
    _load(connection, "own", store.folder(run.id), name)
    for number, source in enumerate(sources):
        _load(connection, f"source{number}", store.folder(source.id), name)
    pairs = _joined(connection, name, [source.model for source in sources])
    pairs = pairs.merge(_items(store, run), on="item_id", how="left")
    pairs["stage"] = _stages(pairs, k)
    if run.kind == "rank":  # a wanted item that is no candidate has no id in a list's rows
        pairs["stage"] = pairs["stage"].replace("absent", "no candidate")
    n = pairs.groupby(name)["stage"].agg(lambda stages: (stages == "found").mean())
    total = store.n_rows(run.id)
    rows = open_values(store, run.id).page(size=None)
    pairs["label"] = pairs[name].map(
        dict(zip(rows[name], rows["query"] if "query" in rows else rows[name], strict=True))
    )
    shown = [name, "label", "item_id", "title", "stage", "rank", "source", "source_rank"]
    return LeakMap(run, k, pairs[shown], tuple(sources), float(n.sum() / total))


def _load(connection: duckdb.DuckDBPyConnection, table: str, folder: object, name: str) -> None:
    file = f"{folder}/rows.parquet".replace("'", "''")
    rows = f"read_parquet('{file}')"
    hits = f"SELECT {name} AS id, unnest(hits) AS item_id, generate_subscripts(hits, 1) AS rank FROM {rows}"
    connection.execute(f"CREATE TABLE {table} AS SELECT id, item_id, min(rank) AS rank FROM ({hits}) GROUP BY ALL")
    if table == "own":
        connection.execute(
            f"CREATE TABLE wanted AS SELECT DISTINCT {name} AS id, unnest(relevant) AS item_id FROM {rows}"
        )


def _joined(connection: duckdb.DuckDBPyConnection, name: str, models: Sequence[str]) -> pd.DataFrame:
    """One line per wanted item with its rank in the run and the best rank that a source gives it."""
    connection.execute(
        "CREATE TABLE best AS SELECT '' AS id, '' AS item_id, 0 AS rank, 0 AS number, '' AS source LIMIT 0"
    )
    for number, model in enumerate(models):
        connection.execute(f"INSERT INTO best SELECT id, item_id, rank, {number}, ? FROM source{number}", [model])
    sql = f"""
    SELECT w.id AS {name}, w.item_id, own.rank, b.source, b.rank AS source_rank
    FROM wanted w
    LEFT JOIN own USING (id, item_id)
    LEFT JOIN (
        SELECT id, item_id, min(rank) AS rank, arg_min(source, {{'rank': rank, 'number': number}}) AS source
        FROM best GROUP BY ALL
    ) b USING (id, item_id)
    ORDER BY 1, 2
    """
    found: pd.DataFrame = connection.sql(sql).df()
    return found


def _items(store: RunStore, run: Run) -> pd.DataFrame:
    """The catalogue: item_id, title, and whether anything was known of the item when the run's models learned."""
    if "items" not in store.workspace.tables:
        return pd.DataFrame({"item_id": [], "title": [], "known": []}).astype({"item_id": str, "title": str})
    queries, cutoff = Queries(store.workspace), _cutoff(store, run)
    if run.kind == "search" or cutoff is None:
        return queries.frame("SELECT item_id, title, (reviews > 0 OR length(trim(title)) > 0) AS known FROM facts")
    before = "SELECT DISTINCT item_id FROM events WHERE epoch_us(timestamp) < ?"
    sql = f"SELECT item_id, title, item_id IN ({before}) AS known FROM items"
    return queries.frame(sql, int(cutoff.timestamp() * 1_000_000))


def _cutoff(store: RunStore, run: Run) -> datetime | None:
    """When test begins, for a run whose split is by time and still kept."""
    method, _, name = run.split.partition(" ")
    try:
        return load_split(store.workspace, name).cutoffs[-1] if method == "time" and run.kind != "search" else None
    except ShelfwiseError:
        return None


def _stages(pairs: pd.DataFrame, k: int) -> np.ndarray:
    rank, source = pairs["rank"].to_numpy(dtype=float), pairs["source_rank"].to_numpy(dtype=float)
    known = pairs["known"].to_numpy(dtype=object)
    absent, unknown = pd.isna(known), known == False  # noqa: E712 - an array of objects, some of them missing
    listed, named = ~np.isnan(rank), ~np.isnan(source)
    return np.select(
        [rank <= k, named & (source <= k), listed, named, absent, unknown],
        ["found", "demoted", "below", "not taken", "absent", "unknown"],
        "no candidate",
    )
