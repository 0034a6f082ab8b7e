"""The room Retraining: how the last retrainings ended, and why a new version serves or doesn't."""

import streamlit as st
from markupsafe import Markup

from engine.errors import ShelfwiseError, UnknownNameError
from engine.retraining.config import STEPS
from engine.retraining.folder import RunFolder, RunState, folders
from engine.workspace import Workspace
from pages.parts import export, links
from pages.parts.markup import html, icon, show
from pages.parts.service_room import note, table, title
from pages.parts.service_words import span

REPORT = "report.md"
MOST_REPORT = 200_000  # characters that are shown
SHOWN = 30
_OUTCOMES = {  # outcome: icon, style of its badge, words
    "promoted": ("publish", "sw-up", "a new version serves"),
    "kept": ("equal", "sw-same", "the old version serves on"),
    "refused": ("block", "sw-down", "the data was refused"),
    "failed": ("error", "sw-down", "it failed"),
    "": ("pending", "sw-same", "not finished"),
}


def show_room(workspace: Workspace) -> None:
    """The retrainings, newest first; the steps and the report of the one that is open."""
    found = folders(workspace)[:SHOWN]
    if not found:
        said = (
            "Nothing was retrained here yet. A retraining checks the day’s data, trains beside what serves, compares "
            "both over the same users, and lets the new version serve only when it is no worse:"
        )
        title("No retraining", said, key="retraining")
        st.code(f".venv/bin/python scripts/retrain.py --workspace {workspace.name}", language="bash")
        return
    states = [(folder, folder.load()) for folder in found]
    title("Retrainings", "The newest first; open one for its steps and its report", key="retrainings")
    rows = [_line(state) for _, state in states]
    show(table(("Begun (UTC)", "Outcome"), rows, left=2, style="sw-breakdown sw-figures"), key="retrainings")
    chosen = links.get("part") or states[0][1].id
    opened = next(((folder, state) for folder, state in states if state.id == chosen), None)
    if opened is None:
        raise UnknownNameError("retraining", chosen, [state.id for _, state in states])
    _show_run(*opened)


def _line(state: RunState) -> tuple[object, object]:
    opens = links.link(part=state.id)
    when = state.started[:16].replace("T", " ")
    link = html('<a class="sw-link" href="{}">{}</a><small>{}</small>', opens, when, state.id)
    return link, html('{} <span class="sw-small">{}</span>', _badge(state.outcome), state.words)


def _badge(outcome: str) -> Markup:
    symbol, style, words = _OUTCOMES.get(outcome, ("help", "sw-same", outcome))
    return html('<span class="sw-badge {}">{} {}</span>', style, icon(symbol), words)


def _show_run(folder: RunFolder, state: RunState) -> None:
    versions = html('<a class="sw-link" href="{}">Versions</a>', links.link("runs", see="versions"))
    runs = html('<a class="sw-link" href="{}">Runs</a>', links.link("runs", room="recommend"))
    title(state.id, html("{} {} · {}", _badge(state.outcome), runs, versions), key="run")
    for place, said in enumerate(state.notes):
        note(said, key=f"note-{place}")
    if state.accepted:
        note(f"Refused data was accepted by {state.who}: {state.accepted}", key="accepted", symbol="how_to_reg")
    rows = [_step(state, name) for name in STEPS if name in state.steps or not state.finished]
    show(table(("Step", "What came of it", "Took"), rows, left=2, style="sw-breakdown sw-figures"), key="steps")
    _show_report(folder, state)


def _step(state: RunState, name: str) -> tuple[object, object, object]:
    step = state.steps.get(name)
    if step is None:
        return html("{}<small>to come</small>", name), "", ""
    symbols = {"done": "check_circle", "skipped": "skip_next", "refused": "block", "failed": "error"}
    said = html("{}<small>{} {}</small>", name, icon(symbols.get(step.status, "help")), step.status)
    return said, html('<span class="sw-small">{}</span>', step.words), _took(step.seconds)


def _took(seconds: float) -> str:
    return span(seconds) if seconds >= 1 else "below 1 s"


def _show_report(folder: RunFolder, state: RunState) -> None:
    try:
        report = (folder.path / REPORT).read_text(encoding="utf-8")
    except FileNotFoundError:
        note("Its report is written when it ends.", key="report")
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ShelfwiseError(f"The report of {state.id} can't be read ({type(error).__name__}).") from None
    with st.expander("The whole report", icon=":material/description:"):
        st.code(report[:MOST_REPORT], language="markdown", wrap_lines=True)
    export.file(
        "The report as a file",
        report.encode,
        name=f"{state.id}.md",
        mime="text/markdown",
        key="report-file",
        small=True,
    )
