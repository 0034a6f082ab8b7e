"""Do the named reasons carry a recommendation: python benchmarks/recommend_reasons.py [--cases N]

On the demo store: of each case (a user and a recommended item), the events that the page names as reasons are taken
out of the history, and as many drawn at random; counted is how often the item falls further without the reasons. A
reason that said nothing would win half of the cases that aren't equal. A minute on two cores.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.demo import make_demo
from engine.ranked import NONE
from engine.recommend.explain import explain, without
from engine.recommend.interactions import Interactions, places_of
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommending.shop import fit_model, make_pipeline, open_shop
from engine.settings import DEFAULT_SEED
from engine.workspace import Workspace

SOURCES = ("als", "item_knn", "ease")
K, PER_USER = 10, 4


def main(argv: Sequence[str] | None = None) -> None:
    """Make the demo store, explain, take events out, count."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--cases", type=int, default=1000, metavar="N")
    n_cases = arguments.parse_args(argv).cases
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace.create(Path(place) / "demo")
        make_demo(workspace, seed=DEFAULT_SEED)
        shop = open_shop(workspace)
    data = shop.all
    models = {name: fit_model(name, data, shop.catalogue, seed=DEFAULT_SEED) for name in SOURCES}
    config = PipelineConfig(sources=dict.fromkeys(SOURCES, 1.0), candidates=len(shop.catalogue))
    line = make_pipeline(shop, data, models, config, seed=DEFAULT_SEED)
    rng = np.random.default_rng(DEFAULT_SEED)
    users = rng.permutation(np.flatnonzero(np.diff(data.weights.indptr) >= 8))
    drops = [drop for user in users[: n_cases // PER_USER] for drop in _drops(line, data.rows(user[None]), rng)]
    found = np.array(drops)
    further, equal = (found[:, 0] > found[:, 1]).mean(), (found[:, 0] == found[:, 1]).mean()
    print(f"{len(found):,} cases: further without the reasons {further:.1%}, equally {equal:.1%}")
    fallen = np.median(found, axis=0)
    print(f"median fall in ranks: {fallen[0]:.0f} without the reasons, {fallen[1]:.0f} without others")


def _drops(line: Pipeline, history: Interactions, rng: np.random.Generator) -> list[tuple[int, int]]:
    """For some of a user's items: ranks lost without the reasons, and without as many other events."""
    items = line.recommend(history, K).ranked.rows[0]
    items = rng.permutation(items[items != NONE])[:PER_USER]
    before = _ranks(line, history, items)
    found = []
    for item, why, rank in zip(items, explain(line, history, items), before, strict=True):
        if not why.reasons:
            continue
        own = history.item_ids[history.weights.indices]
        named = places_of(np.array([reason.item_id for reason in why.reasons], dtype=object), own)
        drawn = rng.choice(len(own), len(named), replace=False)
        fallen = [int(_ranks(line, without(history, places), item[None])[0] - rank) for places in (named, drawn)]
        found.append((fallen[0], fallen[1]))
    return found


def _ranks(line: Pipeline, history: Interactions, items: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ranks of `items` by relevance, all candidates in it; one past the end for what is no candidate."""
    gathered = line.gather(history)
    relevance = gathered.relevance(line.config)
    ordered = gathered.items[np.argsort(-relevance, kind="stable")]
    places = {int(item): rank for rank, item in enumerate(ordered, start=1)}
    return np.array([places.get(int(item), len(ordered) + 1) for item in items])


if __name__ == "__main__":
    main()
