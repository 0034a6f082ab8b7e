"""Keeping what was measured: the run with its rows, its flat table where there are many, and a copy in MLflow."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from engine.metrics.measures import aggregate
from engine.run_table import ROWS_AT_ONCE, run_table
from engine.runs import Run, RunStore
from engine.tracking import log_run
from engine.workspace import Workspace


def record_run(workspace: Workspace, run: Run, rows: pd.DataFrame, figures: Mapping[str, float] | None = None) -> Run:
    """Save `run` with its `rows` and log its `figures` (default: all that its kind has).

    The table that dashboards read is made here where it would take long enough for whoever opens the run to wait.
    Raises what `RunStore.save` raises; a failure of MLflow is logged and costs nothing.
    """
    store = RunStore(workspace)
    store.save(run, rows)
    if len(rows) > ROWS_AT_ONCE:
        run_table(store, run)
    log_run(workspace, run, aggregate(run.kind, rows) if figures is None else figures)
    return run
