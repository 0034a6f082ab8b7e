"""Settings that hold for every ranker that is a network."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from engine.errors import SettingsError, UnknownNameError

Loss = Literal["softmax", "bce"]


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

    width: int = 48
    loss: Loss = "softmax"
    features: bool = True
    max_events: int = 50
    forget: float = 0.1
    dropout: float = 0.1
    epochs: int = 30
    patience: int = 4
    batch_lists: int = 64
    rate: float = 2e-3
    decay: float = 1e-2
    warmup: float = 0.05

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise UnknownNameError("loss", self.loss, get_args(Loss))
        for name in ("width", "max_events", "epochs", "patience", "batch_lists"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        for name in ("forget", "dropout", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1.")
        if not self.rate > 0 or not self.decay >= 0:
            raise SettingsError(f"rate is {self.rate} and decay {self.decay}; both must be above 0 (decay may be 0).")

    def check_heads(self, heads: int) -> None:
        """Raise SettingsError when `width` numbers can't be shared out among `heads`."""
        if heads < 1 or self.width % heads:
            raise SettingsError(f"heads is {heads}; it must be 1 or more and divide width, which is {self.width}.")

    def said(self) -> dict[str, object]:
        """By name, as JSON keeps it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
