"""Tables as CSV that spreadsheets open as text and never run."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four: full-width forms
_BLANK = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff]+")  # what a spreadsheet may drop before it looks at a cell


def neutral(value: Any) -> Any:
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
    text: str = cells.rename(columns=neutral).to_csv(index=False, lineterminator="\r\n")
    return text.encode("utf-8-sig")
