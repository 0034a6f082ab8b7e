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
from engine.rank.minimum import Loss, smallest

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
    columns = np.hstack(list(given.values()))
    middle, spread = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-9)
    free = way == "stacking"
    chances = free or goal == "log_loss"
    loss = _log_loss(columns - middle, lists) if chances else _list_loss(columns - middle, lists)
    first = np.tile([1.0] + [0.0] * (columns.shape[1] // len(given) - 1), len(given)) / len(given)
    scaled = _minimum(loss, spread, first, PRIOR / max(len(lists.items) if chances else len(lists), 1), free=free)
    if not free:
        total = scaled.sum()
        scaled = scaled / total if total > 0 else np.full(len(scaled), 1 / len(scaled))
    cuts = np.cumsum([each.shape[1] for each in given.values()])[:-1]
    parts = np.split(scaled, cuts)
    return {name: tuple(map(float, part)) for name, part in zip(given, parts, strict=True)}


def _standing(scores: Floats, lists: Lists) -> Floats:
    places = places_within(lists.list_of_row, scores)
    return (places - 0.5) / lists.sizes[lists.list_of_row] - 0.5


def _minimum(loss: Loss, spread: Floats, first: Floats, pull: float, *, free: bool) -> Floats:
    """The weights with the smallest loss, drawn towards `first` by `pull`, in units of each input's spread."""
    start = first * spread

    def scaled(weights: Floats) -> tuple[float, Floats]:
        value, slope = loss(weights / spread)
        off = weights - start
        return value + pull * float(off @ off), slope / spread + 2 * pull * off

    weights: Floats = smallest(scaled, start, [None if free else 0.0] * len(spread)) / spread
    return weights


def _log_loss(columns: Floats, lists: Lists) -> Loss:
    wanted = lists.known.astype(np.float64)
    rate = np.clip(wanted.mean(), 1e-9, 1 - 1e-9)

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = columns @ weights
        bias = _bias(z, float(rate))
        z = z + bias
        miss = (expit(z) - wanted) / len(wanted)
        return float((np.logaddexp(0, z) - wanted * z).mean()), columns.T @ miss

    return loss


def _bias(z: Floats, rate: float) -> float:
    """What makes the mean chance equal to `rate`: the best bias for these weights, by Newton's steps."""
    bias = float(np.log(rate / (1 - rate)) - z.mean())
    for _ in range(50):
        chance = expit(z + bias)
        step = (chance.mean() - rate) / max(float((chance * (1 - chance)).mean()), 1e-12)
        bias -= float(np.clip(step, -2, 2))
        if abs(step) < 1e-12:
            break
    return bias


def _list_loss(columns: Floats, lists: Lists) -> Loss:
    """Lists where every candidate is wanted, or none is, can't tell an order and are left out."""
    wanted = lists.known
    counts = np.bincount(lists.list_of_row[wanted], minlength=len(lists))
    telling = (counts > 0) & (counts < lists.sizes)
    kept = telling[lists.list_of_row]
    columns, sizes = columns[kept], lists.sizes[telling]
    if not len(columns):
        return lambda weights: (0.0, np.zeros_like(weights))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    target = wanted[kept] / np.repeat(counts[telling], sizes)

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = columns @ weights
        z = z - np.repeat(np.maximum.reduceat(z, starts), sizes)
        power = np.exp(z)
        total = np.add.reduceat(power, starts)
        value = float(np.log(total).sum() - target @ z) / len(sizes)
        return value, columns.T @ (power / np.repeat(total, sizes) - target) / len(sizes)

    return loss


def figures(goal: Goal, z: Floats, lists: Lists) -> NDArray[np.float64]:
    """(n_lists,) how good scores in log-odds are, higher is better: NDCG@10, or minus the mean log loss."""
    if goal == "list":
        return list_ndcg(lists, z, 10)
    losses = np.bincount(lists.list_of_row, np.logaddexp(0, z) - lists.known * z, minlength=len(lists))
    return -losses / np.maximum(lists.sizes, 1)
