"""What leaves a page: tables as CSV files to download, and the link to the very view."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from engine.spreadsheet import to_csv
from pages.parts import links


def button(label: str, make: Callable[[], pd.DataFrame], *, name: str, key: str) -> None:
    """A download button; `make` gives the frame and is called only when it is pressed."""
    file = re.sub(r"[^\w.-]+", "-", name) + ".csv"
    st.download_button(
        label,
        lambda: to_csv(make()),
        file_name=file,
        mime="text/csv",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )


def copy_link() -> None:
    """The address of this view, to be copied."""
    with st.popover("Link", icon=":material/link:"):
        parts, view = urlsplit(st.context.url or ""), links.link()
        page = f"{parts.scheme}://{parts.netloc}{parts.path}?{urlsplit(view).query}" if parts.netloc else view
        st.code(page, language=None, wrap_lines=True)
