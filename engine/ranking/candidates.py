"""Candidates of lists: what the recommenders that were fitted before a moment name, with their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.artifacts import ArtifactStore
from engine.errors import DataError
from engine.recommend.base import Recommender
from engine.recommend.eligibility import Rules
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import BATCH, Gathered, Pipeline, PipelineConfig
from engine.recommend.registry import RECOMMENDERS
from engine.recommend.storage import load_config
from engine.recommending.serving import train_command
from engine.recommending.shop import Shop, fit_model, make_pipeline
from engine.recommending.training import KIND as TRAINED
from engine.recommending.tuning import tuned_configs
from engine.workspace import Workspace


@dataclass(frozen=True)
class Candidates:
    """The candidates of a batch of histories.

    sizes: (n_lists,) of each; items: (n_rows,) places in the catalogue; scores: by source, (n_rows,) float32 as the
    source gave it, NaN where it doesn't name the item.
    """

    sizes: NDArray[np.int64]
    items: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Sources:
    """The recommenders that name candidates.

    names: which, in the order of their features; candidates: how many each names; configs: their settings by name,
    others have their defaults; fitted: those that know nothing of events, fitted once.
    """

    names: Sequence[str]
    candidates: int
    configs: Mapping[str, Any] = field(default_factory=dict)
    fitted: Mapping[str, Recommender] = field(default_factory=dict)


def fit_sources(
    shop: Shop, past: Interactions, sources: Sources, *, seed: int, rules: Rules
) -> tuple[Pipeline, dict[str, str]]:
    """A pipeline of `sources` fitted on `past`; also which can't be fitted on so little, and why: they name nothing.

    Raises DataError when none can.
    """
    models, failed = dict[str, Recommender](), dict[str, str]()
    for name in sources.names:
        config = sources.configs.get(name)
        try:
            known = sources.fitted.get(name)
            models[name] = known or fit_model(name, past, shop.catalogue, config=config, seed=seed)
        except DataError as error:
            failed[name] = str(error)
    if not models:
        raise DataError(f"None of the sources of candidates can be fitted; {next(iter(failed.values()))}")
    pipeline = PipelineConfig(sources=dict.fromkeys(models, 1.0), candidates=sources.candidates)
    return make_pipeline(shop, past, models, pipeline, seed=seed, rules=rules), failed


def serving_configs(workspace: Workspace, names: Sequence[str]) -> dict[str, Any]:
    """The settings of recommenders as they serve, so that lists are learned from the scores that are served.

    Of those that aren't trained here what tuning found; the others are left out. Raises ArtifactError when the files of
    one are damaged.
    """
    store, found = ArtifactStore(workspace), tuned_configs(workspace, names)
    for name in set(names) & set(store.names(TRAINED)):
        folder = store.open(TRAINED, name, store.current(TRAINED, name, command=train_command(workspace)))
        found[name] = load_config(folder, RECOMMENDERS.load(name).Config)
    return found


def draw(pipeline: Pipeline, histories: Interactions) -> Candidates:
    """What the sources of `pipeline` name for each history, in batches of users."""
    starts = range(0, len(histories), BATCH)
    parts = [
        candidates_of(pipeline.gather(histories.rows(np.arange(start, min(start + BATCH, len(histories))))))
        for start in starts
    ]
    return Candidates(
        np.concatenate([part.sizes for part in parts]),
        np.concatenate([part.items for part in parts]),
        {name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores},
    )


def candidates_of(gathered: Gathered) -> Candidates:
    """The candidates that a pipeline has gathered."""
    sizes = np.bincount(gathered.users, minlength=len(gathered.histories)).astype(np.int64)
    scores = {name: gathered.raw[:, column] for column, name in enumerate(gathered.sources)}
    return Candidates(sizes, gathered.items.astype(np.int64), scores)
