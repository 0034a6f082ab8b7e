"""The step features: the checked events come into the table. Recommenders read tables, so nothing else is prepared."""

from __future__ import annotations

import pyarrow.parquet as pq

from engine.atomic import sha256
from engine.errors import DataError, counted
from engine.retraining.context import Context, Found
from engine.retraining.ledger import Ledger, batch_of, fold
from engine.workspace import Workspace


def features(context: Context) -> Found:
    """Bring the events that validate has checked into the events table, once."""
    checked, workspace = context.found("validate"), context.workspace
    batch, before = checked["batch"], checked["tables"].get("events", "")
    stored = workspace.tables.get("events")
    if not batch:
        return Found("no new events of the service", {"events": before, "folded": 0})
    file = context.batch_file(batch)
    there = stored is not None and batch_of(stored.origin) == batch  # as after a kill
    if not there and (not file.exists() or sha256(file) != checked["batch_sha256"]):
        command = f".venv/bin/python scripts/retrain.py --workspace {workspace.name} --force validate"
        raise DataError(f"{file} is not what was checked; check again: {command}")
    if not there:
        ledger = Ledger(batch, checked["until"], checked["recent"])
        fold(workspace, pq.read_table(file), ledger, expected=before)
        workspace = Workspace.open(workspace.path)
    now, n = workspace.tables["events"], checked["new"]
    words = f"{counted(n, 'event')} of the service came into the table, which has {now.rows:,}"
    return Found(words, {"events": now.sha256, "folded": n})
