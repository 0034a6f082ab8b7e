"""Judging hits: the buttons with their keys, the name and the reason, what was judged last, and the exports."""

from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine.judging import MAX_REASON, REASONS, Judging
from engine.workspace import Workspace
from pages.parts import deciding, export, links, search_hits, verdicts
from pages.parts.markup import html, join, show

LABELS = {
    "good": ("Good", ":material/check_circle:", "1"),
    "partly": ("Partly", ":material/contrast:", "2"),
    "bad": ("Bad", ":material/cancel:", "3"),
}
LAST_SHOWN = 8
NO_REASON = "No reason"


def judge_buttons(workspace: Workspace, query: str, item_id: str, *, then: str | None, before: str | None) -> None:
    """Good, partly and bad, the way to the next and the previous hit, undo; each with its key.

    then, before: addresses of the next and the previous hit. Keys of widgets hold the query and the SKU: a late click
    on the buttons of another hit doesn't judge this one.
    """
    with st.container(horizontal=True, gap="small", key="judge"):
        for verdict, (label, symbol, shortcut) in LABELS.items():
            act = partial(judge, workspace, query, item_id, verdict, then=then)
            kind = "primary" if verdict == "good" else "secondary"
            key = f"judge-{verdict}-{item_id}-{query}"
            st.button(label, key=key, type=kind, icon=symbol, shortcut=shortcut, on_click=act)
        act = partial(links.follow, before)
        st.button(
            "Previous",
            key="hit-before",
            icon=":material/arrow_upward:",
            shortcut="K",
            disabled=not before,
            on_click=act,
        )
        act = partial(links.follow, then)
        st.button(
            "Next", key="hit-next", icon=":material/arrow_downward:", shortcut="J", disabled=not then, on_click=act
        )
        undo_button(workspace)
        with st.popover("Who and why", icon=":material/person:"):
            deciding.choose_name()
            options = [NO_REASON, *REASONS]
            st.selectbox("Reason", options, accept_new_options=True, key="judge-reason", help="For partly and bad")


def judge(workspace: Workspace, query: str, item_id: str, verdict: str, *, then: str | None) -> None:
    """Do what a button says, then go to the address `then`, if any. A reason is given with partly and bad only."""
    reason = str(st.session_state.get("judge-reason") or NO_REASON)[:MAX_REASON]
    given = "" if verdict == "good" or reason == NO_REASON else reason
    act = partial(Judging(workspace).judge, query, item_id, verdict, who=deciding.who(), reason=given)
    if deciding.tried(act):
        deciding.say(f"{LABELS[verdict][0]}: {item_id} for “{query}”" + (f", {given.lower()}" if given else ""))
        if then:
            links.follow(then)


def undo_button(workspace: Workspace) -> None:
    """Takes back this person's last judgment and shows the hit that it was about."""
    last = Judging(workspace).last(deciding.who())
    act = partial(undo, workspace, last.id, last.query, last.item_id) if last else None
    said = "Take back your last judgment"
    st.button("Undo", key="unjudge", icon=":material/undo:", shortcut="U", disabled=not last, on_click=act, help=said)


def undo(workspace: Workspace, judgment: int, query: str, item_id: str) -> None:
    """Take a judgment back and show its hit."""
    if deciding.tried(partial(Judging(workspace).undo, judgment, who=deciding.who())):
        deciding.say(f"Undone: {item_id} for “{query}”")
        links.follow(links.link(q=query, sku=item_id, above=None))


def show_last(workspace: Workspace) -> None:
    """The last judgments of everybody, and the whole log in two forms."""
    history = Judging(workspace).history()
    if history.empty:
        return
    title = html('<div class="sw-section"><h2>Last judgments</h2></div>')
    judged = Judging(workspace)
    lines = [_line(row) for row in history.head(LAST_SHOWN).to_dict("records")]
    show(html('{}<ul class="sw-compared">{}</ul>', title, join(lines)), key="judged-last")
    with st.container(horizontal=True, gap="small"):
        name = f"{workspace.name}-search"
        export.button(
            "Export the log",
            lambda: judged.history().assign(workspace=workspace.name),
            name=f"{name}-log",
            key="export-log",
        )
        imported = partial(_as_table, workspace)
        export.button("Export as judgments table", imported, name=f"{name}-judgments", key="export-judgments")


def _as_table(workspace: Workspace) -> pd.DataFrame:
    imported = workspace.read("judgments") if "judgments" in workspace.tables else None
    return Judging(workspace).judgments(imported)


def _line(row: dict) -> Markup:
    style, _, words = search_hits.VERDICTS[row["verdict"]]
    why = f", {row['reason'].lower()}" if row["reason"] else ""
    taken = html(' <span class="sw-meta">undone by {}</span>', row["undone_by"]) if row["undone_by"] else ""
    return html(
        '<li><span class="sw-badge {}">{}</span> <span><a class="sw-link" href="{}">{}</a> for “{}” '
        '<span class="sw-meta">{}, {}{}</span>{}</span></li>',
        style,
        words,
        links.link("search", q=row["query"], sku=row["item_id"]),
        row["item_id"],
        row["query"],
        row["who"],
        verdicts.when(row["judged"]),
        why,
        taken,
    )
