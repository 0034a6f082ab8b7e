"""Tables as CSV files to download."""

import re
from collections.abc import Callable

import pandas as pd
import streamlit as st

from engine.spreadsheet import to_csv


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
