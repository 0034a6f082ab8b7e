"""The step features: the checked events come into the table. Recommenders read tables, so nothing else is prepared."""

from __future__ import annotations

import pyarrow.parquet as pq

from engine.atomic import sha256
from engine.errors import DataError
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
    if sha256(file) != checked["batch_sha256"]:
        command = f".venv/bin/python scripts/retrain.py --workspace {workspace.name} --force validate"
        raise DataError(f"{file} is not what was checked; check again: {command}")
    if not stored or batch_of(stored.origin) != batch:  # after a kill it may be in the table already
        ledger = Ledger(batch, checked["until"], checked["recent"])
        fold(workspace, pq.read_table(file), ledger, expected=before)
        workspace = Workspace.open(workspace.path)
    n = checked["new"]
    details = {"events": workspace.tables["events"].sha256, "folded": n}
    return Found(
        f"{n:,} events of the service came into the table, which has {workspace.tables['events'].rows:,}", details
    )
