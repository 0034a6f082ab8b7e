"""Ranking lab: an ensemble beside its members, other weights tried, what features do, and one decision taken apart."""

import streamlit as st

from engine.errors import ArtifactError, NotBuiltError, UnknownNameError
from engine.workspace import Workspace
from pages.parts import export, links, ranking_cache, shell, states
from pages.parts.markup import html, show
from pages.parts.ranking_decision import OPENED, show_decision
from pages.parts.ranking_features import show_features
from pages.parts.ranking_members import show_members
from pages.parts.ranking_room import VIEWS, open_room, show_notices
from pages.parts.ranking_rows import behind
from pages.parts.ranking_tuning import show_tuning
from pages.parts.ranking_weights import show_weights
from pages.parts.rows import show_rows

_SHOWN = {
    "": show_members,
    "weights": show_weights,
    "features": show_features,
    "decision": show_decision,
    "tuning": show_tuning,
}


def main() -> None:
    """The view that the address names; and in a drawer beside it the rows of a number."""
    workspace = shell.workspace()
    show(html('<div class="sw-head"><h1>Ranking lab</h1></div>'), key="title")
    try:
        room = open_room(workspace)
    except NotBuiltError as error:
        workspace.table_path("items")
        show_missing(error)
        return
    except ArtifactError as error:
        show_damaged(workspace, error)
        return
    see = choose_view()
    show_notices(room)
    with states.frame():
        if see not in VIEWS:
            raise UnknownNameError("view", see, VIEWS)
        _SHOWN[see](room)
        if links.get("rows"):
            show_rows(workspace.name, behind(room, links.get("rows")))


def choose_view() -> str:
    """The views as a segmented control, and the link to this one."""
    see = links.get("see")
    drop = ("rows", "all", "page", "list", "user", "ask", *OPENED)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        bound = links.bind("see", see if see in VIEWS else "", "", drop=drop)
        st.segmented_control(
            "View", list(VIEWS), format_func=VIEWS.get, required=True, label_visibility="collapsed", **bound
        )
        with st.container(width="content"):
            export.copy_link()
    return see


def show_missing(error: NotBuiltError) -> None:
    """Nothing is trained yet: the command, and what comes of it."""
    states.not_built(NotBuiltError("The ensemble", error.command))
    said = (
        "It prepares lists of candidates, trains the members and weighs them. This page then opens with their figures."
    )
    show(html('<p class="sw-note">{}</p>', said), key="missing")


def show_damaged(workspace: Workspace, error: ArtifactError) -> None:
    """A part of the ensemble is damaged or of something else: what, and the command that trains it again."""
    states.empty("The ensemble can’t be used", f"{error} This trains it again:", {}, key="damaged")
    st.code(ranking_cache.command(workspace), language="bash", wrap_lines=True)


main()
