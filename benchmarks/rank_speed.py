"""How fast rankers learn and score: python benchmarks/rank_speed.py [--rows N,N,…] [--members NAME,…] [--rounds N]

Generated lists: 50 candidates each, 20 features (two of them codes, of 20 and 300 categories), one in twenty candidates
wanted, and a history of ten events for networks. For each member and number of candidates, in a process of its own:
seconds of learning from as many (boosted trees for a fixed number of rounds, networks for one epoch), the peak of
memory while learning beside what the lists alone take, and candidates scored per second. Threads: SHELFWISE_THREADS,
by default all of the machine's cores. --device gpu asks the boosters for a GPU.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import ShelfwiseError
from engine.rank.base import Training
from engine.rank.lists import CODE, Feature, Histories, Lists, Stock
from engine.rank.registry import RANKERS
from engine.settings import load_settings

CANDIDATES, AMOUNTS, EVENTS, ITEMS = 50, 18, 10, 20_000
CATEGORIES = (20, 300)
VALID, SCORED = 500, 5000  # lists
DAY = 86_400_000_000  # microseconds
NETWORKS = ("transformer", "gat")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print, each member and size in a process of its own."""
    chosen = _arguments(argv)
    if chosen.fit:
        print(json.dumps(_fit_once(chosen.fit, int(chosen.rows), chosen)))
        return
    how = f"{chosen.objective}, {chosen.rounds} rounds; networks: {chosen.epochs} epoch"
    print(f"{load_settings().threads} threads, device {chosen.device}; boosters: {how}")
    print(
        f"{'member':12} {'candidates':>10} {'learning':>10} {'per 1,000':>10} {'memory':>9} {'lists':>9} {'scored':>14}"
    )
    for name in chosen.members.split(","):
        for rows in chosen.rows.split(","):
            print(_line(name, int(rows), chosen), flush=True)


def _arguments(argv: Sequence[str] | None) -> Namespace:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", default="250000,500000,1000000", help="candidates learned from")
    arguments.add_argument("--members", default="lightgbm,xgboost,catboost")
    arguments.add_argument("--objective", default="classification", choices=["classification", "lambdarank"])
    arguments.add_argument("--rounds", type=int, default=100)
    arguments.add_argument("--epochs", type=int, default=1)
    arguments.add_argument("--device", default="cpu", choices=["cpu", "gpu"])
    arguments.add_argument("--fit", metavar="NAME", help="only learn with that member, and print figures as JSON")
    return arguments.parse_args(argv)


def _line(name: str, rows: int, chosen: Namespace) -> str:
    options = ("objective", "rounds", "epochs", "device")
    passed = [part for each in options for part in (f"--{each}", str(getattr(chosen, each)))]
    command = [sys.executable, __file__, "--fit", name, "--rows", str(rows), *passed]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        return f"{name:12} {rows:10,} failed: {(ended.stderr.strip().splitlines() or ['killed'])[-1]}"
    found = json.loads(ended.stdout.strip().splitlines()[-1])
    if "error" in found:
        return f"{name:12} {rows:10,} {found['error']}"
    per = 1e6 * found["seconds"] / rows
    memory = f"{found['peak']:6.0f} MB {found['data']:6.0f} MB"
    return f"{name:12} {rows:10,} {found['seconds']:8.1f} s {per:7.1f} ms {memory} {found['scored']:12,.0f}/s"


def _fit_once(name: str, rows: int, chosen: Namespace) -> dict[str, Any]:
    train, valid, others = (make_lists(n, seed) for seed, n in enumerate((rows // CANDIDATES, VALID, SCORED)))
    make = RANKERS.load(name)
    if name in NETWORKS:
        config = make.Config(epochs=chosen.epochs)
    else:
        config = make.Config(objective=chosen.objective, rounds=chosen.rounds, patience=0, device=chosen.device)
    data, begun = _peak(), time.perf_counter()
    try:
        ranker = make(config).fit(train, valid, Training(seed=1))
    except ShelfwiseError as error:
        return {"error": str(error)}
    seconds, peak = time.perf_counter() - begun, _peak()
    ranker.scores(others.take(np.arange(10)))
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        ranker.scores(others)
        times.append(time.perf_counter() - begun)
    return {"seconds": seconds, "peak": peak, "data": data, "scored": len(others.items) / min(times)}


def make_lists(n_lists: int, seed: int) -> Lists:
    """Lists in which amounts, one of the categories and noise tell who was wanted."""
    rng, shop = np.random.default_rng([seed, 7]), np.random.default_rng(0)
    n = n_lists * CANDIDATES
    items = rng.integers(0, ITEMS, n)
    kinds = [shop.integers(0, count, ITEMS)[items] for count in CATEGORIES]
    amounts = rng.standard_normal((n, AMOUNTS), dtype=np.float32)
    amounts[rng.random(n) < 0.1, 0] = np.nan
    merit = amounts[:, 1:6] @ np.array([1.5, -1, 0.8, 0.5, 0.3]) + amounts[:, 6] * amounts[:, 7] + kinds[0] % 3
    wanted = merit + rng.logistic(size=n) > np.quantile(merit, 0.97)
    columns = [Feature(f"amount_{place}", "generated") for place in range(AMOUNTS)]
    columns += [Feature(f"code_{count}", "generated", CODE) for count in CATEGORIES]
    names = np.array([f"c{place}" for place in range(CATEGORIES[0])], dtype=object)
    ids = np.array([f"i{place}" for place in range(ITEMS)], dtype=object)
    stock = Stock(ids, shop.integers(0, CATEGORIES[0], ITEMS).astype(np.int32), names)
    micros = (np.arange(n_lists, dtype=np.int64) + 400) * DAY
    events = n_lists * EVENTS
    ages = np.sort(rng.integers(1, 60 * DAY, (n_lists, EVENTS)))[:, ::-1].ravel()
    return Lists(
        list_ids=np.array([f"l{place}" for place in range(n_lists)], dtype=object),
        users=np.array([f"u{place}" for place in range(n_lists)], dtype=object),
        micros=micros,
        sizes=np.full(n_lists, CANDIDATES, dtype=np.int64),
        items=items,
        features=np.column_stack([amounts, *kinds]).astype(np.float32),
        columns=tuple(columns),
        stock=stock,
        wanted=wanted,
        histories=Histories(
            np.full(n_lists, EVENTS, dtype=np.int64),
            rng.integers(0, ITEMS, events).astype(np.int32),
            rng.integers(0, 3, events).astype(np.int16),
            np.repeat(micros, EVENTS) - ages,
            ("view", "addtocart", "transaction"),
        ),
    )


def _peak() -> float:
    """The most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
