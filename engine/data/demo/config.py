"""What a demo store holds: its sizes and its fixed year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.errors import SettingsError

END = datetime(2024, 6, 1, tzinfo=UTC)
"""The moment after the last event: fixed, so that a seed gives the same tables on any day."""
DAYS = 366
START = END - timedelta(days=DAYS)
REVIEW_YEARS = 2
"""Reviews reach this many years further back than events: shops keep them longer than click logs."""


@dataclass(frozen=True)
class DemoConfig:
    """Sizes of the store; the defaults are the demo that the app shows, tests make smaller ones.

    n_items:   SKUs, spread over all kinds of goods
    n_users:   visitors who may leave events
    n_reviews: reviews, about; skewed over SKUs, some have none
    n_events:  views, carts and purchases, about
    n_queries: search queries with judgments, at most
    """

    n_items: int = 600
    n_users: int = 2500
    n_reviews: int = 12_000
    n_events: int = 80_000
    n_queries: int = 220

    def __post_init__(self) -> None:
        for name in ("n_items", "n_users", "n_reviews", "n_events", "n_queries"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; a demo store needs at least 1.")
        if self.n_items < 60:
            raise SettingsError(
                f"n_items is {self.n_items}; a demo store needs at least 60, one of each kind of goods."
            )
