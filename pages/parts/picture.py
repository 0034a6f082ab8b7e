"""The buttons that save a chart drawn as markup: the same numbers as a picture with title, axes and their source."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from engine.figures import Spec, render
from engine.runs import Run
from engine.workspace import Workspace
from pages.parts import export

_MIME = {"png": "image/png", "html": "text/html"}


def save(make: Callable[[], Spec], *, name: str, key: str) -> None:
    """Two small buttons, PNG and HTML; `make` gives the specification, only when one is pressed."""
    with st.container(horizontal=True, width="content", gap="small"):
        for ending, mime in _MIME.items():
            content = partial(_content, make, ending)
            said = f"Chart as {ending.upper()}"
            export.file(said, content, name=f"{name}.{ending}", mime=mime, key=f"{key}-{ending}", small=True)


def source(workspace: Workspace, *more: str) -> str:
    """Where a picture's numbers come from: the workspace, the hash of its tables, and what else made them."""
    return " · ".join((f"workspace {workspace.name}", f"data {workspace.data_hash()[:12]}", *more))


def source_of(workspace: Workspace, run: Run, *more: str) -> str:
    """Where a picture of a run comes from: the data are those that the run was measured on."""
    return " · ".join((f"workspace {workspace.name}", f"run {run.id}", f"data {run.data_hash[:12]}", *more))


def _content(make: Callable[[], Spec], ending: str) -> bytes:
    return render(make(), ending)
