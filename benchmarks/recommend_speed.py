"""How fast recommendations are: python benchmarks/recommend_speed.py [--users N] [--items N] [--factors N]

Generated shop: 100,000 users, 30,000 items in a tree of 300 categories, popularity and tastes skewed. Printed from one
run: users/s of the whole pipeline (ALS candidates, exclusions, categories, popular fill; k = 20) beside implicit's own
recommend, in turns; one user's milliseconds with new events folded in, by ALS and by all sources; and training time
and memory of ALS as events grow, each in a process of its own. Ten minutes on two cores.
"""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.splits import split_by_time
from engine.recommend.catalogue import Catalogue
from engine.recommend.eligibility import Rules
from engine.recommend.events import DAY, EventConfig, EventLog, EventReport
from engine.recommend.factors import Als, AlsConfig
from engine.recommend.interactions import Interactions, interactions, training_set
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommending.shop import RecommendConfig, Shop, fit_model, make_pipeline
from engine.recommending.training import SOURCES
from engine.settings import load_settings

K, ROUNDS = 20, 3
EVENTS_PER_USER = 20
EASE_ITEMS = 4_000
START = 1_700_000_000_000_000  # microseconds


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--users", type=int, default=100_000)
    arguments.add_argument("--items", type=int, default=30_000)
    arguments.add_argument("--factors", type=int, default=AlsConfig.factors)
    arguments.add_argument("--events", default="500000,1000000,2000000", help="sizes of the training runs")
    arguments.add_argument("--fit", type=int, help="only fit on that many events, and print seconds and memory")
    chosen = arguments.parse_args(argv)
    if chosen.fit:
        _fit_once(chosen.fit, chosen.factors)
        return
    _throughput(chosen.users, chosen.items, chosen.factors)
    _all_sources()
    for events in chosen.events.split(","):
        command = [sys.executable, __file__, "--fit", events, "--factors", str(chosen.factors)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def make_log(n_events: int, n_users: int, n_items: int) -> tuple[EventLog, Catalogue]:
    """Events whose users like one of 30 kinds of goods, over items with Zipf's popularity."""
    rng = np.random.default_rng(1)
    user = np.minimum((n_users * rng.random(n_events) ** 1.6).astype(np.int32), n_users - 1)
    rank = (n_items ** rng.random(n_events)).astype(np.int64) - 1  # log-uniform: Zipf with exponent 1
    liked = rng.random(n_events) < 0.7
    item = np.where(liked, (rank // 30 * 30 + user % 30) % n_items, rank).astype(np.int32)
    kind = rng.choice(3, n_events, p=[0.9, 0.07, 0.03]).astype(np.int16)
    micros = START + (rng.random(n_events) * 90 * DAY).astype(np.int64)
    order = np.lexsort((micros, user))
    ids = np.array([f"item-{n:07d}" for n in range(n_items)], dtype=object)
    users = np.array([f"user-{n:07d}" for n in range(n_users)], dtype=object)
    kinds = ("view", "addtocart", "transaction")
    log = EventLog(users, ids, kinds, user[order], item[order], kind[order], micros[order])
    leaf = np.arange(n_items) % 300
    names = np.array([f"{n}" for n in range(30)] + [f"{n % 30} / {n}" for n in range(300)], dtype=object)
    levels = np.column_stack([leaf % 30, 30 + leaf]).astype(np.int32)
    available = rng.random(n_items) < 0.9
    return log, Catalogue(ids, ids, levels, names, np.ones(n_items), available)


def _throughput(n_users: int, n_items: int, factors: int) -> None:
    log, catalogue = make_log(n_users * EVENTS_PER_USER, n_users, n_items)
    data = interactions(log, EventConfig())
    start = time.perf_counter()
    model = Als(AlsConfig(factors=factors, iterations=3, min_user_interactions=1)).fit(data, catalogue, seed=1)
    print(f"{len(data):,} users, {n_items:,} items, {len(log):,} events, {factors} factors; ", end="")
    print(f"3 of 15 iterations {time.perf_counter() - start:.0f} s", flush=True)
    line = make_pipeline(_shop(log, catalogue), data, {"als": model}, PipelineConfig(), seed=1)
    library = _library(model, factors)
    seen = sparse.csr_matrix(data.weights)
    rows = np.arange(len(data))
    rates: dict[str, list[float]] = {"implicit's recommend": [], "the pipeline": []}
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        library.recommend(rows, seen, N=K, filter_already_liked_items=True)
        between = time.perf_counter()
        line.recommend(data, K)
        rates["implicit's recommend"].append(len(rows) / (between - begun))
        rates["the pipeline"].append(len(rows) / (time.perf_counter() - between))
    for name, found in rates.items():
        print(f"{name:<22}{np.median(found):>10,.0f} users/s (from {min(found):,.0f} to {max(found):,.0f})")
    ratio = np.median(np.array(rates["the pipeline"]) / np.array(rates["implicit's recommend"]))
    print(f"ratio {ratio:.2f}", flush=True)
    _one_user(line, data, "")


def _all_sources() -> None:
    """One user's milliseconds through all the sources that are trained by default, over as many items as EASE likes."""
    log, catalogue = make_log(100_000, 5_000, EASE_ITEMS)
    data = interactions(log, EventConfig())
    models = {name: fit_model(name, data, catalogue, seed=1) for name in SOURCES}
    line = make_pipeline(_shop(log, catalogue), data, models, PipelineConfig(dict.fromkeys(SOURCES, 1.0)), seed=1)
    _one_user(line, data, f", {len(SOURCES)} sources over {EASE_ITEMS:,} items")


def _shop(log: EventLog, catalogue: Catalogue) -> Shop:
    split = split_by_time(pd.Series(pd.to_datetime(log.micros, unit="us", utc=True)))
    return Shop(log, EventReport(len(log), len(log), {}, {}), catalogue, split, RecommendConfig(rules=Rules(seen=True)))


def _library(model: Als, factors: int) -> object:
    import implicit.cpu.als
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        library = implicit.cpu.als.AlternatingLeastSquares(factors=factors, num_threads=load_settings().threads)
    library.user_factors, library.item_factors = model.user_factors, model.item_factors
    return library


def _one_user(line: Pipeline, data: Interactions, said: str) -> None:
    """Milliseconds for one user at a time who has just seen every item of their history once more."""
    rng = np.random.default_rng(2)
    taken = []
    for user in rng.integers(len(data), size=200):
        history = data.rows(np.array([user]))
        history.weights.data += 1  # of all items, because the factors are solved anew only where a trained one changed
        begun = time.perf_counter()
        line.recommend(history, K)
        taken.append(1000 * (time.perf_counter() - begun))
    p50, p95 = np.percentile(taken[10:], [50, 95])
    print(f"one user, new events folded in{said}: p50 {p50:.1f} ms, p95 {p95:.1f} ms", flush=True)


def _fit_once(n_events: int, factors: int) -> None:
    import resource

    log, catalogue = make_log(n_events, n_events // 2, 235_000)  # users and items as RetailRocket has them
    data = interactions(log, EventConfig())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chosen = training_set(data)
    begun = time.perf_counter()
    Als(AlsConfig(factors=factors)).fit(data, catalogue, seed=1)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sizes = f"{chosen.matrix.shape[0]:,} users, {int(chosen.items.sum()):,} items learned from"
    print(
        f"{n_events:,} events ({sizes}): {seconds:.1f} s, peak {peak / 1024:,.0f} MB, of it {before / 1024:,.0f} before"
    )


if __name__ == "__main__":
    main()
