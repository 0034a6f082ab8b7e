"""Prepare ranking lists of a workspace: windows, candidates of recommenders fitted before them, features, answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.errors import SettingsError, UnknownNameError
from engine.rank.features import GROUPS, SOURCES, columns_of
from engine.rank.features_made import make_features
from engine.rank.features_together import together
from engine.rank.lists import Feature, Lists
from engine.rank.negatives import sample_negatives, with_wanted
from engine.rank.point_in_time_asked import Asked
from engine.rank.point_in_time_past import ItemPast, UserPast
from engine.rank.prepared import PARTS, Prepared, joined
from engine.ranking.candidates import Candidates, draw, fit_sources
from engine.ranking.knowing import ItemVectors, events_of_log, item_past, make_stock
from engine.ranking.windows import Window, task_of, windows_of
from engine.recommend.base import Recommender
from engine.recommend.evaluation import Task
from engine.recommend.events import micros
from engine.recommend.interactions import places_of
from engine.recommending.shop import RecommendConfig, Shop, fit_model, open_shop
from engine.recommending.training import SOURCES as RECOMMENDERS
from engine.settings import load_settings
from engine.workspace import Workspace

TITLES, NO_VECTORS = "titles", "none"


@dataclass(frozen=True)
class PrepareConfig:
    """How ranking lists are made.

    sources: the recommenders that name candidates; candidates: how many each names; windows, share: how many windows
    of train there are, and which share of all events each is long; groups: the groups of features; negatives: how many
    candidates that nobody wanted each list of train keeps, 0: all of them; most_history: events of a user that
    histories keep, the newest; vectors: "titles" (the embedded encoder's) or "none".
    """

    sources: tuple[str, ...] = RECOMMENDERS
    candidates: int = 100
    windows: int = 3
    share: float = 0.1
    groups: tuple[str, ...] = (*GROUPS, SOURCES)
    negatives: int = 50
    most_history: int = 200
    vectors: str = TITLES

    def __post_init__(self) -> None:
        columns_of(self.groups, self.sources)
        if not self.sources or not self.groups:
            raise SettingsError("sources and groups must each name one or more; nothing can be ranked without them.")
        for name in ("candidates", "windows", "most_history"):
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
    """Makes the lists of any window of a shop. fitted: recommenders that know nothing of events, fitted once."""

    shop: Shop
    past: ItemPast
    config: PrepareConfig
    seed: int
    fitted: dict[str, Recommender] = field(default_factory=dict)

    def windows(self) -> list[Window]:
        """The windows of train, then valid and test."""
        return windows_of(self.shop, n_train=self.config.windows, share=self.config.share)

    def lists(self, window: Window) -> Lists:
        """The lists of one window, with what their users wanted in it."""
        task = task_of(self.shop, window)
        config = self.config
        pipeline = fit_sources(
            self.shop,
            task.past,
            config.sources,
            config.candidates,
            seed=self.seed,
            rules=task.rules,
            fitted=self.fitted,
        )
        lists = self.asked(task, draw(pipeline, task.histories), window)
        if window.part == "train":
            lists = with_wanted(lists)
            lists = sample_negatives(lists, config.negatives, self.seed) if config.negatives else lists
        return lists

    def asked(self, task: Task, found: Candidates, window: Window) -> Lists:
        """Candidates with their features and answers."""
        users = task.histories.users
        places = places_of(users, self.shop.log.users)
        moments = np.full(len(users), micros(task.start))
        own = UserPast(events_of_log(self.shop.log), self.past.stock, self.shop.catalogue.levels[:, 0])
        asked = Asked(
            places,
            moments,
            found.sizes,
            found.items,
            own.histories(places, moments, self.config.most_history),
            found.scores,
            together(task.past.last),
        )
        rows = np.repeat(np.arange(len(users)), found.sizes)
        return Lists(
            list_ids=np.array([f"{window.name} {user}" for user in users], dtype=object),
            users=users,
            micros=moments,
            sizes=found.sizes,
            items=found.items,
            features=make_features(self.past, own, asked, self.config.columns),
            columns=self.config.columns,
            stock=self.past.stock,
            wanted=np.asarray(task.wanted[rows, found.items], dtype=bool),
            histories=asked.histories,
            n_wanted=np.diff(task.wanted.indptr).astype(np.int64),
        )


def open_maker(
    workspace: Workspace,
    config: PrepareConfig,
    *,
    shop_config: RecommendConfig | None = None,
    seed: int | None = None,
    vectors: ItemVectors | None = None,
) -> Maker:
    """Read a workspace. vectors: of its items, in the order of the catalogue, in place of those of the titles."""
    shop = open_shop(workspace, shop_config)
    fitted: dict[str, Recommender] = {}
    if vectors is None and config.vectors == TITLES:
        content: Any = fit_model("content", shop.all, shop.catalogue, seed=0)  # reads titles, and no events
        fitted, vectors = {"content": content}, ItemVectors(content.vectors)
    past = item_past(workspace, shop, make_stock(shop.catalogue, vectors))
    return Maker(shop, past, config, load_settings().seed if seed is None else seed, fitted)


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
