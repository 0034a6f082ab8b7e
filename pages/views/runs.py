"""Runs: every run with its notes and tags, and every version of every artifact: which serves, and letting another."""

from functools import partial

import pandas as pd
import streamlit as st

from engine.decisions import MAX_REASON
from engine.errors import ShelfwiseError, UnknownNameError, counted
from engine.recommending import promoting
from engine.recommending.training import KIND, PIPELINE
from engine.run_notes import MAX_NOTE, MAX_TAG, Note, RunNotes
from engine.runs import Run, RunStore
from engine.scoreboard import ROOMS
from engine.tracking import tracking_address
from engine.versions import Version, Versions
from engine.workspace import Workspace
from pages.parts import cards, deciding, export, links, metrics_cache, shell, states
from pages.parts.markup import html, icon, join, show
from pages.parts.metrics_room import start_command

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
_TABLE = '<div class="sw-scroll"><table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
SHOWN = 30


def main() -> None:
    """The runs that match, the one that is open, and the versions of artifacts."""
    workspace = shell.workspace()
    show(html('<div class="sw-head"><h1>Runs</h1></div>'), key="title")
    deciding.show_said()
    see = links.get("see") if links.get("see") == "versions" else ""
    bound = links.bind("see", see, "", drop=("q", "room", "tag", "run", "page"))
    names = {"": "Runs", "versions": "Versions"}
    st.segmented_control(
        "See", list(names), format_func=names.get, required=True, label_visibility="collapsed", **bound
    )
    if see:
        show_versions(workspace)
    else:
        show_runs(workspace)


def show_runs(workspace: Workspace) -> None:
    """A search over models, ids, notes and tags; the runs; the open one."""
    store, notes = RunStore(workspace), RunNotes(workspace).current()
    runs = store.list()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bound = links.bind("q", links.get("q"), "", drop=("page",))
        st.text_input("Search", placeholder="Model, id, note or tag", max_chars=200, width=330, **bound)
        kind = links.get("room") if links.get("room") in ROOMS else ""
        bound = links.bind("room", kind, "", drop=("page",))
        labels = {"": "All", **{name: room.label for name, room in ROOMS.items()}}
        st.selectbox("Room", list(labels), format_func=labels.get, width=190, **bound)
    for run_id, reason in store.damaged().items():
        show(html('<p class="sw-note">{} {}</p>', icon("error", "damaged"), reason), key=f"damaged-{run_id}")
    found = [run for run in runs if _matches(run, notes.get(run.id), links.get("q"), kind)]
    said = f"{counted(len(found), 'run')} of {len(runs):,}, newest first"
    show(html(_TITLE, "Runs", said), key="runs-title")
    if links.get("run"):
        show_run(workspace, runs, notes)
    if not found:
        ways = {"All runs": links.link(q=None, room=None)}
        states.empty("No runs", "No run matches; or nothing was measured yet.", ways, key="runs")
        return
    count = -(-len(found) // SHOWN)
    page = int(links.number("page", 1, low=1, high=count))
    heads = ("When (UTC)", "Model", "Room", "Headline", "Rows", "Note")
    shown = found[(page - 1) * SHOWN : page * SHOWN]
    body = join(_run_line(workspace, run, notes.get(run.id)) for run in shown)
    show(html(_TABLE, join(html("<th>{}</th>", name) for name in heads), body), key="runs")
    if count > 1:
        show(cards.pager(page, count, around=2), key="pager")
    export.button("Export the runs", lambda: _as_table(found, notes), name=f"{workspace.name}-runs", key="runs-export")
    address = tracking_address(workspace)
    if address.startswith("http"):
        show(html('<p class="sw-note">The same runs are on the MLflow server {}</p>', address), key="mlflow")
        return
    show(html('<p class="sw-note">The same runs in MLflow’s own interface:</p>'), key="mlflow")
    st.code(f".venv/bin/mlflow ui --backend-store-uri {address}", language="bash", wrap_lines=True)


def _matches(run: Run, note: Note | None, query: str, kind: str) -> bool:
    text = " ".join((run.id, run.model, run.split, *((note.text, *note.tags) if note else ()))).casefold()
    return kind in ("", run.kind) and all(word in text for word in query.casefold().split())


def _run_line(workspace: Workspace, run: Run, note: Note | None) -> object:
    try:
        headline = metrics_cache.headline(workspace, str(workspace.path), run.id)
        figures = links.link("metrics", room=run.kind, run=run.id)
        headline = html('<a href="{}">{}</a>', figures, headline) if headline else ""
        rows = html('<a href="{}">{:,}</a>', links.link("", rows=f"run:{run.id}"), RunStore(workspace).n_rows(run.id))
    except ShelfwiseError as error:
        headline, rows = html('{} <span class="sw-small">{}</span>', icon("error", "damaged"), str(error)), "–"
    tags = join((html('<span class="sw-chip">{}</span>', tag) for tag in note.tags), " ") if note else ""
    return html(
        '<tr><td class="sw-num">{}</td><td><a class="sw-link" href="{}">{}</a> <span class="sw-quiet">{}</span></td>'
        '<td>{}</td><td>{}</td><td class="sw-r">{}</td><td>{} {}</td></tr>',
        run.created[:16].replace("T", " "),
        links.link(run=run.id),
        run.model,
        run.id,
        ROOMS[run.kind].label,
        headline,
        rows,
        note.text[:120] if note else "",
        tags,
    )


def show_run(workspace: Workspace, runs: list[Run], notes: dict[str, Note]) -> None:
    """What made a run, the command that starts one like it, where its figures are, and its note."""
    run = next((one for one in runs if one.id == links.get("run")), None)
    if run is None:
        raise UnknownNameError("run", links.get("run"), [one.id for one in runs])
    close = html('<a class="sw-link sw-small" href="{}">Close</a>', links.link(run=None))
    ways = join(
        (
            html('<a class="sw-link" href="{}">{}</a>', links.link(page, room=run.kind, run=run.id), said)
            for page, said in (("metrics", "Its figures"), ("compare", "Compare"), ("leaks", "Leak map"))
            if page != "leaks" or run.kind != "tags"
        ),
        " · ",
    )
    show(html('<div class="sw-section"><h2>{}</h2><p>{} · {}</p></div>', run.id, ways, close), key="run-title")
    left, right = st.columns(2, gap="large")
    with left:
        facts = {
            "Data": run.data_hash,
            "Split": run.split,
            "Eligible": run.eligibility,
            "Seed": run.seed,
            **{f"config: {name}": value for name, value in run.config.items()},
            **{f"version: {name}": value for name, value in run.versions.items()},
        }
        lines = join(html("<tr><td>{}</td><td>{}</td></tr>", name, str(value)[:300]) for name, value in facts.items())
        show(html(_TABLE, html("<th>Made from</th><th></th>"), lines), key="run-facts")
        show(html('<p class="sw-note">A run like it is started by:</p>'), key="run-command")
        st.code(start_command(workspace, run), language="bash", wrap_lines=True)
    with right:
        _show_note(workspace, run, notes.get(run.id))


def _show_note(workspace: Workspace, run: Run, note: Note | None) -> None:
    if note:
        by = html('<p class="sw-note">Written by {} on {}.</p>', note.who, note.written[:10])
        show(by, key="note-by")
    deciding.choose_name()
    with st.form("note", border=False):
        st.text_area("Note", note.text if note else "", max_chars=MAX_NOTE, key="note-text")
        said = ", ".join(note.tags) if note else ""
        st.text_input("Tags, with commas between", said, max_chars=10 * MAX_TAG, key="note-tags")
        st.form_submit_button("Save the note", icon=":material/save:", on_click=partial(_note, workspace, run))


def _note(workspace: Workspace, run: Run) -> None:
    text, tags = st.session_state["note-text"], st.session_state["note-tags"].split(",")
    if deciding.tried(lambda: RunNotes(workspace).write(run.id, text, tags, who=deciding.who())):
        deciding.say(f"The note on {run.id} is saved")


def show_versions(workspace: Workspace) -> None:
    """Every version of every artifact, the one that serves marked; a form lets another one serve."""
    versions = Versions(workspace)
    found = versions.listed()
    said = "The pointer CURRENT says which version serves; an older one can serve again, with a reason that is kept"
    show(html(_TITLE, "Versions", said), key="versions-title")
    if not found:
        states.empty("Nothing is trained yet", "Train a model first.", {"Overview": links.link("")}, key="versions")
        return
    heads = ("", "Artifact", "Version", "When (UTC)", "Split", "")
    body = join(_version_line(one) for one in found)
    show(html(_TABLE, join(html("<th>{}</th>", name) for name in heads), body), key="versions")
    if links.get("row"):
        _show_promoting(workspace, found)
    log = versions.log()
    if log:
        lines = join(
            html(
                "<li><b>{}/{}</b> {} <span class='sw-quiet'>instead of {} · {} · {}</span> “{}”</li>",
                *(one.kind, one.name, one.version, one.before, one.who, one.decided[:16].replace("T", " "), one.reason),
            )
            for one in log
        )
        show(html('{}<ul class="sw-compared">{}</ul>', html(_TITLE, "Changed by people", ""), lines), key="log")


def _version_line(one: Version) -> object:
    mark = icon("check_circle", "serves") if one.serves else ""
    key = f"{one.kind}/{one.name}/{one.version}"
    change = "" if one.serves else html('<a class="sw-link" href="{}">Let it serve</a>', links.link(row=key))
    return html(
        '<tr><td>{}</td><td><b>{}</b> <span class="sw-quiet">{}</span></td><td class="sw-num">{}</td>'
        '<td class="sw-num">{}</td><td>{}</td><td>{}</td></tr>',
        mark,
        one.name,
        one.kind,
        one.version,
        one.card.created[:16].replace("T", " ") if one.card else "",
        one.card.split if one.card else one.damage,
        change,
    )


def _show_promoting(workspace: Workspace, found: list[Version]) -> None:
    known = {f"{one.kind}/{one.name}/{one.version}": one for one in found}
    key = links.get("row")
    if key not in known:
        raise UnknownNameError("version", key, known)
    one = known[key]
    with_models = html("<p>The models that it was measured with go along.</p>") if _with_models(one) else ""
    title = html("<h3>Let {} {} serve</h3>{}", f"{one.kind}/{one.name}", one.version, with_models)
    show(title, key="promote-title")
    deciding.choose_name()
    with st.form("promote", border=False):
        st.text_input("Why", max_chars=MAX_REASON, key="promote-reason", placeholder="What was wrong with the other")
        st.form_submit_button("Let it serve", icon=":material/publish:", on_click=partial(_promote, workspace, one))


def _promote(workspace: Workspace, one: Version) -> None:
    said = {"reason": st.session_state["promote-reason"], "who": deciding.who()}

    def act() -> None:
        if _with_models(one):
            promoting.promote_pipeline(workspace, one.version, **said)
        else:
            Versions(workspace).promote(one.kind, one.name, one.version, **said)

    if deciding.tried(act):
        deciding.say(f"{one.kind}/{one.name} {one.version} serves now")
        links.follow(links.link(row=None))


def _with_models(one: Version) -> bool:
    """Whether a version was measured with versions of other artifacts, which go to serve with it."""
    return (one.kind, one.name) == (KIND, PIPELINE)


def _as_table(runs: list[Run], notes: dict[str, Note]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run": run.id,
            "kind": run.kind,
            "model": run.model,
            "created": run.created,
            "data": run.data_hash,
            "split": run.split,
            "eligibility": run.eligibility,
            "seed": run.seed,
            "note": notes[run.id].text if run.id in notes else "",
            "tags": ", ".join(notes[run.id].tags) if run.id in notes else "",
        }
        for run in runs
    )


main()
