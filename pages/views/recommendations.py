"""Recommendations: what each user is shown and why, why not another SKU, and what would change; who is shown a SKU."""

from functools import partial

import streamlit as st

from engine.errors import ArtifactError, UnknownNameError
from engine.recommending.serving import train_command
from engine.workspace import Workspace
from pages.parts import deciding, export, links, masks, recommend_cards, shell, states
from pages.parts.markup import html, icon, show
from pages.parts.recommend_audience import show_audience, show_nobody
from pages.parts.recommend_compare import show_beside
from pages.parts.recommend_export import shown_list
from pages.parts.recommend_person import show_portrait, show_timeline
from pages.parts.recommend_room import EDITS, OPENED, VIEWS, WHAT_IF, Room, open_room, show_notices
from pages.parts.recommend_stages import show_stages
from pages.parts.recommend_start import preset_chips, show_start
from pages.parts.recommend_weights import show_committing, show_serving
from pages.parts.recommend_whatif import show_adding, show_cost, show_list, show_sliders
from pages.parts.recommend_why import choose_other, show_why


def main() -> None:
    """The user and the view; without a user the start page, a SKU's audience, or what nobody is shown."""
    workspace = shell.workspace()
    workspace.table_path("items")
    show(html('<div class="sw-head"><h1>Recommendations</h1></div>'), key="title")
    try:
        room = open_room(workspace)
    except ArtifactError as error:
        show_damaged(workspace, error)
        return
    with st.container(key="recommend-controls"):
        choose_user(room)
    show_notices(room)
    deciding.show_said()
    with states.frame():
        if links.get("user"):
            show_user(room)
        elif links.get("sku"):
            show_audience(room, links.get("sku"))
        elif links.get("see") == "nobody":
            show_nobody(room)
        else:
            show_start(room)


def show_damaged(workspace: Workspace, error: ArtifactError) -> None:
    """A part of the recommender is damaged or of another catalogue: what, and the command that trains it again."""
    states.empty("The recommender can’t be used", f"{error} This trains all of it again:", {}, key="damaged")
    st.code(train_command(workspace), language="bash", wrap_lines=True)


def choose_user(room: Room) -> None:
    """A field for an id, and the presets."""
    drop = (*OPENED, *EDITS, "all")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        bound = links.bind("user", links.get("user"), "", drop=drop)
        st.text_input("User", placeholder="User id", icon=":material/person:", max_chars=200, width=300, **bound)
        with st.container(width="stretch"):
            show(preset_chips(room), key="preset-chips")


def show_user(room: Room) -> None:
    """Who they are, and the chosen view of what they are shown."""
    show_portrait(room)
    see = links.get("see")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        bound = links.bind("see", see if see in VIEWS else "", "", drop=tuple(OPENED))
        st.segmented_control(
            "View", list(VIEWS), format_func=VIEWS.get, required=True, label_visibility="collapsed", **bound
        )
        with st.container(horizontal=True, width="content", gap="small"):
            export_button(room)
            export.copy_link()
    if see not in VIEWS:
        raise UnknownNameError("view", see, VIEWS)
    views = {"": show_recommended, "stages": show_stages, "beside": show_beside, WHAT_IF: show_what_if}
    if see in ("stages", "beside") and not links.get("sku"):
        views[see](room)  # tables and lists that need the room
        return
    left, right = st.columns([7, 5], gap="large")
    with left, st.container(key="beside" if links.get("sku") else "alone"), states.frame():
        views[see](room)
    with right, states.frame():
        show_side(room)


def show_side(room: Room) -> None:
    """Beside a list: the open SKU, or the history."""
    if links.get("see") == WHAT_IF and not links.get("sku"):
        with st.container(key="adding" if room.known else "adding-first"):
            show_adding(room)
    if links.get("sku"):
        show_why(room, links.get("sku"))
    else:
        show_timeline(room)


def show_recommended(room: Room) -> None:
    """The list as it is served, each with its reason, and a field to ask for what isn't in it."""
    found = room.shown()
    ids = room.ids(found)
    choose_other(room)
    if not ids:
        ways = {"Choose another user": links.link(user=None)}
        states.empty("Nothing to recommend", "Every SKU is left out by the rules.", ways, key="list")
        return
    drawn = recommend_cards.card_list(room, ids, filled=room.filled(found), current=links.get("sku"))
    show(html('<p class="sw-note">{} Open one to see why it is there.</p>{}', icon("touch_app"), drawn), key="list")


def show_what_if(room: Room) -> None:
    """Sliders, the list that comes of them, what they would have cost, and a way to let them serve."""
    show_sliders(room)
    show_list(room)
    show_cost(room)
    show_committing(room)
    show_serving(room)


def export_button(room: Room) -> None:
    """This user's list as a table."""
    name = f"{room.workspace.name}-recommendations-{masks.text(room.asked.user_id)}"
    export.button("Export", partial(shown_list, room), name=name, key="export")


main()
