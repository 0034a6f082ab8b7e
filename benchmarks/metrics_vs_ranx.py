"""Ranking metrics of 68,000 queries x 100 candidates: ours against ranx, in one process on the same lists.

ranx compiles itself with numba and keeps the result on disk, so its warm-up takes about 45 s the first time in an
environment and 3 s later; it is timed apart. Half a minute more on two cores, with 3 GB of memory at the peak.

    python benchmarks/metrics_vs_ranx.py [--queries 68000] [--candidates 100]
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.metrics import ranking
from engine.metrics.judged import Judged, judge

METRICS: dict[str, Callable[[Judged], Any]] = {
    "recall@10": lambda judged: ranking.recall(judged, 10),
    "recall@100": lambda judged: ranking.recall(judged, 100),
    "precision@10": lambda judged: ranking.precision(judged, 10),
    "hit_rate@10": lambda judged: ranking.hit_rate(judged, 10),
    "mrr": ranking.reciprocal_rank,
    "map": ranking.average_precision,
    "ndcg@10": lambda judged: ranking.ndcg(judged, 10),
    "ndcg@100": lambda judged: ranking.ndcg(judged, 100),
    "ndcg_burges@10": lambda judged: ranking.ndcg(judged, 10, gain="exponential"),
}


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and its seconds."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def lists(n: int, k: int, seed: int = 0) -> tuple[list[list[str]], list[list[str]], list[list[int]]]:
    """n ranked lists of k of 200,000 items, and 1 to 5 relevant items each with gains of 1 to 3, half of them found."""
    rng = np.random.default_rng(seed)
    items = np.array([f"item-{i:06d}" for i in range(200_000)], dtype=object)
    starts, steps = rng.integers(0, len(items), n), rng.integers(1, 500, n)
    ranked = [
        items[(start + step * np.arange(k)) % len(items)].tolist() for start, step in zip(starts, steps, strict=True)
    ]
    relevant = []
    for row in ranked:
        found = rng.choice(k, size=rng.integers(1, 4), replace=False)
        relevant.append(list({*(row[i] for i in found), *items[rng.integers(0, len(items), rng.integers(0, 3))]}))
    return ranked, relevant, [rng.integers(1, 4, len(each)).tolist() for each in relevant]


def ours(ranked: pa.Array, relevant: pa.Array, gains: pa.Array, depth: int) -> tuple[dict[str, float], float, float]:
    """Figures, seconds to match lists with judgments, seconds of all metrics."""
    judged, matching = timed(lambda: judge(ranked, relevant, gains, depth=depth))
    figures, measuring = timed(lambda: {name: float(metric(judged).mean()) for name, metric in METRICS.items()})
    return figures, matching, measuring


def theirs(qrels: dict[str, Any], run: dict[str, Any]) -> tuple[dict[str, float], float, float]:
    """The same of ranx."""
    import ranx

    built, building = timed(lambda: (ranx.Qrels(qrels), ranx.Run(run)))
    figures, measuring = timed(lambda: ranx.evaluate(*built, list(METRICS)))
    return figures, building, measuring


def main() -> None:
    """Run both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=68_000)
    parser.add_argument("--candidates", type=int, default=100)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    ranked, relevant, gains = lists(chosen.queries, chosen.candidates)
    ids = [f"q{i}" for i in range(chosen.queries)]
    places = [float(-place) for place in range(chosen.candidates)]
    qrels = {q: dict(zip(r, g, strict=True)) for q, r, g in zip(ids, relevant, gains, strict=True)}
    run = {q: dict(zip(r, places, strict=True)) for q, r in zip(ids, ranked, strict=True)}

    arrays = pa.array(ranked), pa.array(relevant), pa.array(gains, type=pa.list_(pa.float64()))
    figures, matching, measuring = ours(*arrays, max(chosen.candidates, 100))
    few = ids[:10]
    _, warm_build, warm_measure = theirs({q: qrels[q] for q in few}, {q: run[q] for q in few})
    reference, building, evaluating = theirs(qrels, run)

    print(f"{chosen.queries} queries x {chosen.candidates} candidates, {len(METRICS)} metrics, seconds")
    print(f"{'':24}{'match lists':>12}{'metrics':>10}{'together':>10}")
    print(f"{'Shelfwise':24}{matching:12.2f}{measuring:10.2f}{matching + measuring:10.2f}")
    print(f"{'ranx, warm':24}{building:12.2f}{evaluating:10.2f}{building + evaluating:10.2f}")
    print(f"{'ranx, its warm-up':24}{warm_build:12.2f}{warm_measure:10.2f}{warm_build + warm_measure:10.2f}")
    mine, warm, cold = matching + measuring, building + evaluating, warm_build + warm_measure
    print(f"ranx takes {evaluating / measuring:.1f} times as long for the metrics alone, {warm / mine:.1f} with lists,")
    print(f"and {(warm + cold) / mine:.1f} in a fresh process that compiles first.")
    print(f"Largest difference of a figure: {max(abs(figures[name] - reference[name]) for name in METRICS):.1e}")


if __name__ == "__main__":
    main()
