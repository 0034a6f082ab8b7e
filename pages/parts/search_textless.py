"""SKUs without any text to search: how many there are, their rows, and the way out."""

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine.errors import UnknownNameError, counted
from pages.parts import links, search_cache
from pages.parts.markup import html, icon, show
from pages.parts.rows import ROWS_SHOWN, Behind, show_rows
from pages.parts.search_room import Room

KEY = "textless"
_MEANING = "no title, description, features or review keywords, so only words of their reviews can find them"


def textless_link(room: Room) -> Markup:
    """How many SKUs hold no text, as a link to their rows; nothing where all hold some."""
    count = len(room.documents.textless)
    if not count:
        return Markup("")
    return html('<a class="sw-link" href="{}">{:,} without text</a>', links.link(rows=KEY), count)


def show_textless(room: Room) -> None:
    """What to do about SKUs that hold no text; nothing where all hold some."""
    count = len(room.documents.textless)
    if not count:
        return
    number = html('<a class="sw-link sw-num" href="{}">{}</a>', links.link(rows=KEY), counted(count, "SKU"))
    title = html(
        '<div class="sw-section"><h2>SKUs without text</h2><p>{} of {:,}: {}</p></div>',
        number,
        len(room.documents.frame),
        _MEANING,
    )
    way = (
        "Import their titles or descriptions, or let more reviews count (split_reviews.py --cutoffs); then build again:"
    )
    show(html('{}<p class="sw-note">{} {}</p>', title, icon("info"), way), key="textless")
    st.code(search_cache.BUILD_COMMAND.format(name=room.workspace.name), language="bash", wrap_lines=True)


def show_asked_rows(room: Room) -> None:
    """The drawer that the address names. Raises UnknownNameError for rows that this page doesn't have."""
    asked = links.get("rows")
    if asked and asked != KEY:
        raise UnknownNameError("figure", asked, [KEY])
    if asked:
        rows = _rows(room)
        behind = Behind(KEY, "SKUs without text", rows.head(ROWS_SHOWN), len(rows), lambda: _rows(room))
        show_rows(room.workspace.name, behind)


def _rows(room: Room) -> pd.DataFrame:
    """The SKUs with all their reviews and those that count: a way to tell which a later cut-off would help."""
    rows = room.documents.textless
    items = search_cache.items(room.workspace, tuple(rows["item_id"]))
    reviews = [items.get(item_id, {}).get("reviews", 0) for item_id in rows["item_id"]]
    named = {"n_reviews": "reviews_before_cut_off"}
    return rows.assign(reviews=reviews).rename(columns=named)
