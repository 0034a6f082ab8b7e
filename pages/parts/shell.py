"""What surrounds every page: the mark, the workspace picker, and the workspace that the address names."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from engine.errors import NotBuiltError
from engine.settings import load_settings
from engine.versions import trust
from engine.workspace import DEMO_COMMAND, Workspace, find_workspace, list_workspaces
from pages.parts import links, masks
from pages.parts.markup import STYLE, html, join, show

MARK = Path(__file__).parent / "marks" / "mark.svg"
TRUSTED_SHOWN = 6  # in the strip; the page of versions has all
_TRUSTED = ("data", "recommenders/pipeline", "rankers/ensemble", "taggers/lora", "taggers/linear", "documents/items")
_WORDMARK = MARK.with_name("wordmark.svg")


def declare_pages() -> None:
    """Tell the server that app.py lists the pages.

    Beside a folder named pages, Streamlit first assumes its older automatic pages, until the first session has run: a
    deep link on a fresh server would then open with "Page not found" above the page.
    """
    PagesManager.uses_pages_directory = False


def start(page: str) -> None:
    """Remember which page is open, for links; draw the mark, and load our style once for all markup of the page."""
    st.session_state["here"] = page
    st.html(STYLE)
    st.logo(_WORDMARK, size="large", icon_image=MARK)


def workspace_picker() -> None:
    """The selector in the sidebar. Raises NotBuiltError with the command when there is no workspace at all."""
    settings = load_settings()
    names = list_workspaces(settings.home)
    if not names:
        raise NotBuiltError("A workspace", DEMO_COMMAND)
    asked = links.get("workspace") or st.session_state.get("workspace") or settings.workspace
    if not links.get("workspace") and asked not in names:
        asked = names[0]
    shown = asked if asked in names else None
    with st.sidebar:
        st.selectbox("Workspace", names, placeholder="Choose one", **links.bind("workspace", shown, None))
    st.session_state["workspace"] = asked
    if shown:
        links.settle(workspace=shown)
        links.settle_masks()
        with st.sidebar:
            mask_switch("mask-people")


def mask_switch(key: str) -> None:
    """The toggle under which nobody can be recognised; it stays while the session moves between pages."""
    st.session_state[key] = masks.on()
    said = "Shows user-… in place of the ids of users and of the authors of reviews: on pages, in links, in exports"
    st.toggle("Mask people", key=key, help=said, on_change=_switched, args=(key,))


def _switched(key: str) -> None:
    links.switch_masks(bool(st.session_state[key]))


def workspace() -> Workspace:
    """The workspace that the address names. Raises UnknownNameError or WorkspaceError when it can't be opened."""
    return find_workspace(load_settings().home, st.session_state["workspace"])


def trust_strip(workspace: Workspace) -> None:
    """What this page rests on: the data's hash and the versions that serve, in one line that opens the runs."""
    found = trust(workspace)
    names = sorted(found, key=lambda name: (_TRUSTED.index(name) if name in _TRUSTED else len(_TRUSTED), name))
    shown = [html("<span>{} <b>{}</b></span>", name, found[name]) for name in names[:TRUSTED_SHOWN]]
    more = [html("<span>and {:,} more</span>", len(names) - TRUSTED_SHOWN)] if len(names) > TRUSTED_SHOWN else []
    said = join([*shown, *more], " ")
    address = links.link("runs", see="versions")
    show(html('<a class="sw-trust" href="{}" aria-label="What this page rests on">{}</a>', address, said), key="trust")
