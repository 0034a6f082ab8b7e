"""The store of runs: one model measured once, as a row per SKU, query or user, and what made it.

A run is a folder `runs/<id>/` of a workspace: run.json (the Run) and rows.parquet. It is written whole or not at all
and never changed. Figures are not stored: `aggregate` computes each of them from the rows.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.artifacts import library_versions
from engine.atomic import atomic_path, sweep
from engine.errors import DataError, ShelfwiseError, UnknownNameError, WorkspaceError, shown
from engine.metrics.measures import Kind, aggregate, find_kind, measures, row_values
from engine.metrics.significance import PairedDifference, paired_bootstrap
from engine.settings import DEFAULT_SEED
from engine.workspace import Workspace

__all__ = ["Run", "RunStore", "aggregate", "compare", "differences", "new_run", "paired_rows", "row_values"]

RUN, ROWS = "run.json", "rows.parquet"
ID = re.compile(r"\d{8}-\d{4}-[a-z0-9_.-]{1,40}-[0-9a-f]{4}")
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")
_TYPES = {
    **dict.fromkeys(
        ("predicted", "ranked", "true", "known", "hits", "relevant", "hit_categories"), pa.list_(pa.string())
    ),
    **dict.fromkeys(("scores", "gains", "surprise"), pa.list_(pa.float64())),
    "hit_rank": pa.int64(),
}
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What made the rows of a run.

    id: readable and unique in its workspace; kind: tags, search, recommend or rank; model: its name in the table of
    models; config: its configuration; data_hash: of what it learned from and was measured on; split: which split, with
    its hash; seed: of the model; eligibility: which rows and candidates took part, in words that are equal only when
    the rule is; versions: of Python and libraries; created: UTC, ISO.
    """

    id: str
    kind: str
    model: str
    config: Mapping[str, Any]
    data_hash: str
    split: str
    seed: int
    eligibility: str
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""


def new_run(
    kind: str,
    model: str,
    *,
    config: Mapping[str, Any],
    data_hash: str,
    split: str,
    seed: int,
    eligibility: str,
) -> Run:
    """A Run of now, with an id such as 20261120-2130-linear-ab12 and the versions of the libraries in use."""
    find_kind(kind)
    now = datetime.now(UTC)
    slug = re.sub(r"[^a-z0-9_.]+", "-", model.lower())[:40].strip("-") or "model"
    return Run(
        id=f"{now:%Y%m%d-%H%M}-{slug}-{secrets.token_hex(2)}",
        kind=kind,
        model=model,
        config=config,
        data_hash=data_hash,
        split=split,
        seed=seed,
        eligibility=eligibility,
        versions=library_versions(*LIBRARIES),
        created=now.isoformat(timespec="microseconds"),
    )


@dataclass(frozen=True)
class RunStore:
    """The runs of one workspace."""

    workspace: Workspace

    def save(self, run: Run, rows: pd.DataFrame) -> Run:
        """Write `run` with its `rows`, atomically.

        Raises DataError when rows are missing, lack a column that the kind's metrics need, or name a row twice.
        """
        _check_rows(run, rows)
        table = _typed(rows)
        place = self._place(run.id)
        if place.exists():
            raise WorkspaceError(f"Run {run.id} exists already; runs are never written twice.")
        sweep(place.parent)
        with atomic_path(place) as folder:
            folder.mkdir(parents=True)
            text = json.dumps(asdict(run), ensure_ascii=False, indent=2, allow_nan=False)
            (folder / RUN).write_text(text + "\n", encoding="utf-8")
            pq.write_table(table, folder / ROWS, compression="zstd")
        return run

    def list(self, kind: str | None = None) -> list[Run]:
        """The runs, newest first, of every kind or of one. Damaged ones are left out with a warning in the log."""
        runs = []
        for found in self._scan().values():
            if isinstance(found, ShelfwiseError):
                logger.warning("%s", found)
            elif kind in (None, found.kind):
                runs.append(found)
        return sorted(runs, key=lambda run: (run.created, run.id), reverse=True)

    def newest(self, kind: str) -> dict[str, Run]:
        """By model its newest run that may be compared with the newest of `kind`; empty when there is none."""
        runs = self.list(kind)
        found: dict[str, Run] = {}
        for run in runs:
            if not differences(runs[0], run):
                found.setdefault(run.model, run)
        return found

    def damaged(self) -> dict[str, str]:
        """For each run that can't be read, by id: a sentence that says why and what to do."""
        return {run_id: str(found) for run_id, found in self._scan().items() if isinstance(found, ShelfwiseError)}

    def get(self, run_id: str) -> Run:
        """The run called `run_id`.

        Raises UnknownNameError with the nearest id when there is none, WorkspaceError when its run.json is damaged.
        """
        place = self.folder(run_id)
        try:
            run = Run(**json.loads((place / RUN).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise _damaged(place, RUN, error) from None
        if run.id != run_id:
            raise _damaged(place, RUN, f"it says that its id is {shown(run.id)}")
        return run

    def rows(
        self,
        run_id: str,
        *,
        columns: Sequence[str] | None = None,
        filters: Sequence[tuple[str, str, Any]] | None = None,
    ) -> pd.DataFrame:
        """Rows of a run; only the named columns and the rows that pass are read.

        columns: default all. filters: all must hold, as in pyarrow: [("category", "=", "Bags"), ("hit_rank", ">", 10)].
        Raises UnknownNameError for an unknown run or column, WorkspaceError when the file is damaged.
        """
        place = self.folder(run_id)
        try:
            known = pq.read_schema(place / ROWS).names
            for name in [*(columns or ()), *(column for column, _, _ in filters or ())]:
                if name not in known:
                    raise UnknownNameError(f"column of run {run_id}", name, known)
            picked = list(columns) if columns is not None else None
            chosen = list(filters) if filters else None
            return pq.read_table(place / ROWS, columns=picked, filters=chosen, partitioning=None).to_pandas()
        except (OSError, pa.ArrowInvalid) as error:
            raise _damaged(place, ROWS, error) from None

    def batches(self, run_id: str, size: int) -> Iterator[pd.DataFrame]:
        """The rows of a run, at most `size` at a time, lists as Arrow holds them. Errors as in `rows`."""
        place = self.folder(run_id)
        try:
            for batch in pq.ParquetFile(place / ROWS).iter_batches(size):
                yield batch.to_pandas(types_mapper=_lists_of_arrow)
        except (OSError, pa.ArrowInvalid) as error:
            raise _damaged(place, ROWS, error) from None

    def n_rows(self, run_id: str) -> int:
        """How many rows a run has. Errors as in `rows`."""
        place = self.folder(run_id)
        try:
            return int(pq.read_metadata(place / ROWS).num_rows)
        except (OSError, pa.ArrowInvalid) as error:
            raise _damaged(place, ROWS, error) from None

    def folder(self, run_id: str) -> Path:
        """Where a run lies. Raises UnknownNameError with the nearest id when there is none."""
        place = self._place(run_id)
        if not place.is_dir():
            raise UnknownNameError("run", run_id, self._ids())
        return place

    def aggregate(self, run_id: str, metrics: Sequence[str] | None = None) -> dict[str, float]:
        """The figures of a run, computed from its rows."""
        return aggregate(self.get(run_id).kind, self.rows(run_id), metrics)

    def _scan(self) -> dict[str, Run | ShelfwiseError]:
        found: dict[str, Run | ShelfwiseError] = {}
        for run_id in self._ids():
            try:
                found[run_id] = self.get(run_id)
            except ShelfwiseError as error:
                found[run_id] = error
        return found

    def _ids(self) -> Sequence[str]:
        return sorted(place.name for place in self._folder.glob("*") if ID.fullmatch(place.name) and place.is_dir())

    @property
    def _folder(self) -> Path:
        return self.workspace.path / "runs"

    def _place(self, run_id: str) -> Path:
        if not ID.fullmatch(run_id):
            raise UnknownNameError("run", run_id, self._ids())
        return self._folder / run_id


def differences(a: Run, b: Run) -> list[str]:
    """Why two runs can't be compared, each in words; empty when they can."""
    return [
        f"{what} differs ({shown(getattr(a, name))} and {shown(getattr(b, name))})"
        for name, what in (
            ("kind", "the kind"),
            ("data_hash", "the data"),
            ("split", "the split"),
            ("eligibility", "the eligibility"),
        )
        if getattr(a, name) != getattr(b, name)
    ]


def comparable(store: RunStore, baseline: str, other: str) -> Kind:
    """The kind of two runs whose data, split and eligibility agree. Raises DataError naming the difference."""
    runs = store.get(baseline), store.get(other)
    reasons = differences(*runs)
    if reasons:
        raise DataError(f"Runs {baseline} and {other} can't be compared: {'; '.join(reasons)}.")
    return find_kind(runs[0].kind)


def paired_rows(store: RunStore, baseline: str, other: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of two runs in one order, row i of one belonging to row i of the other.

    Raises DataError naming the difference when the runs' kind, data, split, eligibility or rows aren't the same.
    """
    kind = comparable(store, baseline, other)
    a, b = (store.rows(run_id).sort_values(kind.id, ignore_index=True) for run_id in (baseline, other))
    only = set(a[kind.id]) ^ set(b[kind.id])
    if only:
        reason = f"{len(only)} {kind.unit} are in one of them only, such as {shown(min(only))}"
        raise DataError(f"Runs {baseline} and {other} can't be compared: {reason}.")
    return a, b


def compare(store: RunStore, baseline: str, other: str, metric: str, *, seed: int = DEFAULT_SEED) -> PairedDifference:
    """How far run `other` is above run `baseline` in `metric`, by a paired bootstrap over their rows.

    Errors as in `paired_rows`.
    """
    kind = find_kind(store.get(baseline).kind)
    a, b = (measures(kind.name, rows, [metric])[metric] for rows in paired_rows(store, baseline, other))
    return paired_bootstrap(a, b, seed=seed, unit=kind.unit)


def _check_rows(run: Run, rows: pd.DataFrame) -> None:
    kind = find_kind(run.kind)
    missing = [column for column in (kind.id, *kind.columns) if column not in rows]
    if missing:
        raise DataError(f"Rows of a {run.kind} run need the column {shown(missing[0])}.")
    if rows.empty:
        raise DataError(f"Run {run.id} has no rows, so there is nothing to measure; check its split and eligibility.")
    ids = rows[kind.id]
    if ids.isna().any() or ids.duplicated().any():
        wrong = ids[ids.isna() | ids.duplicated()].iloc[0]
        raise DataError(
            "stands in more than one row, or is missing; a run has one row for each.", column=kind.id, value=wrong
        )


def _typed(rows: pd.DataFrame) -> pa.Table:
    """`rows` for Parquet; the types of known columns are set, because empty lists and missing ranks don't tell them."""
    arrays = {}
    for name in rows.columns:
        try:
            arrays[name] = pa.array(rows[name], type=_TYPES.get(name), from_pandas=True)
        except pa.ArrowException as error:
            raise DataError(f"can't be stored as {_TYPES.get(name, 'one type')} ({error}).", column=name) from None
    return pa.table(arrays)


def _lists_of_arrow(kind: pa.DataType) -> pd.ArrowDtype | None:
    """Lists stay as they are: an array for each would take most of the time of measuring them."""
    return pd.ArrowDtype(kind) if pa.types.is_list(kind) else None


def _damaged(place: Path, file: str, why: object) -> WorkspaceError:
    way_out = f"remove the folder {place} and evaluate again"
    return WorkspaceError(f"Run {place.name} is damaged: {file} can't be read ({why}); {way_out}.")
