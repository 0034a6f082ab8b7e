"""The settings that boosted trees of all three libraries share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from engine.errors import SettingsError, UnknownNameError

Objective = Literal["classification", "lambdarank"]
Watched = Literal["own", "log loss", "ndcg@5"]
Device = Literal["cpu", "gpu"]


@dataclass(frozen=True)
class TreesConfig:
    """How trees are grown, whichever library grows them.

    objective: "classification" learns the chance that a candidate is wanted, each for itself; "lambdarank" which of two
    candidates of a list goes first, and leaves out lists that can't tell; rounds: trees at most; rate: how much each
    counts; l2: how strongly leaves are drawn towards 0; rows, features: the share of candidates and of features that a
    tree sees; bins: values that are told apart in a feature; patience: rounds without a better figure on valid after
    which it stops, 0: never; watched: that figure, "own": log loss for classification and NDCG@5 for lambdarank;
    device: "gpu" where the library was built for one
    """

    objective: Objective = "classification"
    rounds: int = 500
    rate: float = 0.05
    l2: float = 1.0
    rows: float = 0.8
    features: float = 0.8
    bins: int = 255
    patience: int = 50
    watched: Watched = "own"
    device: Device = "cpu"

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("objective", self.objective, Objective),
            ("watched figure", self.watched, Watched),
            ("device", self.device, Device),
        ):
            if value not in get_args(choices):
                raise UnknownNameError(name, value, get_args(choices))
        if self.lists_count and self.watched == "log loss":
            raise SettingsError('watched is "log loss", which lambdarank has none of; use "ndcg@5" or "own".')
        for name, least in (("rounds", 1), ("bins", 2), ("patience", 0), ("l2", 0)):
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be {least} or more.")
        for name in ("rate", "rows", "features"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be above 0 and up to 1.")

    @property
    def lists_count(self) -> bool:
        """Whether it learns from pairs within lists."""
        return self.objective == "lambdarank"

    @property
    def metric(self) -> str:
        """The figure that is watched."""
        own = "ndcg@5" if self.lists_count else "log loss"
        return own if self.watched == "own" else self.watched
