"""Settings that hold for every ranker that is a network."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from engine.errors import SettingsError
from engine.typed import check, setting


@dataclass(frozen=True)
class NetConfig:
    """Settings of a network.

    width: numbers that stand for an item, an event or a user
    loss: "softmax" over a list's candidates (which of them?), or "bce" for each of them alone (wanted or not?)
    features: whether the candidates' features are read too, or the user's events only
    max_events: how many of a user's newest events are read
    forget: share of the item ids that are hidden in each batch, so that unknown items have a score worth something
    dropout: share of the numbers between layers that are hidden while learning
    epochs: rounds over train at most; patience: how many of them without a better NDCG@5 on valid end it
    batch_lists: lists learned from at once; fewer where memory is short
    rate: of learning, at its highest; decay: of weights; warmup: share of all steps over which the rate rises
    """

    width: int = setting(48, least=1)
    loss: Literal["softmax", "bce"] = "softmax"
    features: bool = True
    max_events: int = setting(50, least=1)
    forget: float = setting(0.1, least=0, most=0.9)
    dropout: float = setting(0.1, least=0, most=0.9)
    epochs: int = setting(30, least=1)
    patience: int = setting(4, least=1)
    batch_lists: int = setting(64, least=1)
    rate: float = setting(2e-3, above=0)
    decay: float = setting(1e-2, least=0)
    warmup: float = setting(0.05, least=0, most=0.9)

    def __post_init__(self) -> None:
        check(self)

    def check_heads(self, heads: int) -> None:
        """Raise SettingsError when `width` numbers can't be shared out among `heads`."""
        if self.width % heads:
            raise SettingsError(f"heads is {heads}; it must divide width, which is {self.width}.")

    def said(self) -> dict[str, object]:
        """By name, as JSON keeps it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
