"""What the page Service reads, kept for a few seconds: beside cache.py one of the places with Streamlit's caches."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from engine.errors import ShelfwiseError
from engine.serve.variants import Experiment
from engine.settings import load_database_url, load_prometheus_address
from engine.watching.answers import Answers, window
from engine.watching.prometheus import Prometheus
from engine.watching.store import (
    Standing,
    Store,
    open_store,
    read_answers,
    read_standing,
)
from engine.workspace import Workspace

if TYPE_CHECKING:
    from engine.serve.outcomes import Outcomes
    from engine.watching.business import Business

FRESH = 10.0  # seconds: the service itself writes no more often
COSTLY = 60.0  # seconds for which what takes the database longer is kept
T = TypeVar("T")
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Watched:
    """What was answered, `when` it was read (seconds since 1970), and why Prometheus didn't tell it, "" when it did or
    wasn't asked."""

    answers: Answers
    when: float
    trouble: str = ""


def command(workspace: Workspace) -> str:
    """What starts the service over a workspace."""
    return f".venv/bin/python scripts/serve.py --open --workspace {workspace.name}"


def answers(workspace: Workspace, name: str) -> Watched:
    """What was answered in the span called `name`, from Prometheus where one is named and answers.

    Raises NotBuiltError where the service never ran, StorageError when nobody can tell.
    """
    return _answers(workspace, name, (*_key(workspace), load_prometheus_address()))


def standing(workspace: Workspace) -> tuple[Standing, float]:
    """What runs and serves, and when that was read. Raises NotBuiltError or StorageError."""
    return _standing(workspace, _key(workspace))


def business(workspace: Workspace, length: int) -> "Business":
    """What users did in the last `length` days. Raises NotBuiltError or StorageError."""
    return _business(workspace, length, _key(workspace))


def outcomes_of(workspace: Workspace, experiment: Experiment) -> "Outcomes":
    """What came of an experiment until now. Raises NotBuiltError or StorageError."""
    return _outcomes(workspace, experiment, (*_key(workspace), experiment.name, experiment.stopped))


def read(workspace: Workspace, call: Callable[[Store], T]) -> T:
    """What `call` reads from the service's database, which is open only as long."""
    with open_store(workspace.path, load_database_url(), command=command(workspace)) as store:
        return call(store)


def _key(workspace: Workspace) -> Key:
    return str(workspace.path), load_database_url()


@st.cache_data(ttl=FRESH, max_entries=64, show_spinner="Reading what the service counted …")
def _answers(_workspace: Workspace, name: str, key: Key) -> Watched:
    now, address, trouble = time.time(), key[-1], ""
    asked = window(name, now)
    if address:
        try:
            return Watched(Prometheus(address).answers(asked), now)
        except ShelfwiseError as error:
            trouble = f"{error} These are the figures of the service's own database."
    return Watched(read(_workspace, lambda store: read_answers(store, asked)), now, trouble)


@st.cache_data(ttl=FRESH, max_entries=16, show_spinner=False)
def _standing(_workspace: Workspace, key: Key) -> tuple[Standing, float]:
    now = time.time()
    return read(_workspace, lambda store: read_standing(store, now)), now


@st.cache_data(ttl=COSTLY, max_entries=16, show_spinner="Adding up what users did …")
def _business(_workspace: Workspace, length: int, key: Key) -> "Business":
    from engine.watching.business import read_business  # with statistics, which the other rooms do without

    now = time.time()
    return read(_workspace, lambda store: read_business(store, length, now))


@st.cache_data(ttl=COSTLY, max_entries=16, show_spinner="Adding up what users did …")
def _outcomes(_workspace: Workspace, _experiment: Experiment, key: Key) -> "Outcomes":
    from engine.serve.outcomes import outcomes

    return read(_workspace, lambda store: outcomes(store, _experiment))
