"""Visitors: tastes over kinds of goods, styles, brands and price levels, and how they write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.demo.catalogue import Sku
from engine.data.demo.config import DAYS, DemoConfig

N_FACTORS = 6
"""Dimensions of the part of taste that no column of the catalogue shows."""


@dataclass(frozen=True)
class People:
    """The visitors and how much each likes each SKU.

    ids: (n_users,); activity: (n_users,) expected share of sessions; joined: (n_users,) first day, may be negative;
    affinity: (n_users, n_items) log-odds of interest before popularity and season; generosity: (n_users,) added to
    the stars; persona: (n_users,) index into the language's personas
    """

    ids: NDArray[np.str_]
    activity: NDArray[np.float64]
    joined: NDArray[np.int64]
    affinity: NDArray[np.float64]
    generosity: NDArray[np.float64]
    persona: NDArray[np.int64]


def make_people(skus: list[Sku], shares: list[float], config: DemoConfig, rng: np.random.Generator) -> People:
    """`config.n_users` visitors; `shares` are the relative sizes of the personas."""
    n = config.n_users
    activity = rng.lognormal(0.0, 1.05, n)
    activity[rng.random(n) < 0.08] = 0.0  # people who only wrote a review long ago, or never came back
    activity = np.minimum(activity, np.quantile(activity, 0.995))
    personas = np.array(shares) / sum(shares)
    return People(
        ids=np.array([f"U-{number}" for number in 1001 + np.cumsum(rng.integers(1, 6, n))]),
        activity=activity / activity.sum(),
        joined=np.where(rng.random(n) < 0.65, -rng.integers(1, 900, n), rng.integers(0, DAYS - 5, n)),
        affinity=_affinity(skus, n, rng),
        generosity=rng.normal(0.0, 0.4, n),
        persona=rng.choice(len(shares), n, p=personas),
    )


def _affinity(skus: list[Sku], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Sum of tastes for category, kind, style, brand, price level and hidden factors, then for quality."""
    score = _taste([sku.kind.category for sku in skus], n, 1.1, rng)
    score += _taste([sku.kind.name for sku in skus], n, 0.8, rng)
    score += _taste([sku.style for sku in skus], n, 0.9, rng)
    score += _taste([sku.brand for sku in skus], n, 0.6, rng)
    score += _taste([sku.colour for sku in skus], n, 0.3, rng)
    level = rng.normal(0.0, 1.0, (n, 1))
    score -= 0.45 * (_price_levels(skus) - level) ** 2
    score += 0.35 * rng.normal(size=(n, N_FACTORS)) @ rng.normal(size=(N_FACTORS, len(skus)))
    return score + 0.5 * np.array([sku.quality for sku in skus])


def _taste(labels: list[str], n: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, n_items): each user's liking for the label of each SKU."""
    names, positions = np.unique(labels, return_inverse=True)
    likes: NDArray[np.float64] = rng.normal(0.0, scale, (n, len(names)))
    return likes[:, positions]


def _price_levels(skus: list[Sku]) -> NDArray[np.float64]:
    """(n_items,): the price against what the kind costs, from about -2 (cheap) to 2 (dear)."""
    low, high = np.log([sku.kind.price for sku in skus]).T
    price = np.log([max(sku.price, 1.0) for sku in skus])
    levels: NDArray[np.float64] = 3.0 * (price - (low + high) / 2) / (high - low)
    return levels
