"""The report of one retraining, for people: what happened in each step, and what to do about refused data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.retraining.config import STEPS
from engine.retraining.context import Context

MOST_VALUE = 80  # characters of a value in a table


def report_of(context: Context, outcome: str, words: str) -> str:
    """The report as Markdown."""
    return "\n".join([*_head(context, outcome, words), *_steps(context), *_checks(context), *_compared(context)]) + "\n"


def _head(context: Context, outcome: str, words: str) -> Iterator[str]:
    state = context.state
    yield f"# Retraining {state.id}: {outcome}\n\n{words}\n"
    yield f"Workspace {context.workspace.name}, begun {state.started[:19]} UTC, data judged at {state.now[:19]} UTC."
    if state.accepted:
        yield f"\n**Accepted** by {state.who}: {state.accepted}"
    for note in state.notes:
        yield f"\n- {note}"


def _steps(context: Context) -> Iterator[str]:
    yield "\n## Steps\n\n| step | | seconds | |\n|---|---|---:|---|"
    for name in STEPS[:-1]:
        step = context.state.steps.get(name)
        if step:
            yield f"| {name} | {step.status} | {step.seconds:.1f} | {_cell(step.words)} |"


def _checks(context: Context) -> Iterator[str]:
    checks = context.found("validate").get("checks", [])
    if not checks:
        return
    yield "\n## The data\n\n| check | | value | limit | |\n|---|---|---:|---:|---|"
    for check in checks:
        value, limit = (_number(check[name]) for name in ("value", "limit"))
        yield f"| {check['name']} | {check['verdict']} | {value} | {limit} | {_cell(check['words'])} |"
    for check in checks:
        if check["verdict"] in ("refused", "accepted"):
            yield f"\n### {check['name']}\n\n{check['words']}. {check['advice']}"
            yield from _rows(check["rows"])
    refused = [check for check in checks if check["verdict"] == "refused"]
    if refused and all(check["by_person"] for check in refused):
        command = f'.venv/bin/python scripts/retrain.py --workspace {context.workspace.name} --accept-drift "REASON"'
        yield f"\nNothing was replaced. To let this data pass once:\n\n    {command}"


def _rows(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    if rows:
        names = list(rows[0])
        yield f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}"
        for row in rows:
            yield f"| {' | '.join(_cell(row.get(name, '')) for name in names)} |"


def _compared(context: Context) -> Iterator[str]:
    found = context.found("compare")
    if "verdict" not in found:
        return
    difference = found["difference"]
    yield f"\n## Against what serves\n\n{found['reason']}\n"
    yield f"What serves was asked as {found['way']}: {found['why']}."
    users = difference["wins"] + difference["ties"] + difference["losses"]
    yield f"{users:,} users: {difference['wins']:,} better, {difference['losses']:,} worse."
    yield f"Runs: {found['runs']['challenger']} beside {found['runs']['serving']}."
    for name, guard in found["guards"].items():
        held = "holds" if guard["holds"] else "does not hold"
        said = f"{guard['serving']:.4f} -> {guard['challenger']:.4f}, at least {guard['least']:.4f}"
        yield f"\n- {name}: {said}: {held}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _cell(value: object) -> str:
    """A value in a table of Markdown: one line, no markup, no more than fits."""
    text = " ".join(str(value).split())
    text = text if len(text) <= 4 * MOST_VALUE else text[: 4 * MOST_VALUE - 1] + "…"
    for sign in "\\|`*_<[":
        text = text.replace(sign, f"\\{sign}")
    return text
