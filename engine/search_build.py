"""Everything that search needs, built as one run: each step is passed over when nothing that it is made from changed.

What each step was made from is noted in the workspace when it is done, so a run that was stopped goes on with the step
under way, and that step where it was if it can.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.atomic import write_json
from engine.recall import RecallReport
from engine.search_measuring import OnDone
from engine.search_steps import BuildConfig, Steps
from engine.workspace import Workspace

__all__ = ["BuildConfig", "Built", "build_search"]

NOTES = "search_steps.json"
Start = Callable[[str, bool], OnDone]
"""Called with a step's name and whether it is passed over; what it returns is told how many more things are done."""


@dataclass(frozen=True)
class Built:
    """What a run gave: the encoder whose index serves, and recall over the reviews of test when it was measured now."""

    encoder: str
    recall: RecallReport | None


def build_search(
    workspace: Workspace,
    *,
    config: BuildConfig | None = None,
    start: Start = lambda name, passed_over: lambda done: None,
    force: bool = False,
) -> Built:
    """Build what `config` asks for; `force` makes everything anew. Raises what a step raises; what is done stays."""
    run = Steps(workspace, config or BuildConfig())
    notes = {} if force else _notes(workspace)
    for step in run.all():
        inputs = hashlib.sha256(json.dumps(step.inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]
        made = step.made()
        noted = notes.get(step.name) == {"inputs": inputs, "made": made}
        passed_over = made is not None and not force and (noted or step.fits())
        done = start(step.name, passed_over)
        if not passed_over:
            step.make(done)
            notes[step.name] = {"inputs": inputs, "made": step.made()}
            write_json(workspace.path / NOTES, notes)
    return Built(run.encoder, run.recall)


def _notes(workspace: Workspace) -> dict[str, Any]:
    """What each step was made from; nothing when the file is missing or damaged, so that all steps run."""
    try:
        said = json.loads((workspace.path / NOTES).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
