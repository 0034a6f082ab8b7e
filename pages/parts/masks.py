"""Masked people in a session: whether it masks, and what it says instead of ids, in texts, addresses and exports.

`mask=1` in an address turns it on for the session and stands in all its links from then on; `mask=0` turns it off.
"""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from engine.masking import Masks
from engine.settings import load_settings
from engine.workspace import find_workspace
from pages.parts import cache

_ON = "masked"
PARAMETERS = ("user", "list", "row")  # of addresses, that may name a person


def on() -> bool:
    """Whether this session masks people."""
    return bool(st.session_state.get(_ON))


def switch(masked: bool) -> None:
    """Mask people from now on, or stop it."""
    st.session_state[_ON] = masked


def text(said: object) -> str:
    """`said` for the screen or an address: with masks in place of ids where the session masks people."""
    return _masks().text(str(said)) if on() else str(said)


def real(said: str) -> str:
    """What stands in an address or was typed, with ids in place of masks."""
    return _masks().real(said) if on() else said


def frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows for the screen."""
    return _masks().frame(rows) if on() else rows


def frames() -> Callable[[pd.DataFrame], pd.DataFrame]:
    """What makes rows fit to leave; it may be called later, where no session is known any more."""
    return _masks().frame if on() else lambda rows: rows


def _masks() -> Masks:
    return cache.masks(find_workspace(load_settings().home, st.session_state["workspace"]))
