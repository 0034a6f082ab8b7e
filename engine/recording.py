"""Keeping what was measured and what was trained: the truth in the workspace, and a copy in MLflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from engine.artifacts import ArtifactStore, Card
from engine.metrics.measures import aggregate
from engine.run_table import ROWS_AT_ONCE, run_table
from engine.runs import Run, RunStore
from engine.tracking import log_run, log_training, register
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


def record_model(workspace: Workspace, card: Card, write: Callable[[Path], None], *, serve: bool = True) -> Card:
    """Save what was trained as a version, as `ArtifactStore.save` does, and log its training; the card as stored.

    One that serves is registered where MLflow has a server. Raises what `ArtifactStore.save` raises; a failure of
    MLflow is logged and costs nothing.
    """
    stored = ArtifactStore(workspace).save(card, write, serve=serve)
    log_training(workspace, stored)
    if serve:
        register(workspace, stored.kind, stored.name, stored.version)
    return stored
