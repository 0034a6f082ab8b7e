"""The paired bootstrap: its seconds beside scipy's, and how often it finds a difference where there is none.

Speed: 68,000 queries, 10,000 resamples, NDCG@10-like values, one process; scipy runs vectorised in batches that fit
in memory, with --scipy-resamples fewer of them and its seconds scaled up. A/A: two models whose results are swapped
query by query by a coin have no true difference; over many such pairs a test at the 5 % level should call 4 to 6 % of
them different.

    python benchmarks/significance.py [--queries 68000] [--resamples 10000] [--repetitions 1000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.metrics.permutation import permutation_test
from engine.metrics.significance import mean_measure, paired_bootstrap


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and its seconds."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def values(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """NDCG@10 of two models with one relevant item per query: 0, or 1 / log2(rank + 1)."""
    ranks = rng.integers(1, 21, n)
    moved = np.maximum(ranks + rng.integers(-2, 3, n), 1)
    return tuple(np.where(rank <= 10, 1 / np.log2(rank + 1), 0.0) for rank in (ranks, moved))


def speed(n: int, resamples: int, theirs: int) -> None:
    """Ours and scipy's on the same values; seconds of fewer resamples are scaled up."""
    from scipy import stats

    a, b = values(n, np.random.default_rng(0))
    noise = np.random.default_rng(1).random((2, n)) * 1e-6  # all values distinct, as with graded judgments
    for label, x, y in (("few distinct values", a, b), ("all values distinct", a + noise[0], b + noise[1])):
        mine, seconds = timed(
            lambda x=x, y=y: paired_bootstrap(mean_measure(x), mean_measure(y), seed=0, n_resamples=resamples)
        )
        found, other = timed(
            lambda x=x, y=y: (
                stats.bootstrap(
                    (y - x,), np.mean, n_resamples=theirs, method="percentile", batch=50, vectorized=True, rng=0
                ).confidence_interval
            )
        )
        other *= resamples / theirs
        print(f"{label}: ours {seconds:.1f} s, ({mine.low:.5f} to {mine.high:.5f})")
        print(f"{'':{len(label)}}  scipy {other:.1f} s, ({found.low:.5f} to {found.high:.5f}); {other / seconds:.1f} x")


def false_positives(n: int, repetitions: int, resamples: int) -> None:
    """The share of pairs without a true difference that each test calls different, with its own 95 % interval."""
    rng = np.random.default_rng(2)
    calls = np.zeros((repetitions, 2), dtype=bool)
    for repetition in range(repetitions):
        a, b = values(n, rng)
        swap = rng.random(n) < 0.5
        x, y = mean_measure(np.where(swap, a, b)), mean_measure(np.where(swap, b, a))
        calls[repetition, 0] = paired_bootstrap(x, y, seed=repetition, n_resamples=resamples).clear
        calls[repetition, 1] = permutation_test(x, y, seed=repetition, n_resamples=resamples) < 0.05
    for name, share in zip(
        ("bootstrap interval leaves out 0", "permutation test below 0.05"), calls.mean(0), strict=True
    ):
        error = 1.96 * np.sqrt(share * (1 - share) / repetitions)
        print(f"A/A, {repetitions} pairs of {n} queries, {name}: {share:.1%} (+/- {error:.1%}; wanted 4 to 6 %)")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=68_000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--scipy-resamples", type=int, default=10_000)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--aa-queries", type=int, default=400)
    chosen = parser.parse_args()
    print(f"{chosen.queries} queries, {chosen.resamples} resamples")
    speed(chosen.queries, chosen.resamples, chosen.scipy_resamples)
    false_positives(chosen.aa_queries, chosen.repetitions, 2000)


if __name__ == "__main__":
    main()
