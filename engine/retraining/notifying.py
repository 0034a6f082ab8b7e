"""The step notify: how it ended, for people, for the service's figures and for Telegram. It fails no retraining."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.atomic import write_json, write_text
from engine.recommending.training import KIND, PIPELINE
from engine.retraining.config import STEPS
from engine.retraining.context import Context, Found
from engine.retraining.folder import FOLDER, LAST, RunState
from engine.retraining.report import report_of
from engine.retraining.telegram import send
from engine.settings import load_telegram_settings, load_tracking_address
from engine.tracking import log_files

REPORT = "report.md"


def notify(context: Context) -> Found:
    """Write report.md and LAST.json, and tell Telegram where a chat is set."""
    outcome, words = ended(context.state, context.found("promote").get("outcome", ""))
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    write_text(context.folder.path / REPORT, report_of(context, outcome, words))
    last = {"id": context.state.id, "finished": finished, "outcome": outcome, "words": words}
    write_json(context.workspace.path / FOLDER / LAST, last)
    _log_report(context)
    text = f"{context.workspace.name}: retraining {context.state.id} {outcome}. {words}"
    told = send(load_telegram_settings(), text)
    return Found(told, {"outcome": outcome, "words": words, "told": told})


def _log_report(context: Context) -> None:
    """Add the report to what an MLflow server has of the training, where there are both."""
    version = context.found("train").get("versions", {}).get(PIPELINE)
    if version and load_tracking_address():
        log_files(context.workspace, KIND, PIPELINE, version, [context.folder.path / REPORT])


def ended(state: RunState, promoted: str) -> tuple[str, str]:
    """The outcome, and one sentence that says why."""
    for name in STEPS[:-1]:
        step = state.steps.get(name)
        if step is None:
            return "failed", f"It stopped before {name}."
        if step.status == "refused":
            return "refused", step.words
        if step.status == "failed":
            return "failed", f"{name} failed: {step.words}"
    step = state.steps["promote"]
    return (promoted or "kept"), step.words
