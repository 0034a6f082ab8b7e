from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.recommend.pipeline import PipelineConfig
from engine.recommending.people import history_of
from engine.recommending.serving import open_pipeline
from engine.serve.reranking import moved_by_categories
from engine.workspace import Workspace

K = 5


@pytest.fixture(scope="module")
def gathered(trained_shop):
    """The candidates of all users of the small shop, whose tastes are known, and of somebody unknown."""
    shop, pipeline = open_pipeline(Workspace.open(trained_shop))
    return pipeline, pipeline.gather(shop.all)


def lists(pipeline, gathered, config: PipelineConfig) -> np.ndarray:
    return pipeline.rank(gathered, K, config).ranked.rows


@pytest.mark.parametrize("beta", [0.001, 0.1, 0.4, 5.0])
def test_moved_are_the_lists_that_differ_without_affinity(gathered, beta):
    pipeline, found = gathered
    config = PipelineConfig(sources={"popular": 1.0}, beta=beta, alpha=0.6)
    differ = (lists(pipeline, found, config) != lists(pipeline, found, replace(config, beta=0.0))).any(axis=1)
    assert moved_by_categories(found, config, K).tolist() == differ.tolist()
    assert beta < 0.1 or differ.any()


def test_nothing_moves_without_a_weight_or_a_history(gathered, trained_shop):
    pipeline, found = gathered
    assert not moved_by_categories(found, PipelineConfig(sources={"popular": 1.0}, beta=0.0), K).any()
    shop, _ = open_pipeline(Workspace.open(trained_shop))
    nobody = pipeline.gather(history_of(shop.log.take(np.zeros(len(shop.log), bool)), shop.config.events, "nobody"))
    assert moved_by_categories(nobody, PipelineConfig(sources={"popular": 1.0}), K).tolist() == [False]


def test_lists_longer_than_there_are_candidates(gathered):
    _, found = gathered
    config = PipelineConfig(sources={"item_knn": 1.0, "popular": 0.1})
    assert len(moved_by_categories(found, config, 1000)) == len(found.histories)
