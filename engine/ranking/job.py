"""One training: where it is kept, how it is done and on what; what was done before is found, what is new is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.rank.base import Floats
from engine.ranking.cache import KIND, drop_old, find_trained
from engine.ranking.config import RankingConfig
from engine.ranking.measuring import measure
from engine.ranking.source import Source, described, seed_of
from engine.recording import record_model
from engine.runs import LIBRARIES, Run, RunStore
from engine.tracking import register
from engine.workspace import Workspace

LEARNED_WITH = {  # the libraries of each ranker
    **{name: (name,) for name in ("lightgbm", "catboost")},
    "xgboost": ("xgboost-cpu",),
    "transformer": ("torch",),
    "gat": ("torch", "torch-geometric"),
}
logger = logging.getLogger("engine.ranking")


@dataclass(frozen=True)
class Job:
    """The workspace, the configuration and the lists of one training."""

    workspace: Workspace
    config: RankingConfig
    source: Source

    @property
    def store(self) -> ArtifactStore:
        """Where rankers are kept."""
        return ArtifactStore(self.workspace)

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        return seed_of(self.config)

    def done(self, name: str, key: str) -> Card | None:
        """The ranker `name` with this key, made the one that serves, where its run is there too; else None."""
        found = find_trained(self.store, KIND, name, key) if self.config.cache.use else None
        if found is None or found.config["run"] not in {run.id for run in RunStore(self.workspace).list("rank")}:
            return None
        logger.info("%s: unchanged, version %s is taken", name, found.version)
        register(self.workspace, KIND, name, found.version)
        return found

    def measured(self, name: str, scores: Floats, chances: Floats, config: Mapping[str, Any]) -> Run:
        """The run of `name` on test; see `measure`."""
        return measure(self.workspace, self.source, name, scores, chances, config=config, seed=self.seed)

    def save(
        self,
        name: str,
        write: Callable[[Path], None],
        *,
        said: Mapping[str, Any],
        figures: Mapping[str, float],
    ) -> Card:
        """Keep the ranker `name` that `write` writes, and let it serve. said: besides what holds for all of the job."""
        card = Card(
            kind=KIND,
            name=name,
            version=new_version(),
            config={**described(self.config, self.source), **said},
            data_hash=self.source.mark,
            split=self.source.split,
            seed=self.seed,
            metrics={key: float(value) for key, value in figures.items() if np.isfinite(value)},
            libraries=library_versions(*LIBRARIES, *LEARNED_WITH.get(name, ())),
        )
        stored = record_model(self.workspace, card, write)
        drop_old(self.store, KIND, name, self.config.cache.keep)
        return stored
