"""Candidates of lists: what the recommenders that were fitted before a moment name, with their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.recommend.base import Recommender
from engine.recommend.eligibility import Rules
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import BATCH, Gathered, Pipeline, PipelineConfig
from engine.recommending.shop import Shop, fit_model, make_pipeline


@dataclass(frozen=True)
class Candidates:
    """The candidates of a batch of histories.

    sizes: (n_lists,) of each; items: (n_rows,) places in the catalogue; scores: by source, (n_rows,) float32 as the
    source gave it, NaN where it doesn't name the item.
    """

    sizes: NDArray[np.int64]
    items: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float32]]


def fit_sources(
    shop: Shop,
    past: Interactions,
    sources: Sequence[str],
    candidates: int,
    *,
    seed: int,
    rules: Rules,
    fitted: Mapping[str, Recommender],
) -> tuple[Pipeline, dict[str, str]]:
    """A pipeline of `sources` fitted on `past`, each giving `candidates`; those in `fitted` are taken as they are.

    Also which of them can't be fitted on so little, and why: they name nothing. Raises DataError when none can.
    """
    models, failed = dict[str, Recommender](), dict[str, str]()
    for name in sources:
        try:
            models[name] = fitted[name] if name in fitted else fit_model(name, past, shop.catalogue, seed=seed)
        except DataError as error:
            failed[name] = str(error)
    if not models:
        raise DataError(f"None of the sources of candidates can be fitted; {next(iter(failed.values()))}")
    config = PipelineConfig(sources=dict.fromkeys(models, 1.0), candidates=candidates)
    return make_pipeline(shop, past, models, config, seed=seed, rules=rules), failed


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
