"""Days of a shop whose habits are known: who looks, when, at what, and for how much; and ways to spoil a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.recommend.events import DAY
from engine.retraining.sample import HOUR, Sample

NOON = 1_767_225_600_000_000  # 2026-01-01 00:00 UTC, microseconds
CATEGORIES = ("Bags", "Shoes", "Toys", "Accs")
KINDS, SHARES = ("view", "addtocart", "transaction"), (0.8, 0.14, 0.06)
N_ITEMS = 80


def catalogue() -> pd.DataFrame:
    """80 items in four categories, each with a price."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "item_id": [f"SK-{n:02d}" for n in range(N_ITEMS)],
            "category": [CATEGORIES[n % 4] for n in range(N_ITEMS)],
            "price": np.round(np.exp(rng.normal(3, 0.6, N_ITEMS)), 2),
        }
    )


def days(seed: int, n_days: int, *, first: int = 0, visits: int = 100, prefix: str = "u") -> pd.DataFrame:
    """Events of `n_days` from day `first` on: about `visits` visits a day of users who have a taste, 1 to 12 events
    each, by a day's rhythm; some items are far more popular than others."""
    rng = np.random.default_rng(seed)
    popular = 1 / np.arange(1, N_ITEMS + 1) ** 0.7
    rows = []
    for day in range(first, first + n_days):
        for _ in range(int(rng.poisson(visits))):
            user = int(rng.integers(2_000))
            taste = np.where(np.arange(N_ITEMS) % 4 == user % 4, 3.0, 1.0) * popular
            start = day * DAY + int(np.clip(rng.normal(15, 4), 0, 23.5) * HOUR)
            n = 1 + int(rng.geometric(0.35))
            items = rng.choice(N_ITEMS, size=n, p=taste / taste.sum())
            for place, item in enumerate(items):
                kind = KINDS[int(rng.choice(3, p=SHARES))]
                rows.append((f"{prefix}{user}", f"SK-{item:02d}", kind, NOON + start + place * 30_000_000 + user))
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "event", "micros"])
    return frame.assign(price=np.nan, told=False)


def sample(events: pd.DataFrame, end: int, items: pd.DataFrame | None = None) -> Sample:
    """What training would see, with the newest day ending at the start of day `end`."""
    return Sample(events.reset_index(drop=True), catalogue() if items is None else items, NOON + end * DAY)
