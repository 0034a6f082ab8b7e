"""Two groups of users compared by what each user did: ratios with their intervals, and whether the groups fit.

Users are what is drawn at random, so users are what an interval must resample; a CTR's impressions are not independent
of each other. A ratio of two sums over users is therefore given its variance by the delta method (Deng, Knoblich and
Lu, "Applying the Delta Method in Metric Analytics", KDD 2018, section 2), which bootstrapping users would approach. A
share of users gets Wilson's score interval (1927), the difference of two Newcombe's hybrid of them (Statistics in
Medicine 17, 1998, method 10): both hold for small groups and for shares of 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

LEVEL = 0.95
ENOUGH = 20  # users who count in the numerator, below which the delta method's normal curve says nothing
ALARM = 0.001  # p of a sample ratio below which the groups are not to be compared
Numbers = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A figure, and the interval that holds it at `LEVEL`; NaN where there is too little to say."""

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval is known and leaves out 0: of a difference, that there is one."""
        return self.low > 0 or self.high < 0

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


@dataclass(frozen=True)
class Moments:
    """Sums over the users of one group: of a numerator x and a denominator y, their squares and their product.

    n: users; acted: those of them whose x isn't 0.
    """

    n: int
    x: float
    y: float
    xx: float
    yy: float
    xy: float
    acted: int

    @classmethod
    def of(cls, x: Numbers, y: Numbers) -> Moments:
        """The sums of values per user, of the shape (n_users,)."""
        xx, yy, xy = float((x * x).sum()), float((y * y).sum()), float((x * y).sum())
        return cls(len(x), float(x.sum()), float(y.sum()), xx, yy, xy, int(np.count_nonzero(x)))

    @property
    def ratio(self) -> float:
        """x / y over all users; NaN where y is 0."""
        return self.x / self.y if self.y else float("nan")

    @property
    def variance(self) -> float:
        """Of the ratio, by the delta method; NaN where fewer than ENOUGH users count in it."""
        if self.acted < ENOUGH or not self.y:
            return float("nan")
        ratio, mean = self.ratio, self.y / self.n
        residuals = self.xx - 2 * ratio * self.xy + ratio**2 * self.yy  # of x - ratio * y, whose sum is 0
        return max(residuals, 0.0) / (self.n - 1) / self.n / mean**2


def ratio(group: Moments) -> Estimate:
    """x / y of a group, such as clicks over impressions, or revenue over users (y is 1 of each)."""
    half = _normal() * float(np.sqrt(group.variance))
    return Estimate(group.ratio, group.ratio - half, group.ratio + half)


def ratio_difference(group: Moments, base: Moments) -> Estimate:
    """How far the ratio of `group` is above that of `base`, which are different users."""
    gap = group.ratio - base.ratio
    half = _normal() * float(np.sqrt(group.variance + base.variance))
    return Estimate(gap, gap - half, gap + half)


def share(k: int, n: int) -> Estimate:
    """k of n users."""
    if not n:
        return Estimate(float("nan"), float("nan"), float("nan"))
    z, found = _normal(), k / n
    middle = (found + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(found * (1 - found) / n + z * z / (4 * n * n)))
    return Estimate(found, middle - half if k else 0.0, middle + half if k < n else 1.0)


def share_difference(group: tuple[int, int], base: tuple[int, int]) -> Estimate:
    """How far the share of `group` (k, n) is above that of `base`."""
    own, other = share(*group), share(*base)
    gap = own.value - other.value
    below = float(np.hypot(own.value - own.low, other.high - other.value))
    above = float(np.hypot(own.high - own.value, other.value - other.low))
    return Estimate(gap, gap - below, gap + above)


@dataclass(frozen=True)
class SampleRatio:
    """How many users each group has, how many its share would give, and how probable a split as uneven as that is.

    Fabijan et al., "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments" (KDD 2019): below 0.001 the
    groups differ by more than chance, something loses users, and no difference between them can be believed.
    """

    observed: Mapping[str, int]
    expected: Mapping[str, float]
    p: float

    @property
    def alarm(self) -> bool:
        """Whether the groups must not be compared."""
        return self.p < ALARM

    @property
    def words(self) -> str:
        """What it comes to, in a sentence."""
        if not sum(self.observed.values()):
            return "Nobody was exposed yet."
        split = " : ".join(f"{n:,}" for n in self.observed.values())
        due = " : ".join(f"{n:,.0f}" for n in self.expected.values())
        if self.alarm:
            return (
                f"Users are split {split} where the shares give {due} (p = {self.p:.1g}): something loses or moves "
                "users, so don't compare the variants before it is found."
            )
        return f"Users are split {split} where the shares give {due} (p = {self.p:.2f}): chance explains that."


def sample_ratio(observed: Mapping[str, int], shares: Sequence[float]) -> SampleRatio:
    """The chi-square test of users per group against the shares, which are in the same order and add up to 1."""
    total = sum(observed.values())
    expected = {name: total * part for name, part in zip(observed, shares, strict=True)}
    if not total:
        return SampleRatio(dict(observed), expected, 1.0)
    distance = sum((n - expected[name]) ** 2 / expected[name] for name, n in observed.items())
    return SampleRatio(dict(observed), expected, float(chdtrc(len(expected) - 1, distance)))


def _normal() -> float:
    return float(ndtri((1 + LEVEL) / 2))
