"""The members of an ensemble side by side: their figures on the same lists, how far each is from the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.metrics.chances import probability_bins, read_chances
from engine.metrics.definitions import definition
from engine.metrics.measures import measures
from engine.metrics.significance import Measure, PairedDifference, paired_bootstrap

METRICS = ("ndcg@5", "auc", "log_loss", "ece")
OF_ORDER = ("ndcg@5", "auc")  # those that only the order of a list's candidates decides
BINS = 10  # of a reliability diagram
KIND, UNIT = "rank", "lists"
Rows = Mapping[str, pd.DataFrame]  # by ranker, the rows of a run of kind "rank" over the same lists in one order


@dataclass(frozen=True)
class Figure:
    """One figure with its interval over resampled lists (95 %)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """One ranker on the lists of test.

    figures: by metric; beside: by the name of another ranker, how far this one is above it in NDCG@5.
    """

    name: str
    figures: dict[str, Figure]
    beside: dict[str, PairedDifference]


@dataclass(frozen=True)
class Bin:
    """Candidates of like probability: the lowest and highest, their mean, the share that was wanted, how many."""

    low: float
    high: float
    said: float
    wanted: float
    n: int


def describe(rows: Rows, *, others: Sequence[str], orders: Sequence[str] = (), seed: int = 0) -> list[Line]:
    """Each ranker of `rows` with its figures, and how far it is above each of `others`; best NDCG@5 first.

    orders: those that only order candidates, so that they have no figures of probabilities.
    """
    found = {name: measures(KIND, rows[name], OF_ORDER if name in orders else METRICS) for name in rows}
    lines = [
        Line(
            name,
            {metric: figure(measure, seed=seed) for metric, measure in own.items()},
            {other: difference(found[other], own, METRICS[0], seed=seed) for other in others if other != name},
        )
        for name, own in found.items()
    ]
    return sorted(lines, key=lambda line: -line.figures[METRICS[0]].value)


def figure(measure: Measure, *, seed: int) -> Figure:
    """A figure with its interval: its difference from nothing."""
    n = len(measure.values)
    nothing = Measure(np.zeros((n, 1)), lambda sums, _: np.zeros(sums.shape[:-1]), np.zeros(n), measure.recentre)
    found = paired_bootstrap(nothing, measure, seed=seed, unit=UNIT)
    return Figure(found.b, found.low, found.high)


def difference(a: Mapping[str, Measure], b: Mapping[str, Measure], metric: str, *, seed: int) -> PairedDifference:
    """How far `b` is above `a` in one metric."""
    return paired_bootstrap(a[metric], b[metric], seed=seed, unit=UNIT)


def better_words(found: PairedDifference, metric: str) -> str:
    """ "+0.012 (0.004 to 0.020), 118 lists better, 74 worse", where better means lower for a loss."""
    if not lower_is_better(metric):
        return found.words()
    difference, low, high = (round(value, 4) + 0.0 for value in (found.difference, found.low, found.high))
    number = f"{difference:+.4f} ({low:.4f} to {high:.4f})"
    return f"{number}, {found.losses} {found.unit} better, {found.wins} worse"


def lower_is_better(metric: str) -> bool:
    """Whether less of a metric is better, as of a loss."""
    said = definition(metric)
    return said is not None and not said.higher_is_better


def digits(metric: str) -> int:
    """How many digits of a figure are told: losses are small, and differ in the fourth."""
    return 4 if lower_is_better(metric) else 3


def reliability_of(rows: pd.DataFrame) -> list[Bin]:
    """Candidates in BINS parts of as many each by their probability: what was said, and what came true."""
    chances = read_chances(rows)
    bins = probability_bins(chances.probabilities, BINS)
    found = []
    for place in np.unique(bins):
        own = bins == place
        said = chances.probabilities[own]
        share = float(chances.wanted[own].mean())
        found.append(Bin(float(said.min()), float(said.max()), float(said.mean()), share, int(own.sum())))
    return found
