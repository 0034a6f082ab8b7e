"""The step validate: is what training would see like the days that were good? Nothing is replaced before it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import pyarrow.parquet as pq

from engine.artifacts import ArtifactStore
from engine.atomic import atomic_path, sha256
from engine.data.base import ImportReport
from engine.errors import NotBuiltError, counted
from engine.recommend.events import micros
from engine.recommending.training import KIND, PIPELINE
from engine.retraining.checks import Check
from engine.retraining.config import SERVICE
from engine.retraining.context import Context, Found
from engine.retraining.day_checks import check_age, check_amount, check_lost
from engine.retraining.drift_checks import check_drift, check_nulls
from engine.retraining.keys import settings_hash, tables_of
from engine.retraining.ledger import read_ledger
from engine.retraining.reference import Reference, make_reference, read_reference
from engine.retraining.sample import Sample, read_known, read_sample
from engine.retraining.stored import Batch, arrow_of, new_events, no_rows
from engine.retraining.table_checks import check_catalogue, check_rejected, check_schema

CANDIDATE = "reference"  # in the run's folder: what becomes the reference when the run ends well


def validate(context: Context) -> Found:
    """Check the tables and the service's new events; the events are kept for the next step when they may come in.

    Raises NotBuiltError when there is no catalogue or there are no events at all.
    """
    workspace, tables = context.workspace, tables_of(context)
    workspace.table_path("items")
    checks = list(check_schema(workspace))
    if all(check.verdict != "refused" for check in checks):
        checks.append(check_catalogue(workspace.read("items", ["item_id"])))
    if any(check.verdict == "refused" for check in checks):
        return _refused(context, checks, {"tables": tables})
    reference, now = read_reference(workspace), micros(context.now)
    batch, sample = _seen(context)
    rows = {"items": len(sample.items), "events": len(sample.events)}
    limits = context.config.limits
    checks += [check_rejected(batch, limits), *check_lost(rows, reference, limits)]
    checks += [check_age(sample, reference, limits, now), check_amount(sample, reference, limits)]
    checks += [*check_nulls(sample, reference, limits), *check_drift(sample, reference, limits)]
    details = {"tables": tables, **_told(batch), "nothing_new": _nothing_new(context, batch, reference)}
    made = make_reference(sample, context.state.id, now=now, rows=rows)
    recipe = recipe_hash(context)
    replace(made, tables=tables, recipe=recipe).write(context.folder.path / f"{CANDIDATE}.json")
    found = _refused(context, checks, details)
    return found if found.status == "refused" else replace(found, details={**found.details, **_kept(context, batch)})


def recipe_hash(context: Context) -> str:
    """The hash of the settings that a challenger is trained with."""
    said = json.dumps([context.config.seed, context.config.trials, settings_hash(context)])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _seen(context: Context) -> tuple[Batch, Sample]:
    """The new events of the service, and the tables with them."""
    workspace, now = context.workspace, context.now
    if "events" not in workspace.tables and context.config.events_from != SERVICE:
        workspace.table_path("events")
    known = read_known(workspace)
    told = context.config.events_from == SERVICE
    batch = new_events(workspace, read_ledger(workspace), known, now=now) if told else nothing()
    if known.empty and batch.rows.empty:
        raise NotBuiltError(f"A table of events in {workspace.name}", workspace.import_command)
    sample = read_sample(workspace, batch.rows, known, now=micros(now), age=context.config.limits.age)
    return batch, sample


def nothing() -> Batch:
    """No events."""
    return Batch(no_rows(), {}, ImportReport(), {})


def _told(batch: Batch) -> dict[str, object]:
    """What the service was told, in numbers."""
    return {
        "new": len(batch.rows),
        "unusable": dict(batch.report.rejected),
        "examples": dict(batch.report.examples),
        "stayed": dict(batch.stayed),
        "there_already": batch.there,
    }


def _kept(context: Context, batch: Batch) -> dict[str, object]:
    """Keep the batch for the next step; what that needs to know of it."""
    if not batch.name:
        return {"batch": ""}
    file = context.batch_file(batch.name)
    with atomic_path(file) as temporary:
        pq.write_table(arrow_of(batch.rows), temporary, compression="zstd")
    after = read_ledger(context.workspace).after(batch.name, batch.arrived)
    return {"batch": batch.name, "batch_sha256": sha256(file), "until": after.until, "recent": dict(after.recent)}


def _nothing_new(context: Context, batch: Batch, reference: Reference | None) -> bool:
    """Whether the same was trained on and compared the last time, and something serves."""
    serves = PIPELINE in ArtifactStore(context.workspace).names(KIND)
    return bool(
        reference
        and not batch.name
        and serves
        and dict(reference.tables) == tables_of(context)
        and reference.recipe == recipe_hash(context)
    )


def _refused(context: Context, checks: Sequence[Check], details: dict[str, object]) -> Found:
    """The step's result: refused unless each check passed, or a person lets it pass who may."""
    accepted = context.state.accepted
    told = [
        replace(check, verdict="accepted") if check.verdict == "refused" and check.by_person and accepted else check
        for check in checks
    ]
    refused = [check for check in told if check.verdict == "refused"]
    details = {**details, "checks": [asdict(check) for check in told]}
    if refused:
        said = "; ".join(f"{check.name}: {check.words}" for check in refused)
        return Found(f"The data was refused. {said}", details, "refused")
    counts = {
        verdict: sum(check.verdict == verdict for check in told) for verdict in ("passed", "accepted", "not judged")
    }
    said = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n)
    n = len(told)
    return Found(f"{n} checks: {said}; {counted(int(str(details['new'])), 'new event')} of the service", details)
