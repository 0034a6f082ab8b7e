"""How far two samples of events lie apart, beside how far apart chance alone would put them.

Events of one user are no independent draws, so sizes are effective ones: (sum w)^2 / sum w^2 of the events w of each
user, which takes a user's events for one event said many times (Kish, Survey Sampling, 1965, ch. 11).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

Floats = NDArray[np.float64]
SMOOTH = 0.5  # added to each count, so that a share is never 0


@dataclass(frozen=True)
class Distance:
    """value: how far apart; by_chance: what chance stays below but for `alpha`; parts: what each bin adds to it."""

    value: float
    by_chance: float
    parts: Floats

    def beyond(self, limit: float) -> bool:
        """Whether it is both more than `limit` and more than chance gives."""
        return self.value > max(limit, self.by_chance)


def effective(users: NDArray[np.int64]) -> float:
    """The effective number of independent draws among events of these users (Kish); 0 for no events."""
    counts = np.bincount(users).astype(np.float64) if len(users) else np.zeros(1)
    return float(counts.sum() ** 2 / (counts**2).sum()) if counts.any() else 0.0


def stability(old: Floats, new: Floats, n: float, m: float, *, alpha: float) -> Distance:
    """The population stability index of counts by bin: sum (q - p) ln(q / p).

    n, m: the effective sizes. With as many bins as there are, it is by chance (1/n + 1/m) times a chi-square of one
    degree less (Yurdakul and Naranjo, Statistical properties of the population stability index, 2020).
    """
    p, q = _shares(old), _shares(new)
    parts = (q - p) * np.log(q / p)
    return Distance(float(parts.sum()), (1 / n + 1 / m) * float(chi2.isf(alpha, max(len(p) - 1, 1))), parts)


def jensen_shannon(old: Floats, new: Floats, n: float, m: float, *, alpha: float) -> Distance:
    """The Jensen-Shannon distance of counts by bin, base 2, from 0 to 1 (Lin, Divergence measures, 1991).

    By chance its square is an eighth of what a PSI is, in units of ln 2 (Grosse et al., Physical Review E 65, 2002).
    """
    p, q = _shares(old), _shares(new)
    middle = (p + q) / 2
    parts = (p * np.log2(p / middle) + q * np.log2(q / middle)) / 2
    most = (1 / n + 1 / m) / 8 * float(chi2.isf(alpha, len(p) - 1)) / np.log(2)
    return Distance(float(np.sqrt(max(parts.sum(), 0))), float(np.sqrt(most)), parts)


def kolmogorov_smirnov(quantiles: Floats, values: Floats, n: float, m: float, *, alpha: float) -> Distance:
    """The largest distance between the distribution with these `quantiles` and that of `values`.

    By chance it stays below sqrt(-ln(alpha / 2) / 2 (1/n + 1/m)) (Smirnov, 1948). parts: the value where it is largest.
    """
    points = np.unique(np.concatenate([quantiles, values]))
    ranked = np.sort(values)
    old = np.searchsorted(quantiles, points, side="right") / len(quantiles)
    new = np.searchsorted(ranked, points, side="right") / len(ranked)
    place = int(np.argmax(np.abs(old - new)))
    by_chance = float(np.sqrt(-np.log(alpha / 2) / 2 * (1 / n + 1 / m)))
    return Distance(float(abs(old - new)[place]), by_chance, points[place : place + 1])


def rise(old: float, new: float, n: float, m: float, *, alpha: float) -> Distance:
    """How much more the share `new` of m draws is than the share `old` of n; by chance: the normal approximation."""
    both = min(max((old * n + new * m) / (n + m), 1 / (n + m)), 1 - 1 / (n + m))
    by_chance = float(norm.isf(alpha)) * float(np.sqrt(both * (1 - both) * (1 / n + 1 / m)))
    return Distance(new - old, by_chance, np.zeros(0))


def _shares(counts: Floats) -> Floats:
    smoothed = counts.astype(np.float64) + SMOOTH
    return np.asarray(smoothed / smoothed.sum())
