"""What a retraining is told: its steps, and the numbers that its decisions hang on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import SettingsError
from engine.recommend.weights import TRIALS
from engine.retraining.limits import Limits

STEPS = ("validate", "features", "train", "evaluate", "compare", "promote", "notify")
SERVICE, NOWHERE = "service", "none"


@dataclass(frozen=True)
class RetrainConfig:
    """How a retraining decides.

    seed:        of the models, the weights and the intervals
    margin:      by how much the challenger may be worse in `metric`: the interval's lower end must be above -margin
    metric:      what is compared, of each user of the test window
    guards:      metrics of whole runs, each with the least share of the serving recipe's value that is allowed
    trials:      weights of the sources that are tried out on valid
    events_from: "service": events that the service stored since the last time come into the events table; "none": not
    keep:        folders of retrainings that stay; older ones are removed
    limits:      what the day's data may differ by
    """

    seed: int
    margin: float = 0.005
    metric: str = "ndcg@10"
    guards: Mapping[str, float] = field(default_factory=lambda: {"coverage@5": 0.9})
    trials: int = TRIALS
    events_from: str = SERVICE
    keep: int = 30
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if isinstance(self.limits, Mapping):  # as the state of a run has it
            object.__setattr__(self, "limits", Limits(**self.limits))
        if not 0 <= self.margin < 1:
            raise SettingsError(f"margin is {self.margin}; it must be 0 or more and below 1.")
        if self.events_from not in (SERVICE, NOWHERE):
            raise SettingsError(f"events_from is {self.events_from!r}; it must be {SERVICE} or {NOWHERE}.")
