"""How long answers took, from how many fell into each bucket."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from engine.serve.metrics import SECONDS


@dataclass(frozen=True)
class Quantile:
    """An estimate in seconds, and the bucket that the true value lies in: `low` (not included) to `high`.

    high: infinite in the last bucket, whose lower bound is then the estimate.
    """

    seconds: float
    low: float
    high: float


def quantile(share: float, counts: Sequence[float]) -> Quantile | None:
    """The quantile `share` (0 to 1) of answers in the buckets of SECONDS and one for the rest; None without answers.

    Linear inside a bucket, the first of which begins at 0, as Prometheus's histogram_quantile does it
    (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile). It is off by less than the
    bucket's width.
    """
    cumulative = list(accumulate(counts))
    if not cumulative or cumulative[-1] <= 0:
        return None
    wanted, bounds = share * cumulative[-1], (0.0, *SECONDS, float("inf"))
    place = bisect_left(cumulative, wanted)
    low, high = bounds[place], bounds[place + 1]
    if place == len(SECONDS):
        return Quantile(low, low, high)
    inside = counts[place]
    part = (wanted - cumulative[place] + inside) / inside if inside else 1.0
    return Quantile(low + (high - low) * part, low, high)
