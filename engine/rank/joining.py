"""Joining members' scores: what each member puts in, and how much each of that counts.

Whatever the way, an ensemble's score is a sum over members, so what each added can be told of every candidate. Weights
are fitted for the order within lists (the softmax cross-entropy of ListNet's top one: Cao et al., Learning to rank,
ICML 2007) or for the chance of each candidate (a logarithmic opinion pool, Heskes 1998); both are convex, so the fit
doesn't depend on where it starts. They are drawn towards equal ones, which few lists can hardly better (Clemen,
Combining forecasts: a review, 1989).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from engine.metrics.chances import places_within
from engine.rank.base import Floats
from engine.rank.calibration import Calibration
from engine.rank.evaluation import list_ndcg
from engine.rank.lists import Lists
from engine.rank.minimum import smallest

Way = Literal["weights", "rank_average", "stacking"]
Goal = Literal["list", "log_loss"]
Inputs = Mapping[str, Floats]  # by member, (n_rows, n_inputs)
PRIOR = 20.0  # lists that equal weights count for: where valid can't tell members apart, all of them speak


def inputs(way: Way, scores: Mapping[str, Floats], calibrations: Mapping[str, Calibration], lists: Lists) -> Inputs:
    """What each member puts in, (n_rows, 1 or 2).

    weights: its log-odds; rank_average: the share of the list that it has below a candidate, around 0; stacking: both.
    """
    found = {}
    for name, own in scores.items():
        odds = calibrations[name].log_odds(own)
        parts = [odds] if way != "rank_average" else []
        parts += [_standing(own, lists)] if way != "weights" else []
        found[name] = np.column_stack(parts)
    return found


def fit_coefficients(way: Way, goal: Goal, given: Inputs, lists: Lists) -> dict[str, tuple[float, ...]]:
    """How much each input counts: non-negative and adding up to 1, except for stacking, which is free."""
    if way == "rank_average" or not given:
        return {name: (1 / len(given),) for name in given}
    columns, free = np.hstack(list(given.values())), way == "stacking"
    columns = columns - columns.mean(axis=0)
    first = np.tile([1.0] + [0.0] * (columns.shape[1] // len(given) - 1), len(given)) / len(given)
    fit = _fit_chances if free or goal == "log_loss" else _fit_lists
    weights = fit(columns, lists, first, None if free else 0.0)
    if not free:
        total = weights.sum()
        weights = weights / total if total > 0 else first
    cuts = np.cumsum([each.shape[1] for each in given.values()])[:-1]
    parts = np.split(weights, cuts)
    return {name: tuple(map(float, part)) for name, part in zip(given, parts, strict=True)}


def _standing(scores: Floats, lists: Lists) -> Floats:
    places = places_within(lists.list_of_row, scores)
    return (places - 0.5) / lists.sizes[lists.list_of_row] - 0.5


def _fit_chances(columns: Floats, lists: Lists, first: Floats, least: float | None) -> Floats:
    """The weights with the smallest mean log loss, each at `least` or above (None: anywhere), near `first`."""
    wanted = lists.known.astype(np.float64)
    rate = np.clip(wanted.mean(), 1e-9, 1 - 1e-9)
    columns = np.column_stack([columns, np.ones(len(wanted))])  # the last one is the bias
    spread, pull = _spread(columns), np.append(np.full(len(first), PRIOR / max(len(wanted), 1)), 0.0)
    start = np.append(first, np.log(rate / (1 - rate))) * spread
    columns = columns / spread

    def loss(weights: Floats) -> tuple[float, Floats]:
        z, off = columns @ weights, weights - start
        value = float((np.logaddexp(0, z) - wanted * z).mean() + pull @ off**2)
        return value, columns.T @ (expit(z) - wanted) / len(wanted) + 2 * pull * off

    return smallest(loss, start, [least] * len(first) + [None])[:-1] / spread[:-1]


def _fit_lists(columns: Floats, lists: Lists, first: Floats, least: float | None) -> Floats:
    """The weights with the smallest cross-entropy of lists, each at `least` or above (None: anywhere), near `first`.

    Lists where every candidate is wanted, or none is, can't tell an order and are left out.
    """
    wanted = lists.known
    counts = np.bincount(lists.list_of_row[wanted], minlength=len(lists))
    telling = (counts > 0) & (counts < lists.sizes)
    kept = telling[lists.list_of_row]
    spread, sizes = _spread(columns), lists.sizes[telling]
    start, columns = first * spread, columns[kept] / spread
    if not len(columns):
        return first
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    target = wanted[kept] / np.repeat(counts[telling], sizes)
    pull = PRIOR / len(sizes)

    def loss(weights: Floats) -> tuple[float, Floats]:
        z, off = columns @ weights, weights - start
        z = z - np.repeat(np.maximum.reduceat(z, starts), sizes)
        power = np.exp(z)
        total = np.add.reduceat(power, starts)
        value = float(np.log(total).sum() - target @ z) / len(sizes) + pull * float(off @ off)
        return value, columns.T @ (power / np.repeat(total, sizes) - target) / len(sizes) + 2 * pull * off

    return smallest(loss, start, [least] * len(first)) / spread


def _spread(columns: Floats) -> Floats:
    """(n_inputs,) the units in which weights are fitted: an input's standard deviation, 1 where it has none."""
    found = columns.std(axis=0)
    return np.where(found > 1e-9, found, 1.0)


def figures(goal: Goal, z: Floats, lists: Lists) -> NDArray[np.float64]:
    """(n_lists,) how good scores in log-odds are, higher is better: NDCG@10, or minus the mean log loss."""
    if goal == "list":
        return list_ndcg(lists, z, 10)
    losses = np.bincount(lists.list_of_row, np.logaddexp(0, z) - lists.known * z, minlength=len(lists))
    return -losses / np.maximum(lists.sizes, 1)
