"""What the ranking lab keeps between reruns: the ensemble on the lists of test, figures, decisions taken apart.

One of the places with Streamlit's caches. Keys hold the ensemble's version, so a new training is seen at once and old
entries age out. Models load once for all sessions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from engine.metrics.significance import PairedDifference
from engine.rank.agreement import importance_agreement, order_agreement
from engine.rank.pairs import Pair, compare_pair
from engine.rank.seen import Values, seen_values
from engine.rank.swaps import FeatureSwap, WeightSwap, feature_swaps, weight_swaps
from engine.ranking import opening
from engine.ranking.decisions import Decision
from engine.ranking.kept import TABLES
from engine.ranking.lab import Lab, feature_rows
from engine.ranking.lines import Bin, Line, reliability_of
from engine.ranking.list_table import PRESETS, find_lists, listed
from engine.ranking.opening import Opening
from engine.ranking.serving import train_command
from engine.ranking.tuning import search_history
from engine.workspace import Workspace

MOST_CANDIDATES = 5_000  # of test for which a feature's parts are told


@dataclass(frozen=True)
class Opened:
    """The ensemble that serves, of one workspace, with what the keys of caches hold.

    version: the workspace's path, the ensemble's version, and the tables'.
    """

    workspace: Workspace
    opening: Opening
    version: tuple[str, ...]

    @property
    def lab(self) -> Lab:
        """The lists and what every ranker says of them; shared between sessions, so never change it."""
        return self.opening.lab


@dataclass(frozen=True)
class Agreement:
    """How far the members agree: on what matters, and on orders."""

    importance: pd.DataFrame
    orders: pd.DataFrame


def command(workspace: Workspace) -> str:
    """What a person runs to train the ensemble."""
    return train_command(workspace)


def opened(workspace: Workspace) -> Opened:
    """The ensemble that serves; shared between sessions. Raises NotBuiltError with the command."""
    version = (str(workspace.path), opening.lab_version(workspace), workspace.data_hash(*TABLES))
    return Opened(workspace, _opening(workspace, version), version)


def lines(one: Opened) -> list[Line]:
    """Every ranker with its figures."""
    return _lines(one, one.version)


def reliability(one: Opened, name: str) -> list[Bin]:
    """What a ranker's chances come to. Raises UnknownNameError with the nearest ranker."""
    return _reliability(one, name, one.version)


def agreement(one: Opened) -> Agreement:
    """How far the members agree."""
    return _agreement(one, one.version)


def counts(one: Opened) -> dict[str, int]:
    """How many lists answer each preset question."""
    return _counts(one, one.version)


def found(one: Opened, question: str) -> pd.DataFrame:
    """The lists that answer a preset question. Raises UnknownNameError with the nearest one."""
    return find_lists(one.lab.table, question)


def tried(one: Opened, weights: Mapping[str, float]) -> dict[str, PairedDifference]:
    """What other weights would have changed on test, by metric."""
    return _tried(one, tuple(weights.items()), one.version)


def moved(one: Opened, weights: Mapping[str, float]) -> pd.DataFrame:
    """The lists that other weights change."""
    return _moved(one, tuple(weights.items()), one.version)


def decision(one: Opened, list_id: str) -> Decision:
    """One list taken apart. Raises UnknownNameError with the nearest list."""
    return _decision(one, list_id, one.version)


def explained(one: Opened, list_id: str, row: int) -> dict[str, dict[str, float]]:
    """What raised or lowered the score of one candidate, by member."""
    return _explained(one, list_id, row, one.version)


def pair(one: Opened, list_id: str, above: int, below: int) -> Pair:
    """Why one candidate is above another."""
    return _pair(one, list_id, (above, below), one.version)


def swaps(one: Opened, list_id: str, above: int, below: int) -> tuple[tuple[FeatureSwap, ...], tuple[WeightSwap, ...]]:
    """The changes that would swap two candidates, smallest first: of features, and of weights."""
    return _swaps(one, list_id, (above, below), one.version)


def feature_values(one: Opened, feature: str) -> pd.DataFrame:
    """What a feature was and did for candidates of test. Raises UnknownNameError with the nearest feature."""
    return _feature_values(one, feature, one.version)


def train_lists(one: Opened) -> pd.DataFrame:
    """The lists that the members learned from: list_id, user_id, moment, candidates, wanted."""
    return _train_lists(one, one.version)


def trials(workspace: Workspace, name: str, study: str) -> pd.DataFrame:
    """The trials of a member's last search, called `study`; read anew each minute, as a search may be under way."""
    return _trials(workspace, name, (str(workspace.path), study))


@st.cache_resource(max_entries=2, show_spinner="Loading the ensemble…")
def _opening(_workspace: Workspace, version: tuple[str, ...]) -> Opening:
    return opening.open_lab(_workspace)


@st.cache_data(max_entries=4, show_spinner="Measuring the members…")
def _lines(_one: Opened, version: tuple[str, ...]) -> list[Line]:
    return _one.lab.lines()


@st.cache_data(max_entries=32, show_spinner=False)
def _reliability(_one: Opened, name: str, version: tuple[str, ...]) -> list[Bin]:
    return reliability_of(_one.lab.rows[_one.lab.known(name)])


@st.cache_data(max_entries=4, show_spinner="Comparing orders…")
def _agreement(_one: Opened, version: tuple[str, ...]) -> Agreement:
    lab = _one.lab
    return Agreement(importance_agreement(lab.importances), order_agreement(lab.lists, lab.scores))


@st.cache_data(max_entries=4, show_spinner="Looking for lists…")
def _counts(_one: Opened, version: tuple[str, ...]) -> dict[str, int]:
    return {name: len(find_lists(_one.lab.table, name)) for name in PRESETS}


@st.cache_data(max_entries=64, show_spinner="Measuring on the lists of test…")
def _tried(
    _one: Opened, weights: tuple[tuple[str, float], ...], version: tuple[str, ...]
) -> dict[str, PairedDifference]:
    return _one.lab.tried(dict(weights))


@st.cache_data(max_entries=64, show_spinner=False)
def _moved(_one: Opened, weights: tuple[tuple[str, float], ...], version: tuple[str, ...]) -> pd.DataFrame:
    return _one.lab.moved(dict(weights))


@st.cache_resource(max_entries=64, show_spinner=False)
def _decision(_one: Opened, list_id: str, version: tuple[str, ...]) -> Decision:
    return _one.lab.decision(list_id)


@st.cache_data(max_entries=256, show_spinner="Asking the members why…")
def _explained(_one: Opened, list_id: str, row: int, version: tuple[str, ...]) -> dict[str, dict[str, float]]:
    return _one.lab.explained(decision(_one, list_id).one, row)


@st.cache_data(max_entries=256, show_spinner="Asking the members why…")
def _pair(_one: Opened, list_id: str, rows: tuple[int, int], version: tuple[str, ...]) -> Pair:
    return compare_pair(_one.lab.panel, decision(_one, list_id).one, *rows)


@st.cache_data(max_entries=256, show_spinner="Looking for the smallest change…")
def _swaps(
    _one: Opened, list_id: str, rows: tuple[int, int], version: tuple[str, ...]
) -> tuple[tuple[FeatureSwap, ...], tuple[WeightSwap, ...]]:
    one = decision(_one, list_id).one
    seen = _seen(_one, version)
    return feature_swaps(_one.lab.panel, one, *rows, seen), weight_swaps(_one.lab.panel, one, *rows)


@st.cache_resource(max_entries=2, show_spinner="Reading the lists of train…")
def _seen(_one: Opened, version: tuple[str, ...]) -> tuple[Values, ...]:
    return seen_values(_one.opening.train)


@st.cache_data(max_entries=16, show_spinner="Asking the members what the feature does…")
def _feature_values(_one: Opened, feature: str, version: tuple[str, ...]) -> pd.DataFrame:
    members = [name for name, member in _one.lab.panel.members.items() if member.columns]
    return feature_rows(_one.lab, feature, members, most=MOST_CANDIDATES)


@st.cache_data(max_entries=2, show_spinner="Reading the lists of train…")
def _train_lists(_one: Opened, version: tuple[str, ...]) -> pd.DataFrame:
    return listed(_one.opening.train)


@st.cache_data(max_entries=8, ttl="1m", show_spinner="Reading the trials…")
def _trials(_workspace: Workspace, name: str, version: tuple[str, str]) -> pd.DataFrame:
    return search_history(_workspace, name)
