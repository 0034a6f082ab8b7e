"""The drawer beside a page with the rows behind one of its numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from engine.errors import counted
from pages.parts import export, links, masks, states
from pages.parts.markup import html, icon, show

ROWS_SHOWN = 1000


@dataclass(frozen=True)
class Behind:
    """The rows behind a number: its title, the first of them, how many there are, and how to get all.

    way: from a row to the address that it opens; rows with a SKU open that where there is none.
    """

    key: str
    title: str
    first: pd.DataFrame
    total: int
    every: Callable[[], pd.DataFrame]
    way: Callable[[dict[str, Any]], str] | None = None


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
    way = rows.way or (_to_sku if "item_id" in rows.first else None)
    key = f"rows-{rows.key}"
    st.dataframe(
        masks.frame(rows.first),
        hide_index=True,
        height=560,
        alt=rows.title,
        column_config={"rating": st.column_config.NumberColumn(format="%.1f")},
        key=key,
        on_select=partial(_open_selected, rows.first, key, way) if way else "ignore",
        selection_mode="single-row",
    )
    if way:
        said = "Select a row to open the decision." if rows.way else "Select a row to open its SKU."
        show(html('<p class="sw-note">{} {}</p>', icon("touch_app"), said), key="rows-hint")


def _open_selected(frame: pd.DataFrame, key: str, way: Callable[[dict[str, Any]], str]) -> None:
    chosen = st.session_state[key].selection.rows
    if chosen:
        links.follow(way(frame.iloc[chosen[0]].to_dict()))


def _to_sku(row: dict[str, Any]) -> str:
    return links.link("sku", sku=row["item_id"])
