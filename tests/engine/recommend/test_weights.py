from datetime import timedelta

import numpy as np
import pytest
from tastes import BAGS, ITEMS, NOW, SHOES, event_rows, two_categories

from engine.metrics import ranking
from engine.metrics.beyond import coverage
from engine.metrics.judged import judge
from engine.recommend.evaluation import make_task
from engine.recommend.events import EventConfig, clean_events
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommend.popular import Popular
from engine.recommend.registry import RECOMMENDERS
from engine.recommend.weights import fit_weights

NAMES = ("popular", "item_knn", "ease")


@pytest.fixture(scope="module")
def task():
    """Sixty users of two tastes who buy two more items of theirs after the moment."""
    rng = np.random.default_rng(5)
    rows = []
    for n in range(60):
        items = rng.permutation(BAGS if n % 2 else SHOES)
        rows += [(f"u{n}", item, "view", 20 + day) for day, item in enumerate(items[:6])]
        rows += [(f"u{n}", item, "transaction", 5) for item in items[6:8]]
    log, _ = clean_events(event_rows(*rows), ITEMS, EventConfig(), now=NOW)
    return make_task(log, two_categories(), EventConfig(), start=NOW - timedelta(days=10))


@pytest.fixture(scope="module")
def pipeline(task):
    catalogue = two_categories()
    models = {name: RECOMMENDERS.load(name)().fit(task.past, catalogue, seed=1) for name in NAMES}
    fill = Popular().fit(task.past, catalogue, seed=1)
    even = PipelineConfig(sources=dict.fromkeys(NAMES, 1.0))
    return Pipeline(catalogue, models, fill, np.zeros(len(ITEMS), dtype=np.float32), even, task.rules)


def reached(pipeline, task, config):
    lists = pipeline.rank(pipeline.gather(task.histories), 10, config).ranked.ids(ITEMS)
    right = [ITEMS[task.wanted[[row]].indices].tolist() for row in range(len(lists))]
    return ranking.ndcg(judge(lists, right, depth=10), 10).mean(), coverage(lists, len(ITEMS), 5).total


def test_fitted_weights_are_no_worse_than_any_source_alone_and_cover_as_much_as_the_best(pipeline, task):
    found = fit_weights(pipeline, task, seed=1, trials=20)
    alone = {
        name: reached(
            pipeline,
            task,
            PipelineConfig(sources={other: float(other == name) for other in NAMES}, alpha=1.0, beta=0.0),
        )
        for name in NAMES
    }
    best = max(alone.values())
    ndcg, covered = reached(pipeline, task, found)
    assert ndcg >= best[0] and covered >= best[1]
    assert set(found.sources) == set(NAMES)


def test_what_is_given_stays_and_the_rest_is_fitted(pipeline, task):
    found = fit_weights(pipeline, task, seed=1, trials=10, given={"beta": 0.25, "diversity": 0.4})
    assert (found.beta, found.diversity) == (0.25, 0.4) and found.sources != pipeline.config.sources
    everything = {"sources": {"ease": 1.0}, "alpha": 0.5, "beta": 0.5, "popularity_penalty": 0.1}
    fixed = fit_weights(pipeline, task, seed=1, trials=10, given=everything)
    assert fixed == PipelineConfig(**everything)


def test_the_same_seed_gives_the_same_weights(pipeline, task):
    assert fit_weights(pipeline, task, seed=3, trials=5) == fit_weights(pipeline, task, seed=3, trials=5)
