"""A workspace as recommenders see it: its events and catalogue, split in time, and models fitted on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from engine.data.splits import Split, split_by_time
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue, read_catalogue
from engine.recommend.eligibility import Rules
from engine.recommend.evaluation import TARGETS, Task, make_task
from engine.recommend.events import EventConfig, EventLog, EventReport, read_events
from engine.recommend.interactions import Interactions, interactions
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommend.registry import RECOMMENDERS
from engine.sql import Queries
from engine.workspace import Workspace

FILL = "popular"
TABLES, OPTIONAL = ("items", "events"), ("properties",)


@dataclass(frozen=True)
class RecommendConfig:
    """What holds for every model of a workspace.

    events: which events count and how much; rules: what may be recommended; targets: the events that a good
    recommendation leads to.
    """

    events: EventConfig = field(default_factory=EventConfig)
    rules: Rules = field(default_factory=Rules)
    targets: tuple[str, ...] = TARGETS


@dataclass(frozen=True)
class Shop:
    """A workspace's events and catalogue, and the moments that split them."""

    log: EventLog
    report: EventReport
    catalogue: Catalogue
    split: Split
    config: RecommendConfig

    def task(self, part: str) -> Task:
        """What models are asked at the beginning of `part` ("valid" or "test")."""
        valid, test = self.split.cutoffs
        start, end = (valid, test) if part == "valid" else (test, None)
        config = self.config
        return make_task(
            self.log, self.catalogue, config.events, start=start, end=end, rules=config.rules, targets=config.targets
        )

    def start(self, part: str) -> datetime:
        """When `part` ("valid" or "test") begins."""
        return self.split.cutoffs[("valid", "test").index(part)]

    @property
    def all(self) -> Interactions:
        """Everything that happened, for the models that serve."""
        return interactions(self.log, self.config.events, sessions=True)


def open_shop(workspace: Workspace, config: RecommendConfig | None = None) -> Shop:
    """Read events and items, and split the events 80/10/10 in time. Raises DataError when there are too few."""
    config = config or RecommendConfig()
    queries = Queries(workspace)
    catalogue = read_catalogue(queries)
    log, report = read_events(queries, catalogue.item_ids, config.events)
    split = split_by_time(pd.Series(pd.to_datetime(log.micros, unit="us", utc=True)))
    return Shop(log, report, catalogue, split, config)


def shop_at(workspace: Workspace, shop: Shop, part: str) -> Shop:
    """`shop` with the categories and availability that items had when `part` ("valid" or "test") began.

    Where the workspace has no log of properties it is `shop` itself, and availability leaves nothing out of tasks.
    """
    catalogue = read_catalogue(Queries(workspace), as_of=shop.start(part))
    return shop if catalogue.as_of is None else replace(shop, catalogue=catalogue)


def data_of(workspace: Workspace) -> str:
    """The hash of the tables that recommenders learn from; the log of properties is among them where there is one."""
    return workspace.data_hash(*TABLES, *(name for name in OPTIONAL if name in workspace.tables))


def fit_model(name: str, data: Interactions, catalogue: Catalogue, *, config: Any = None, seed: int) -> Recommender:
    """The recommender called `name` (its default configuration when none is given), fitted on `data`."""
    model: Recommender = RECOMMENDERS.load(name)(config).fit(data, catalogue, seed=seed)
    return model


def make_pipeline(
    shop: Shop,
    data: Interactions,
    models: Mapping[str, Recommender],
    config: PipelineConfig,
    *,
    seed: int,
    rules: Rules | None = None,
) -> Pipeline:
    """A pipeline over fitted models, filled from popularity in `data`."""
    fill = models.get(FILL) or fit_model(FILL, data, shop.catalogue, seed=seed)
    counts = np.bincount(data.weights.indices, minlength=len(shop.catalogue))
    rank = pd.Series(counts).rank(method="average").to_numpy()
    popularity = ((rank - 1) / max(len(counts) - 1, 1)).astype(np.float32)
    return Pipeline(shop.catalogue, models, fill, popularity, config, rules or shop.config.rules)
