"""Prepare ranking lists of a workspace: windows, candidates of recommenders fitted before them, features, answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np

from engine.errors import SettingsError, UnknownNameError
from engine.rank.features import SOURCES, TIMELESS, columns_of
from engine.rank.features_together import together
from engine.rank.item_vectors import ItemVectors
from engine.rank.lists import Feature, Lists, Stock
from engine.rank.negatives import sample_negatives, with_wanted
from engine.rank.prepared import PARTS, Prepared, joined
from engine.ranking.candidates import Sources, draw, fit_sources, serving_configs
from engine.ranking.knowing import Known, item_past, make_stock, read_known
from engine.ranking.lists_made import Features, users_of
from engine.ranking.windows import Window, task_of, windows_of
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue, read_catalogue
from engine.recommend.eligibility import Rules
from engine.recommend.evaluation import Task
from engine.recommend.events import micros
from engine.recommend.interactions import Interactions, places_of
from engine.recommend.pipeline import Pipeline
from engine.recommending.shop import RecommendConfig, Shop, fit_model, open_shop
from engine.recommending.training import SOURCES as RECOMMENDERS
from engine.settings import load_settings
from engine.sql import Queries
from engine.workspace import Workspace

TITLES, NO_VECTORS = "titles", "none"


@dataclass(frozen=True)
class PrepareConfig:
    """How ranking lists are made.

    sources: the recommenders that name candidates; candidates: how many each names; windows, share: how many windows
    of train there are, and which share of all events each is long; groups: the groups of features; negatives: how many
    candidates that nobody wanted each list of train keeps, 0: all of them; most_lists: lists of a window, drawn at
    random where more users wanted something, so that memory stays bounded (about 0.7 GB for 10,000 lists of 300
    candidates); most_history: events of a user that histories keep, the newest; vectors: "titles" (the embedded
    encoder's) or "none".
    """

    sources: tuple[str, ...] = RECOMMENDERS
    candidates: int = 100
    windows: int = 3
    share: float = 0.1
    groups: tuple[str, ...] = (*TIMELESS, SOURCES)
    negatives: int = 50
    most_lists: int = 10_000
    most_history: int = 200
    vectors: str = TITLES

    def __post_init__(self) -> None:
        columns_of(self.groups, self.sources)
        if not self.sources or not self.groups:
            raise SettingsError("sources and groups must each name one or more; nothing can be ranked without them.")
        for name in ("candidates", "windows", "most_lists", "most_history"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if self.negatives < 0:
            raise SettingsError(f"negatives is {self.negatives}; it must be 0 (all) or more.")
        if self.vectors not in (TITLES, NO_VECTORS):
            raise UnknownNameError("kind of item vectors", self.vectors, (TITLES, NO_VECTORS))

    @property
    def columns(self) -> tuple[Feature, ...]:
        """The features that the lists have."""
        return columns_of(self.groups, self.sources)


@dataclass(frozen=True)
class Maker:
    """Makes the lists of any window of a shop.

    stock, known: its items, and what is said of them; catalogue_of: the catalogue as it was at a moment, or as it is
    where nobody knows; sources: of candidates; notes: what couldn't be done, by the name of the window.
    """

    shop: Shop
    stock: Stock
    known: Known
    catalogue_of: Callable[[datetime], Catalogue]
    config: PrepareConfig
    seed: int
    sources: Sources
    notes: dict[str, str] = field(default_factory=dict)

    def windows(self) -> list[Window]:
        """The windows of train, then valid and test."""
        return windows_of(self.shop, n_train=self.config.windows, share=self.config.share)

    def task(self, window: Window) -> Task:
        """What is asked in `window`, of the catalogue as it was then; of some users where there are too many."""
        task, most = task_of(self._then(window.start), window), self.config.most_lists
        n = len(task.histories)
        if n <= most:
            return task
        self.notes[window.name] = f"{n - most:,} of {n:,} users, drawn at random to keep {most:,}"
        chosen = np.sort(np.random.default_rng(self.seed).permutation(n)[:most])
        return replace(task, histories=task.histories.rows(chosen), wanted=task.wanted[chosen])

    def lists(self, window: Window) -> Lists:
        """The lists of one window, with what their users wanted in it."""
        task = self.task(window)
        lists, failed = self.asked(task.histories, task.past, task.start, task.rules)
        self.notes.update({f"{window.name}, {name}": why for name, why in failed.items()})
        lists = replace(
            lists,
            list_ids=np.array([f"{window.name} {user}" for user in lists.users], dtype=object),
            wanted=np.asarray(task.wanted[lists.list_of_row, lists.items], dtype=bool),
            n_wanted=np.diff(task.wanted.indptr).astype(np.int64),
        )
        if window.part == "train":
            lists, negatives = with_wanted(lists), self.config.negatives
            lists = sample_negatives(lists, negatives, self.seed) if negatives else lists
        return lists

    def asked(
        self, histories: Interactions, past: Interactions, start: datetime, rules: Rules
    ) -> tuple[Lists, dict[str, str]]:
        """Candidates for users whose `histories` are as of `start`, and their features; and what `fit_sources` says.

        past: all interactions before that moment, which the sources of candidates learn from.
        """
        config, shop = self.config, self._then(start)
        pipeline, failed = self.pipeline(past, start, rules)
        items = item_past(shop.log, shop.catalogue, self.stock, self.known)
        made = Features(items, users_of(shop.log, items), config.columns, config.most_history)
        places, moments = places_of(histories.users, shop.log.users), np.full(len(histories), micros(start))
        lists = made.lists(histories.users, places, moments, draw(pipeline, histories), together(past.last))
        return replace(lists, stock=self.stock), failed

    def pipeline(self, past: Interactions, start: datetime, rules: Rules) -> tuple[Pipeline, dict[str, str]]:
        """What names candidates at `start` when it knows `past`, as `fit_sources` gives it."""
        return fit_sources(self._then(start), past, self.sources, seed=self.seed, rules=rules)

    def _then(self, start: datetime) -> Shop:
        return replace(self.shop, catalogue=self.catalogue_of(start))


def open_maker(
    workspace: Workspace,
    config: PrepareConfig,
    *,
    shop_config: RecommendConfig | None = None,
    seed: int | None = None,
    vectors: ItemVectors | None = None,
) -> Maker:
    """Read a workspace. vectors: of its items, in the order of the catalogue, in place of those of the titles."""
    shop, queries = open_shop(workspace, shop_config), Queries(workspace)
    fitted: dict[str, Recommender] = {}
    if vectors is None and config.vectors == TITLES:
        content: Any = fit_model("content", shop.all, shop.catalogue, seed=0)  # reads titles, and no events
        fitted, vectors = {"content": content}, ItemVectors(content.vectors)

    @lru_cache(maxsize=1)
    def catalogue_of(moment: datetime) -> Catalogue:
        found = read_catalogue(queries, as_of=moment)
        return shop.catalogue if found.as_of is None else found

    sources = Sources(config.sources, config.candidates, serving_configs(workspace, config.sources), fitted)
    stock, known = make_stock(shop.catalogue, vectors), read_known(workspace, shop.catalogue)
    seed = load_settings().seed if seed is None else seed
    return Maker(shop, stock, known, catalogue_of, config, seed, sources)


def prepare(
    workspace: Workspace,
    config: PrepareConfig | None = None,
    *,
    shop_config: RecommendConfig | None = None,
    seed: int | None = None,
    vectors: ItemVectors | None = None,
) -> Prepared:
    """The lists of a workspace, each part made when it is asked for.

    Raises DataError when events are too few, SettingsError when the windows don't fit into them.
    """
    maker = open_maker(workspace, config or PrepareConfig(), shop_config=shop_config, seed=seed, vectors=vectors)
    return Prepared({part: _made(maker, part) for part in PARTS})


def _made(maker: Maker, part: str) -> Callable[[], Lists]:
    return lambda: joined([maker.lists(window) for window in maker.windows() if window.part == part])
