"""Keeping a SKU out of everybody's recommendations, and letting it be shown again."""

from functools import partial

import streamlit as st

from engine.hiding import Hiding
from engine.workspace import Workspace
from pages.parts import deciding
from pages.parts.markup import html, show
from pages.parts.recommend_room import Room


def hide_button(room: Room, item_id: str) -> None:
    """A button that hides the SKU, or says who has hidden it and takes that back."""
    workspace = room.workspace
    hidden = next((item for item in Hiding(workspace).current() if item.item_id == item_id), None)
    if hidden is None:
        act, said, symbol = partial(_hide, workspace, item_id), "Keep it out of all lists", ":material/visibility_off:"
    else:
        act, said, symbol = partial(_show, workspace, item_id), "Let it be shown again", ":material/visibility:"
        when = hidden.decided[:10]
        show(html('<p class="sw-note">Kept out of all lists by {} on {}.</p>', hidden.who, when), key="hidden-by")
    st.button(said, key="hide", icon=symbol, on_click=act)


def _hide(workspace: Workspace, item_id: str) -> None:
    if deciding.tried(lambda: Hiding(workspace).hide([item_id], who=deciding.who())):
        deciding.say(f"{item_id} is kept out of all lists")


def _show(workspace: Workspace, item_id: str) -> None:
    if deciding.tried(lambda: Hiding(workspace).show([item_id], who=deciding.who())):
        deciding.say(f"{item_id} may be shown again")
