"""Recommend's own order of the same candidates: what a ranker has to beat.

The pipeline of recommendations, its sources fitted on what came before each part and weighed on valid, puts the
candidates of the prepared lists in order as it would serve them, before diversity.
"""

from __future__ import annotations

import numpy as np

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.errors import DataError
from engine.rank.base import Floats
from engine.rank.lists import Lists
from engine.ranking.cache import drop_old, find_trained, key_of, load_scores, save_scores
from engine.ranking.candidates import fit_sources
from engine.ranking.config import RankingConfig
from engine.ranking.source import Source, seed_of
from engine.recommend.evaluation import Task
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommend.weights import fit_weights
from engine.recommending.shop import open_shop
from engine.runs import LIBRARIES
from engine.workspace import Workspace

OWN = "recommend"
KIND = "baselines"  # of artifacts
PARTS = ("valid", "test")


def own_order(workspace: Workspace, config: RankingConfig, source: Source) -> dict[str, Floats]:
    """By part (valid, test) the scores (n_rows,) that recommend orders its lists by; kept once they are made.

    Raises DataError when the workspace's lists aren't those that `source` holds.
    """
    store, key = ArtifactStore(workspace), key_of(mark=source.mark, seed=seed_of(config))
    card = find_trained(store, KIND, OWN, key)
    if card is None:
        made = _made(workspace, config, source)
        card = _card(config, source, key)
        store.save(card, lambda folder: save_scores(folder, made))
        drop_old(store, KIND, OWN, 1)
        return made
    return load_scores(store.open(KIND, OWN, card.version))


def _made(workspace: Workspace, config: RankingConfig, source: Source) -> dict[str, Floats]:
    shop, settings = open_shop(workspace, config.data.shop), config.preprocessing
    found: dict[str, Floats] = {}
    weights: PipelineConfig | None = None
    for part in PARTS:
        task = shop.task(part)
        line = fit_sources(
            shop,
            task.past,
            settings.sources,
            settings.candidates,
            seed=seed_of(config),
            rules=task.rules,
            fitted={},
        )
        weights = weights or fit_weights(line, task, seed=seed_of(config))
        found[part] = _aligned(line, task, weights, source.prepared.part(part))
    return found


def _aligned(line: Pipeline, task: Task, weights: PipelineConfig, lists: Lists) -> Floats:
    """(n_rows,) the pipeline's relevance of the candidates of `lists`, which are those that it gathers."""
    gathered = line.gather(task.histories)
    n_items = len(line.catalogue)
    keys = gathered.users * n_items + gathered.items
    if lists.users.tolist() != task.histories.users.tolist():
        raise DataError("The prepared lists have other users than recommendations are measured on; prepare them again.")
    asked = lists.list_of_row * n_items + lists.items
    order = np.argsort(keys)
    place = np.minimum(np.searchsorted(keys, asked, sorter=order), len(keys) - 1)
    rows = order[place]
    scores: Floats = gathered.relevance(weights)[rows].astype(np.float64)
    scores[keys[rows] != asked] = -1.0  # below every candidate that the pipeline gathers
    return scores


def _card(config: RankingConfig, source: Source, key: str) -> Card:
    return Card(
        kind=KIND,
        name=OWN,
        version=new_version(),
        config={"key": key, "lists": dict(source.place)},
        data_hash=source.mark,
        split=source.split,
        seed=seed_of(config),
        libraries=library_versions(*LIBRARIES, "implicit"),
    )
