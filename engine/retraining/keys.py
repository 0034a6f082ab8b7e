"""What each step of a retraining was made from, as a hash: another one means that the step must be done again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from engine.artifacts import ArtifactStore
from engine.atomic import sha256
from engine.recommending.shop import OPTIONAL, TABLES
from engine.recommending.training import KIND
from engine.recommending.tuning import FILE, FOLDER
from engine.retraining.config import STEPS
from engine.retraining.context import Context
from engine.retraining.ledger import batch_of

# What each step reads of the configuration; the others depend on it only through what came before them.
CONFIGURED = {
    "validate": ("events_from",),
    "train": ("seed", "trials"),
    "evaluate": ("seed",),
    "compare": ("seed", "margin", "metric", "guards"),
}


def key_of(context: Context, step: str) -> str:
    """The hash of everything that `step` is made from, the results of the steps before it included."""
    config = asdict(context.config)
    before = STEPS[: STEPS.index(step)]
    files = [context.folder.path / f"{name}.json" for name in before[-1:]]
    said = {
        "step": step,
        "config": {name: config[name] for name in CONFIGURED.get(step, ())},
        "before": [context.state.steps[name].key for name in before[-1:] if name in context.state.steps],
        "found": [sha256(file) for file in files if file.exists()],
        "inputs": _inputs(context, step),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def tables_of(context: Context) -> dict[str, str]:
    """The content hash of each table that recommenders learn from, as it was before this run's events came into it."""
    stored = context.workspace.tables
    found = {name: stored[name].sha256 for name in (*TABLES, *OPTIONAL) if name in stored}
    checked = context.found("validate")
    own = checked.get("batch") and "events" in stored and batch_of(stored["events"].origin) == checked["batch"]
    folded = context.found("features").get("events", found.get("events"))
    if own and found.get("events") == folded:
        found["events"] = checked["tables"].get("events", "")
    return found


def serving_before(context: Context) -> dict[str, str]:
    """The version of each recommender that served before this run promoted its own."""
    serving = {
        name: version for (kind, name), version in ArtifactStore(context.workspace).serving().items() if kind == KIND
    }
    made = context.found("train").get("versions")
    if made and all(serving.get(name) == version for name, version in made.items()):
        return dict(context.found("compare").get("over", serving))
    return serving


def settings_hash(context: Context) -> str:
    """The hash of what tuning found, which challengers are trained with."""
    file = context.workspace.path / FOLDER / FILE
    return sha256(file) if file.exists() else ""


def _inputs(context: Context, step: str) -> Any:
    """What a step reads that no step before it made."""
    if step == "validate":
        return [tables_of(context), context.state.accepted]
    if step == "train":
        return settings_hash(context)
    if step == "compare":
        return serving_before(context)
    if step == "notify":
        return [[name, one.status, one.words] for name, one in context.state.steps.items() if name != "notify"]
    return None
