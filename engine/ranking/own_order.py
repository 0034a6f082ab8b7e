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
from engine.ranking.cache import MEASURED, drop_old, find_trained, key_of, load_scores, save_scores
from engine.ranking.config import RankingConfig
from engine.ranking.measuring import POPULARITY, popularity
from engine.ranking.preparing import open_maker
from engine.ranking.source import Source, seed_of, vectors_of
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import BATCH, Gathered, Pipeline, PipelineConfig
from engine.recommend.weights import fit_weights
from engine.runs import LIBRARIES
from engine.workspace import Workspace

OWN = "recommend"
KIND = "baselines"  # of artifacts


def baselines(workspace: Workspace, config: RankingConfig, source: Source) -> dict[str, dict[str, Floats]]:
    """What rankers have to beat, by name: the scores (n_rows,) of valid and test by recommend's own order, where lists
    come from it, and by popularity, where a feature tells it."""
    found = {} if config.data.lists else {OWN: own_order(workspace, config, source)}
    popular = popularity(source, config.data.popularity)
    return found | ({POPULARITY: popular} if popular else {})


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
    settings, seed = config.preprocessing, seed_of(config)
    vectors = vectors_of(workspace, config.data)
    maker = open_maker(workspace, settings, shop_config=config.data.shop, seed=seed, vectors=vectors)
    found: dict[str, Floats] = {}
    weights: PipelineConfig | None = None
    for window in maker.windows():
        if window.part in MEASURED:
            task = maker.task(window)
            line, _ = maker.pipeline(task.past, task.start, task.rules)
            weights = weights or fit_weights(line, task, seed=seed)
            found[window.part] = _relevance(line, task.histories, weights, source.prepared.part(window.part))
    return found


def _relevance(line: Pipeline, histories: Interactions, weights: PipelineConfig, lists: Lists) -> Floats:
    """(n_rows,) what the pipeline ranks the candidates of `lists` by, a batch of users at a time."""
    if lists.users.tolist() != histories.users.tolist():
        raise DataError("The prepared lists have other users than recommendations are measured on; prepare them again.")
    parts = []
    for start in range(0, len(lists), BATCH):
        places = np.arange(start, min(start + BATCH, len(lists)))
        parts.append(_aligned(line.gather(histories.rows(places)), weights, lists.take(places)))
    return np.concatenate(parts)


def _aligned(gathered: Gathered, weights: PipelineConfig, lists: Lists) -> Floats:
    """(n_rows,) the relevance of each candidate; below every other where the pipeline doesn't gather it."""
    n_items = len(lists.stock)
    keys, asked = gathered.users * n_items + gathered.items, lists.list_of_row * n_items + lists.items
    order = np.argsort(keys)
    place = np.minimum(np.searchsorted(keys, asked, sorter=order), len(keys) - 1)
    rows = order[place]
    scores: Floats = gathered.relevance(weights)[rows].astype(np.float64)
    scores[keys[rows] != asked] = scores.min(initial=0.0) - 1.0
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
