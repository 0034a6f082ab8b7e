"""Making the flat table of a run: from its rows, part by part, to what each adds to each metric and its slices."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from engine.atomic import atomic_path
from engine.metrics.measures import find_kind, measures
from engine.metrics.significance import Measure, mean_measure, paired_bootstrap
from engine.runs import Run, RunStore
from engine.slicing import SLICES, slices_of

FILE, VERSION = "values.parquet", "3"  # another version is made anew
META = b"shelfwise"  # where the file's metadata holds what is known of the whole run
ROWS_AT_ONCE = 20_000
MOST_WHOLE = 200_000  # rows up to which metrics that need all rows at once are computed
CUTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
CURVES = ("recall", "ndcg", "precision", "hit_rate")


def run_table(store: RunStore, run: Run) -> Path:
    """The file with the flat table of `run` in the order of ids, made when it isn't there.

    Raises what `RunStore.rows` raises.
    """
    place = store.folder(run.id) / FILE
    if not _usable(place):
        with atomic_path(place) as temporary:
            _write(store, run, temporary)
    return place


def _usable(place: Path) -> bool:
    try:
        meta = (pq.read_schema(place).metadata or {}).get(META)
    except (OSError, pa.ArrowInvalid):
        return False
    return meta is not None and json.loads(meta)["version"] == VERSION


def _write(store: RunStore, run: Run, place: Path) -> None:
    """The table, part by part; what is known of the whole run only stands in the file's metadata."""
    n, prices = store.n_rows(run.id), _prices(store)
    curves, tables = _Curves(), list[pa.Table]()
    metrics: dict[str, int] = {}
    asked = find_kind(run.kind).metrics
    for rows in store.batches(run.id, ROWS_AT_ONCE):
        found = measures(run.kind, rows, list(dict.fromkeys([*asked, *curves.metrics])))
        curves.add(found)
        found = {name: found[name] for name in asked if _by_row(found[name], whole=n <= ROWS_AT_ONCE)}
        asked = tuple(found)  # what one part can't be measured by, no part can
        metrics = {name: measure.parts.shape[1] for name, measure in found.items()}
        tables.append(pa.Table.from_pandas(_flat(run, rows, found, prices), preserve_index=False))
    table = pa.concat_tables(tables, promote_options="permissive").sort_by(find_kind(run.kind).id)
    meta = {
        "version": VERSION,
        "parts": metrics,
        "slices": [name for name in table.column_names if name in SLICES],
        "curves": curves.means(n),
        "whole": _whole(store, run, [name for name in find_kind(run.kind).metrics if name not in metrics]),
        "ids": _hash(table.column(find_kind(run.kind).id)),
    }
    table = table.replace_schema_metadata({META: json.dumps(meta).encode()})
    pq.write_table(table, place, compression="zstd", row_group_size=100_000)


def _by_row(measure: Measure, *, whole: bool) -> bool:
    """Whether rows one by one give the metric; whole: all of them are measured at once."""
    return not sparse.issparse(measure.parts) and (whole or not measure.recentre)


def _hash(ids: pa.ChunkedArray) -> str:
    """Of ids in order: two runs have the same rows where it is the same."""
    found = hashlib.sha256()
    for chunk in ids.chunks:
        for start in range(0, len(chunk), ROWS_AT_ONCE):
            found.update("\0".join([*chunk.slice(start, ROWS_AT_ONCE).to_pylist(), ""]).encode())
    return found.hexdigest()


def _prices(store: RunStore) -> pd.Series | None:
    if "items" not in store.workspace.tables:
        return None
    items = store.workspace.read("items", columns=["item_id", "price"])
    return items.set_index("item_id")["price"]


def _whole(store: RunStore, run: Run, metrics: Sequence[str]) -> dict[str, list[float]]:
    """Value, low and high of the metrics that can't be summed from rows one by one, such as coverage."""
    if not metrics or store.n_rows(run.id) > MOST_WHOLE:
        return {}
    rows = store.rows(run.id)
    found = measures(run.kind, rows, metrics)
    nothing = mean_measure(np.zeros(len(rows)))
    told = {  # resamples repeat rows, so fewer labels and items are among them than there are
        name: paired_bootstrap(nothing, replace(measure, recentre=True), seed=0, n_resamples=500)
        for name, measure in found.items()
    }
    return {name: [measure.total, told[name].low, told[name].high] for name, measure in found.items()}


def _flat(run: Run, rows: pd.DataFrame, found: Mapping[str, Measure], prices: pd.Series | None) -> pd.DataFrame:
    kind = find_kind(run.kind)
    columns: dict[str, Any] = {kind.id: rows[kind.id].to_numpy()}
    columns |= {
        name: rows[name].to_numpy() for name in ("query", "user_id", "title") if name in rows and name != kind.id
    }
    columns |= slices_of(run.kind, rows, prices)
    if "hit_rank" in rows:
        columns["hit_rank"] = pd.array(rows["hit_rank"], dtype="Int64")
    for name, measure in found.items():
        columns[name] = measure.values
        if measure.parts.shape[1] > 1:
            columns |= {f"{name}#{part}": measure.parts[:, part] for part in range(measure.parts.shape[1])}
    return pd.DataFrame(columns)


class _Curves:
    """Sums of ranking metrics over rows, at each cut-off."""

    metrics = tuple(f"{name}@{k}" for name in CURVES for k in CUTS)

    def __init__(self) -> None:
        self._sums = {name: np.zeros((len(CUTS), 2)) for name in CURVES}

    def add(self, found: Mapping[str, Measure]) -> None:
        for name in CURVES:
            for place, k in enumerate(CUTS):
                values = found[f"{name}@{k}"].values
                self._sums[name][place] += values.sum(), (values**2).sum()

    def means(self, n: int) -> dict[str, Any]:
        """For each metric: the mean at each cut-off and the half width of its interval, by the normal approximation."""
        found: dict[str, Any] = {"k": list(CUTS)}
        for name, sums in self._sums.items():
            mean = sums[:, 0] / n
            spread = np.sqrt(np.maximum(sums[:, 1] / n - mean**2, 0) / n)
            found[name] = mean.tolist()
            found[f"{name} half"] = (1.96 * spread).tolist()
        return found
