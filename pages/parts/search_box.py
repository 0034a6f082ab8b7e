"""The query box: a search field that completes what is typed, with its suggestions from the engine."""

from pathlib import Path

import streamlit as st

from engine.workspace import Workspace
from pages.parts import links, search_cache

KEY = "query-box"
NEW_QUERY = {"sku": None, "above": None, "ask": None, "all": None}  # what a new query makes meaningless in the address
_SOURCES = {"asked": "asked before", "judged": "judged query", "tag": "tag", "title": "product"}
_BOX = st.components.v2.component(
    "shelfwise_query",
    html='<form class="sw sw-query" role="search"><span class="sw-icon" aria-hidden="true">search</span>'
    '<input type="text" name="query" maxlength="1000" role="combobox" aria-autocomplete="list" '
    'aria-controls="sw-options" aria-expanded="false" autocomplete="off" spellcheck="false">'
    '<button type="button" class="sw-icon" aria-label="Clear the query">close</button>'
    '<ul id="sw-options" role="listbox" aria-label="Suggestions" hidden></ul></form>',
    js=Path(__file__).with_name("combobox.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@st.fragment
def query_box(workspace: Workspace) -> None:
    """The field. Typing runs this alone; asking goes to the query's address and runs the page."""
    typed = st.session_state.get(KEY, {}).get("typed", "")
    found = search_cache.suggester(workspace).suggest(typed) if typed and typed != links.get("q") else ()
    data = {
        "label": "Search for products",
        "placeholder": "What would a shopper type?",
        "query": links.get("q"),
        "typed": typed,
        "options": [{"text": one.text, "source": _SOURCES[one.source]} for one in found],
    }
    box = _BOX(key=KEY, data=data, on_asked_change=_asked, on_typed_change=lambda: None)
    if box.asked:
        st.rerun()


def _asked() -> None:
    query = " ".join(st.session_state[KEY].asked.split())
    links.follow(links.link(q=query or None, **NEW_QUERY))
