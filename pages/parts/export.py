"""What leaves a page: tables as CSV or Parquet, charts as HTML, and the link to the very view."""

import re
from collections.abc import Callable
from io import BytesIO
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from engine.spreadsheet import to_csv
from pages.parts import links, masks


def button(label: str, make: Callable[[], pd.DataFrame], *, name: str, key: str) -> None:
    """Two download buttons, CSV for spreadsheets and Parquet; `make` gives the frame, only when one is pressed.

    Where the session masks people, so do the files.
    """
    masked = masks.frames()
    with st.container(horizontal=True, width="content", gap="small", vertical_alignment="center"):
        file(label, lambda: to_csv(masked(make())), name=f"{name}.csv", mime="text/csv", key=key)
        parquet = "application/vnd.apache.parquet"
        file(
            "Parquet",
            lambda: to_parquet(masked(make())),
            name=f"{name}.parquet",
            mime=parquet,
            key=f"{key}-parquet",
            small=True,
        )


def file(label: str, make: Callable[[], bytes], *, name: str, mime: str, key: str, small: bool = False) -> None:
    """A download button; `make` gives the file's content and is called only when it is pressed."""
    st.download_button(
        label,
        make,
        file_name=re.sub(r"[^\w.-]+", "-", name),
        mime=mime,
        key=key,
        icon=None if small else ":material/download:",
        type="tertiary" if small else "secondary",
        on_click="ignore",
    )


def to_parquet(frame: pd.DataFrame) -> bytes:
    """`frame` as a Parquet file: lists stay lists and numbers keep all their digits."""
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def copy_link() -> None:
    """The address of this view, to be copied."""
    with st.popover("Link", icon=":material/link:"):
        parts, view = urlsplit(st.context.url or ""), links.link()
        page = f"{parts.scheme}://{parts.netloc}{parts.path}?{urlsplit(view).query}" if parts.netloc else view
        st.code(page, language=None, wrap_lines=True)
