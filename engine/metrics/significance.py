"""Is the difference between two models more than luck? The paired bootstrap over the rows that both were run on.

Rows are drawn with replacement, the same draw for both models, and the metric is computed anew for each draw; the
interval holds the middle of those differences (percentile method). Source: Efron and Tibshirani, An Introduction to
the Bootstrap, 1993, ch. 13; for paired models, Koehn, Statistical significance tests for MT evaluation, EMNLP 2004.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import ndtri

from engine.metrics.lists import Sparse

Floats = NDArray[np.float64]
Combine: TypeAlias = Callable[[Floats, int], Floats]

N_RESAMPLES = 2000
BATCH = 4_000_000  # draws held at once, so that memory stays near 100 MB for any number of rows
WORTH_JOINING = 12  # rows per distinct row from which a multinomial draw is faster than drawing row by row
TIE = 1e-12  # values closer than this differ by rounding only


@dataclass(frozen=True)
class Measure:
    """A metric of n rows, as sums over the rows: what aggregates and resampling need.

    parts:   (n, m) what each row adds, dense or sparse: one column for a mean, three (tp, fp, fn) for micro-F1.
    combine: (sums (…, m), n) -> (…): the metric from the column sums over n rows.
    values:  (n,) the metric of each row alone.
    recentre: whether resampling is off on average, as it is for the number of distinct items in n lists: draws repeat
             lists, so fewer are distinct. Intervals are then moved by what the draws are off (Efron and Tibshirani,
             ch. 10.2).
    """

    parts: Floats | Sparse
    combine: Combine
    values: Floats
    recentre: bool = False

    @property
    def total(self) -> float:
        """The metric over all rows; NaN when there are none."""
        n = len(self.values)
        return float(self.combine(np.asarray(self.parts.sum(axis=0), dtype=np.float64), n)) if n else float("nan")


@dataclass(frozen=True)
class PairedDifference:
    """How far `b` is above the baseline `a` on the same n rows.

    a, b: the metric of each; low, high: the interval of b - a at `level`; wins, ties, losses: rows where b is above,
    level with, below a; unit: what a row is, in the plural.
    """

    a: float
    b: float
    low: float
    high: float
    wins: int
    ties: int
    losses: int
    level: float = 0.95
    unit: str = "queries"

    @property
    def difference(self) -> float:
        """b - a."""
        return self.b - self.a

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.low <= 0 <= self.high

    def words(self) -> str:
        """In words: "+0.012 (0.004 to 0.020), 118 queries better, 74 worse"."""
        difference, low, high = (round(value, 3) + 0.0 for value in (self.difference, self.low, self.high))
        return f"{difference:+.3f} ({low:.3f} to {high:.3f}), {self.wins} {self.unit} better, {self.losses} worse"


def mean_measure(values: Floats) -> Measure:
    """The mean of one value per row, as a Measure; `values` has the shape (n,)."""
    return Measure(values[:, None], lambda sums, n: sums[..., 0] / n, values)


def paired_bootstrap(
    a: Measure,
    b: Measure,
    *,
    seed: int,
    n_resamples: int = N_RESAMPLES,
    level: float = 0.95,
    unit: str = "queries",
) -> PairedDifference:
    """Compare `b` with the baseline `a`, row i of one belonging to row i of the other.

    Ratios such as micro-F1 are computed from resampled counts, not averaged over rows. Raises ValueError when the
    numbers of rows differ or there are none.
    """
    n = len(a.values)
    if n == 0 or n != len(b.values):
        raise ValueError(f"a paired comparison needs the same rows twice, got {n} and {len(b.values)}")
    differences = _resampled(a, b, n_resamples, np.random.default_rng(seed))
    if a.recentre or b.recentre:
        differences += (b.total - a.total) - differences.mean()
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    gap = b.values - a.values
    wins, losses = int(np.sum(gap > TIE)), int(np.sum(gap < -TIE))
    return PairedDifference(
        a.total, b.total, float(low), float(high), wins, n - wins - losses, losses, level=level, unit=unit
    )


def paired_normal(a: Measure, b: Measure, *, level: float = 0.95, unit: str = "queries") -> PairedDifference:
    """As `paired_bootstrap`, by the normal approximation: for means over so many rows that resampling only costs time.

    Raises ValueError when a metric isn't a mean of one value per row, or the numbers of rows differ.
    """
    n = len(a.values)
    if n < 2 or n != len(b.values) or (a.parts.shape[1], b.parts.shape[1]) != (1, 1):
        raise ValueError(f"the normal approximation needs means over the same rows twice, got {n} and {len(b.values)}")
    gap = b.values - a.values
    half = float(ndtri((1 + level) / 2)) * float(gap.std(ddof=1)) / np.sqrt(n)
    wins, losses = int(np.sum(gap > TIE)), int(np.sum(gap < -TIE))
    middle = b.total - a.total
    return PairedDifference(
        a.total, b.total, middle - half, middle + half, wins, n - wins - losses, losses, level=level, unit=unit
    )


def _resampled(a: Measure, b: Measure, n_resamples: int, rng: np.random.Generator) -> Floats:
    """(n_resamples,) b - a, each on its own draw of rows."""
    n = len(a.values)
    parts, counts = _distinct_rows(a.parts, b.parts)
    n_a = a.parts.shape[1]
    step = max(1, BATCH // max(len(counts), parts.shape[1]))
    differences = np.empty(n_resamples)
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        sums = np.asarray(_draws(counts, n, size, rng) @ parts, dtype=np.float64)
        differences[start : start + size] = b.combine(sums[:, n_a:], n) - a.combine(sums[:, :n_a], n)
    return differences


def _draws(counts: NDArray[np.int64], n: int, size: int, rng: np.random.Generator) -> Floats:
    """(size, n_distinct) how often each distinct row comes up among n drawn with replacement."""
    if len(counts) < n:
        return rng.multinomial(n, counts / n, size=size).astype(np.float64)
    draws = np.empty((size, n))
    for draw in draws:  # a tenth of the time that a multinomial over all rows takes
        draw[:] = np.bincount(rng.integers(n, size=n), minlength=n)
    return draws


def _distinct_rows(a: Floats | Sparse, b: Floats | Sparse) -> tuple[Floats | Sparse, NDArray[np.int64]]:
    """The parts of both beside each other, equal rows taken together, and how often each occurs.

    Most metrics have few distinct values, so thousands of rows become dozens. Where that would save little, and where
    parts are sparse, rows stay as they are.
    """
    n = a.shape[0]
    if sparse.issparse(a) or sparse.issparse(b):
        return sparse.csr_array(sparse.hstack([sparse.csr_array(a), sparse.csr_array(b)])), np.ones(n, dtype=np.int64)
    joined = np.hstack([a, b])
    rows, counts = np.unique(joined, axis=0, return_counts=True)
    return (rows, counts) if len(rows) * WORTH_JOINING <= n else (joined, np.ones(n, dtype=np.int64))
