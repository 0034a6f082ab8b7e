"""What the recommendations keep between reruns: the pipeline with its models, lists, and what explains them.

Beside cache.py and search_cache.py the only place with Streamlit's caches. Keys hold the pipeline's version and the
tables', so a new training or import is seen at once and old entries age out. Models load once for all sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from engine.artifacts import ArtifactStore
from engine.hiding import Hiding
from engine.metrics.significance import PairedDifference
from engine.ranking.cache import ENSEMBLE
from engine.ranking.cache import KIND as RANKERS
from engine.ranking.kept import KIND as RANKINGS
from engine.ranking.kept import NAME as PREPARED
from engine.ranking.kept import prepare_command
from engine.ranking.second_stage import SecondStage, open_second_stage
from engine.ranking.serving import train_command as ranker_command
from engine.recommend.base import Recommender
from engine.recommend.evaluation import histories_of
from engine.recommend.explain import Why, explain, trace
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import Gathered, Pipeline, PipelineConfig
from engine.recommending import lists, people, stages
from engine.recommending.people import Portrait
from engine.recommending.serving import open_model, open_pipeline, open_trial, train_command
from engine.recommending.shop import Shop, data_of
from engine.recommending.training import KIND, PIPELINE
from engine.recommending.trials import Trial
from engine.recommending.weighing import Change
from engine.recommending.weighing import last_change as last_change_of
from engine.workspace import Workspace
from pages.parts import cache

SHOWN = 10  # how long lists are
MOST_USERS = 20_000  # whose lists are made to see who gets what; of a larger shop those with the newest events
Steps = tuple[tuple[str, str], ...]  # (item_id, event) pairs


@dataclass(frozen=True)
class Served:
    """What serves: the shop, the pipeline, everything that happened, and its version as the keys of caches hold it."""

    workspace: Workspace
    shop: Shop
    pipeline: Pipeline
    histories: Interactions
    version: tuple[str, ...]
    current: bool

    @property
    def pipeline_version(self) -> str:
        """The pipeline's version alone, for exports."""
        return self.version[1]


@dataclass(frozen=True)
class Person:
    """Whose list is made: a user of the log, changed by what is dropped and added; the cache's keys hold it."""

    user_id: str
    dropped: Steps = ()
    added: Steps = ()

    @property
    def changed(self) -> bool:
        """Whether the history is another one than in the log."""
        return bool(self.dropped or self.added)


def served(workspace: Workspace) -> Served:
    """The pipeline that serves; shared between sessions. Raises NotBuiltError with the command."""
    version = ArtifactStore(workspace).current(KIND, PIPELINE, command=train_command(workspace))
    hidden = str(Hiding(workspace).version())
    return _served(workspace, (str(workspace.path), version, data_of(workspace), hidden))


def items(room: Served, item_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What cards show of each item, by id."""
    return cache.items(room.workspace, item_ids)


def names(workspace: Workspace) -> list[str]:
    """The trained recommenders, the pipeline first, and the rankers that can put its candidates in order after it."""
    found = ArtifactStore(workspace).names(KIND)
    return [PIPELINE, *rankers(workspace), *(name for name in found if name != PIPELINE)]


def rankers(workspace: Workspace) -> list[str]:
    """The trained rankers, the ensemble first."""
    return sorted(ArtifactStore(workspace).names(RANKERS), key=lambda name: (name != ENSEMBLE, name))


def portrait(room: Served, person: Person) -> Portrait:
    """Who somebody is, by the events that count."""
    return _portrait(room, person, room.version)


def timeline(room: Served, user_id: str) -> pd.DataFrame:
    """A user's events as they are in the log, newest first."""
    return _timeline(room, user_id, room.version)


def presets(room: Served, n: int) -> dict[str, list[str]]:
    """The first `n` users of each preset."""
    return _presets(room, n, room.version)


def gathered(room: Served, person: Person) -> Gathered:
    """Somebody's candidates; shared between sessions, so never change them."""
    return _gathered(room, person, room.version)


def whys(room: Served, person: Person, item_ids: Sequence[str]) -> dict[str, Why]:
    """Why items suit somebody, by id."""
    return _whys(room, person, tuple(item_ids), room.version)


def traced(room: Served, person: Person, config: PipelineConfig) -> pd.DataFrame:
    """Somebody's candidates through all stages, by the weights of `config`."""
    return _traced(room, person, config, (*room.version, _key(config)))


def staged(room: Served, person: Person) -> stages.Stages:
    """What each stage kept for somebody."""
    return _staged(room, person, room.version)


def by_model(room: Served, person: Person, name: str) -> list[str]:
    """The items that one recommender, the pipeline, or a ranker as its second stage gives somebody.

    Raises NotBuiltError for one that isn't trained, ArtifactError with the command for a ranker that doesn't fit.
    """
    if name in rankers(room.workspace):
        return _ranked(room, person, name, (*room.version, *_ranker_version(room.workspace, name)))
    found = gathered(room, person)
    if name == PIPELINE:
        ranked = room.pipeline.rank(found, SHOWN).ranked
    else:
        ranked = lists.ranked_by(_model(room, name), found, SHOWN)
    return ranked.ids(room.shop.catalogue.item_ids)[0]


def cost(room: Served, config: PipelineConfig) -> dict[str, PairedDifference]:
    """What `config` would have changed on test, by metric."""
    return _cost(room, config, (*room.version, _key(config)))


def cost_rows(room: Served, config: PipelineConfig, metric: str) -> pd.DataFrame:
    """What a figure of the cost is made of: one row per user of test."""
    return _trial(room, room.version).beside(config, metric)


def last_change(room: Served) -> Change | None:
    """What changed the weights that serve since the training; None when nothing did."""
    return _last_change(room.workspace, room.version[:2])


def _key(config: PipelineConfig) -> tuple[object, ...]:
    return (tuple(config.sources.items()), config.alpha, config.beta, config.popularity_penalty, config.diversity)


def everybody(room: Served) -> lists.Lists:
    """The lists of all users, or of the MOST_USERS with the newest events."""
    return _everybody(room, room.version)


def lists_of(room: Served, user_ids: Sequence[str]) -> pd.DataFrame:
    """The lists of the given users, one row per user and place; those that the log doesn't know get the cold path."""
    histories = histories_of(room.histories, np.array(list(user_ids), dtype=object))
    frame = lists.listed(lists.make_lists(room.pipeline, histories, SHOWN), room.shop.catalogue)
    return frame.assign(known=frame["user_id"].isin(set(room.histories.users)))


@st.cache_resource(max_entries=2, show_spinner="Loading the recommender…")
def _served(_workspace: Workspace, version: tuple[str, ...]) -> Served:
    shop, pipeline = open_pipeline(_workspace)
    card = ArtifactStore(_workspace).card(KIND, PIPELINE, version[1])
    return Served(_workspace, shop, pipeline, shop.all, version, card.data_hash == version[2])


@st.cache_resource(max_entries=8, show_spinner="Loading the model…")
def _opened(_room: Served, name: str, version: tuple[str, ...]) -> Recommender:
    return open_model(_room.workspace, name, _room.shop.catalogue)


def _model(room: Served, name: str) -> Recommender:
    if name in room.pipeline.models:
        return room.pipeline.models[name]
    current = ArtifactStore(room.workspace).current(KIND, name, command=train_command(room.workspace))
    return _opened(room, name, (*room.version, current))


def _ranker_version(workspace: Workspace, name: str) -> tuple[str, str]:
    """What a ranker's lists depend on: its own version, and that of the lists whose features it reads."""
    store = ArtifactStore(workspace)
    current = store.current(RANKERS, name, command=ranker_command(workspace, name))
    return current, store.current(RANKINGS, PREPARED, command=prepare_command(workspace))


@st.cache_resource(max_entries=4, show_spinner="Loading the ranker…")
def _second_stage(_room: Served, name: str, version: tuple[str, ...]) -> SecondStage:
    return open_second_stage(_room.workspace, _room.shop, _room.pipeline, name)


@st.cache_data(max_entries=64, show_spinner="Ranking the candidates…")
def _ranked(_room: Served, person: Person, name: str, version: tuple[str, ...]) -> list[str]:
    log = _log(_room, person)
    history = people.history_of(log, _room.shop.config.events, person.user_id)
    found = _second_stage(_room, name, version).recommend(history, SHOWN, log=log)
    return found.ranked.ids(_room.shop.catalogue.item_ids)[0]


@st.cache_resource(max_entries=2, show_spinner="Reading what was measured…")
def _trial(_room: Served, version: tuple[str, ...]) -> Trial:
    return open_trial(_room.workspace, _room.shop, _room.pipeline.config)


@st.cache_data(max_entries=512, show_spinner=False)
def _portrait(_room: Served, person: Person, version: tuple[str, ...]) -> Portrait:
    return people.described(_room.shop, _log(_room, person), person.user_id)


@st.cache_data(max_entries=64, show_spinner=False)
def _timeline(_room: Served, user_id: str, version: tuple[str, ...]) -> pd.DataFrame:
    return people.timeline(_room.shop, people.events_of(_room.shop.log, user_id))


@st.cache_data(max_entries=4, show_spinner="Looking for users…")
def _presets(_room: Served, n: int, version: tuple[str, ...]) -> dict[str, list[str]]:
    return {name: people.find_users(_room.shop, _room.histories, name, n) for name in people.PRESETS}


def _log(room: Served, person: Person) -> Any:
    log = people.events_of(room.shop.log, person.user_id)
    if not person.changed:
        return log
    return people.edited(room.shop, log, dropped=person.dropped, steps=person.added, user_id=person.user_id)


@st.cache_resource(max_entries=64, show_spinner="Looking for candidates…")
def _gathered(_room: Served, person: Person, version: tuple[str, ...]) -> Gathered:
    history = people.history_of(_log(_room, person), _room.shop.config.events, person.user_id)
    return _room.pipeline.gather(history)


@st.cache_data(max_entries=256, show_spinner="Asking the models why…")
def _whys(_room: Served, person: Person, item_ids: tuple[str, ...], version: tuple[str, ...]) -> dict[str, Why]:
    found = gathered(_room, person)
    rows = np.searchsorted(_room.shop.catalogue.item_ids, list(item_ids)).astype(np.int64)
    return {why.item_id: why for why in explain(_room.pipeline, found.histories, rows)} if len(rows) else {}


@st.cache_data(max_entries=32, show_spinner=False)
def _traced(_room: Served, person: Person, _config: PipelineConfig, version: tuple[object, ...]) -> pd.DataFrame:
    return trace(replace(_room.pipeline, config=_config), gathered(_room, person), SHOWN)


@st.cache_data(max_entries=32, show_spinner=False)
def _staged(_room: Served, person: Person, version: tuple[str, ...]) -> stages.Stages:
    return stages.stages(_room.pipeline, gathered(_room, person), SHOWN)


@st.cache_data(max_entries=8, show_spinner=False)
def _last_change(_workspace: Workspace, version: tuple[str, ...]) -> Change | None:
    return last_change_of(_workspace)


@st.cache_data(max_entries=64, show_spinner="Measuring on the users of test…")
def _cost(_room: Served, _config: PipelineConfig, version: tuple[object, ...]) -> dict[str, PairedDifference]:
    return _trial(_room, _room.version).compare(_config)


@st.cache_resource(max_entries=2, show_spinner="Making everybody’s list…")
def _everybody(_room: Served, version: tuple[str, ...]) -> lists.Lists:
    return lists.make_lists(_room.pipeline, lists.newest(_room.histories, MOST_USERS), SHOWN)
