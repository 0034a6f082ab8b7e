"""Would a difference this large come about if it didn't matter which model is which? The paired permutation test.

Under that hypothesis the two results of a row may be swapped, so each resample swaps each row with chance 1/2 and
computes both metrics anew; the p-value is the share of resamples whose difference is at least as large, either way.
Source: Smucker, Allan, Carterette, A comparison of statistical significance tests for information retrieval
evaluation, CIKM 2007. Where several metrics or slices are tested at once, `holm` corrects their p-values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.metrics.lists import Sparse
from engine.metrics.significance import BATCH, TIE, Floats, Measure

N_PERMUTATIONS = 10_000


def permutation_test(a: Measure, b: Measure, *, seed: int, n_resamples: int = N_PERMUTATIONS) -> float:
    """The two-sided p-value of b's difference from a, row i of one belonging to row i of the other.

    At least 1 / (n_resamples + 1), because the order that was seen is one of the possible ones. Raises ValueError when
    the numbers of rows differ or there are none.
    """
    n = len(a.values)
    if n == 0 or n != len(b.values):
        raise ValueError(f"a paired test needs the same rows twice, got {n} and {len(b.values)}")
    gaps, counts = _gaps(a.parts, b.parts)
    total_a, total_b = (np.asarray(side.parts.sum(axis=0), dtype=np.float64).ravel() for side in (a, b))
    seen = abs(b.total - a.total)
    rng, extreme = np.random.default_rng(seed), 0
    step = max(1, BATCH // max(len(counts), 1))
    for start in range(0, n_resamples, step):
        swapped = _swapped(counts, min(step, n_resamples - start), rng)
        moved = np.asarray(swapped @ gaps, dtype=np.float64)
        difference = b.combine(total_b - moved, n) - a.combine(total_a + moved, n)
        extreme += int(np.count_nonzero(np.abs(difference) >= seen - TIE))
    return (1 + extreme) / (1 + n_resamples)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for being several (Holm, Scandinavian Journal of Statistics 1979), in their order.

    Rejecting those below 0.05 wrongly rejects any of them in at most 5 % of the cases.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(p[order] * np.arange(len(p), 0, -1), 1.0)
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(steps)
    return [float(value) for value in corrected]


def effect_size(a: Measure, b: Measure) -> float:
    """Cohen's d of paired values: the mean of b - a over rows in units of its standard deviation; 0 when all are equal.

    J. Cohen, Statistical power analysis for the behavioral sciences, 1988: about 0.2 is small, 0.5 medium, 0.8 large.
    """
    gap = b.values - a.values
    spread = float(gap.std(ddof=1)) if len(gap) > 1 else 0.0
    return float(gap.mean()) / spread if spread > TIE else 0.0


def _swapped(counts: NDArray[np.int64], size: int, rng: np.random.Generator) -> Floats:
    """(size, n_distinct) how many of the equal rows are swapped, each with chance 1/2."""
    if counts.max(initial=1) > 1:
        return rng.binomial(counts, 0.5, size=(size, len(counts))).astype(np.float64)
    bits = rng.integers(256, size=(size, len(counts) // 8 + 1), dtype=np.uint8)  # far faster than drawing each
    return np.unpackbits(bits, axis=1, count=len(counts)).astype(np.float64)


def _gaps(a: Floats | Sparse, b: Floats | Sparse) -> tuple[Floats | Sparse, NDArray[np.int64]]:
    """(n_distinct, m) what b's parts are above a's, equal rows taken together, and how often each occurs.

    Rows where both agree move nothing and are left out. Both measures must have the same parts.
    """
    if sparse.issparse(a) or sparse.issparse(b):
        gap = sparse.csr_array(sparse.csr_array(b) - sparse.csr_array(a))
        gap.eliminate_zeros()
        gap = gap[np.flatnonzero(np.diff(gap.indptr))]
        return gap, np.ones(gap.shape[0], dtype=np.int64)
    gap = np.asarray(b) - np.asarray(a)
    gap = gap[(np.abs(gap) > TIE).any(axis=1)]
    if not len(gap):
        return np.zeros((0, a.shape[1])), np.zeros(0, dtype=np.int64)
    distinct, counts = np.unique(gap, axis=0, return_counts=True)
    return distinct, counts
