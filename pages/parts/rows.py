"""The drawer beside a page with the rows behind one of its numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from engine.errors import counted
from pages.parts import export, links, states
from pages.parts.markup import html, icon, show

ROWS_SHOWN = 1000


@dataclass(frozen=True)
class Behind:
    """The rows behind a number: its title, the first of them, how many there are, and how to get all."""

    key: str
    title: str
    first: pd.DataFrame
    total: int
    every: Callable[[], pd.DataFrame]


def close_rows() -> None:
    """Leave the rows out of the address when the drawer is closed."""
    links.follow(links.link(rows=None))


@st.dialog("Behind this number", width=820, position="right", on_dismiss=close_rows)
def show_rows(workspace: str, rows: Behind) -> None:
    """The drawer. It runs apart from its page, so it needs a frame of its own."""
    with states.frame():
        show_table(workspace, rows)


def show_table(workspace: str, rows: Behind) -> None:
    """The rows behind a figure: how many, the table, the export. Choosing one with a SKU opens the SKU."""
    first = f"the first {ROWS_SHOWN:,} below, all in the export" if rows.total > ROWS_SHOWN else "all below"
    show(
        html('<h2>{}</h2><p class="sw-quiet">{}, {}</p>', rows.title, counted(rows.total, "row"), first),
        key="rows-title",
    )
    if rows.first.empty:
        states.empty("No rows", "Nothing is behind this number.", {"Close": links.link(rows=None)}, key="rows")
        return
    export.button("Export these rows", rows.every, name=f"{workspace}-{rows.key}", key="rows-export")
    by_sku = "item_id" in rows.first
    key = f"rows-{rows.key}"
    st.dataframe(
        rows.first,
        hide_index=True,
        height=560,
        alt=rows.title,
        column_config={"rating": st.column_config.NumberColumn(format="%.1f")},
        key=key,
        on_select=partial(_open_selected, rows.first, key) if by_sku else "ignore",
        selection_mode="single-row",
    )
    if by_sku:
        show(html('<p class="sw-note">{} Select a row to open its SKU.</p>', icon("touch_app")), key="rows-hint")


def _open_selected(frame: pd.DataFrame, key: str) -> None:
    chosen = st.session_state[key].selection.rows
    if chosen:
        links.follow(links.link("sku", sku=frame["item_id"].iloc[chosen[0]]))
