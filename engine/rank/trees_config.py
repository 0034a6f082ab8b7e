"""The settings that boosted trees of all three libraries share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.errors import SettingsError
from engine.typed import check, setting

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
    which it stops, 0: never; watched: that figure, "own": NDCG@5 for lambdarank, and for classification log loss, or
    NDCG@5 where train was balanced, because its chances are off on valid then; device: "gpu" where the library was
    built for one
    """

    objective: Objective = "classification"
    rounds: int = setting(500, least=1)
    rate: float = setting(0.05, above=0, most=1)
    l2: float = setting(1.0, least=0)
    rows: float = setting(0.8, above=0, most=1)
    features: float = setting(0.8, above=0, most=1)
    bins: int = setting(255, least=2, most=255)
    patience: int = setting(50, least=0)
    watched: Watched = "own"
    device: Device = "cpu"

    def __post_init__(self) -> None:
        check(self)
        if self.lists_count and self.watched == "log loss":
            raise SettingsError('watched is "log loss", which lambdarank has none of; use "ndcg@5" or "own".')

    @property
    def lists_count(self) -> bool:
        """Whether it learns from pairs within lists."""
        return self.objective == "lambdarank"
