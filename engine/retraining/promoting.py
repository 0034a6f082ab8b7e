"""The step promote: all models of the challenger serve together, or what served before goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.atomic import remove
from engine.decisions import MAX_REASON
from engine.recommending.serving import open_pipeline
from engine.recommending.shop import OPTIONAL, TABLES
from engine.recommending.training import KIND, PIPELINE
from engine.retraining.context import Context, Found
from engine.retraining.fitting import BEFORE
from engine.retraining.reference import Reference, reference_file
from engine.retraining.validating import CANDIDATE
from engine.serve.assortment import assortment
from engine.serve.opening import Recommending, check_recommending
from engine.tracking import register
from engine.versions import Versions

WHO = "retraining"


def promote(context: Context) -> Found:
    """Let the challenger serve when the comparison says so, after it was opened and asked as the service does.

    Raises ArtifactError when it can't be opened or gives no lists, StorageError when something else serves by now.
    """
    compared, made = context.found("compare"), context.found("train")
    if compared["promote"]:
        _check(context, made["versions"][PIPELINE])
        reason = compared["reason"][:MAX_REASON]
        versions = Versions(context.workspace)
        versions.promote_together(KIND, made["versions"], over=compared["over"], reason=reason, who=WHO)
        _register(context, made["versions"], reason)
    _renew_reference(context)
    outcome = "promoted" if compared["promote"] else "kept"
    remove(context.folder.path / BEFORE)
    remove(context.batch_file(context.found("validate")["batch"]))  # what users did stays in the table alone
    serving = made["versions"][PIPELINE] if compared["promote"] else compared["over"].get(PIPELINE, "")
    words = f"pipeline {serving} {'serves now' if compared['promote'] else 'goes on'}: {compared['reason']}"
    return Found(words, {"outcome": outcome, "serving": serving})


def _register(context: Context, versions: Mapping[str, str], reason: str) -> None:
    """Name what serves in MLflow's registry, where there is a server."""
    figures = context.found("evaluate")["figures"]
    for name, version in versions.items():
        own = figures if name == PIPELINE else {}
        register(context.workspace, KIND, name, version, own, {"reason": reason, "retraining": context.state.id})


def _renew_reference(context: Context) -> None:
    """The data of a run that came this far is what the next days are held against."""
    stored = context.workspace.tables
    tables = {name: stored[name].sha256 for name in (*TABLES, *OPTIONAL) if name in stored}
    made = Reference(**context.found(CANDIDATE))
    replace(made, tables=tables).write(reference_file(context.workspace))


def _check(context: Context, version: str) -> None:
    shop, pipeline = open_pipeline(context.workspace, version)
    check_recommending(Recommending(version, shop, pipeline, assortment(shop, pipeline.fill, pipeline.hidden)))
