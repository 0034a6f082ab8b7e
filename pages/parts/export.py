"""Tables as CSV files that spreadsheets open as text and never run."""

import re
from collections.abc import Callable

import pandas as pd
import streamlit as st

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four: full-width forms
_BLANK = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff]+")  # what a spreadsheet may drop before it looks at a cell


def neutral(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: texts that begin like one get an apostrophe in front."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_RISKY) or _BLANK.sub("", value).startswith(_RISKY) else value
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        return neutral("; ".join(str(part) for part in value))
    return value


def to_csv(frame: pd.DataFrame) -> bytes:
    """`frame` as CSV, formulas neutralised, in UTF-8 with the mark by which spreadsheets know other alphabets."""
    texts = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    cells = frame.assign(**{name: frame[name].astype(object).map(neutral) for name in texts})
    return cells.rename(columns=neutral).to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


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
