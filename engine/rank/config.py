"""The settings of ranking that belong to no single ranker: balance, the ensemble, the search of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.errors import MissingExtraError
from engine.rank.registry import RANKERS
from engine.typed import Where, setting, unknown

MEMBERS = ("lightgbm", "catboost", "xgboost", "transformer")


@dataclass(frozen=True)
class Smote:
    """How wanted and other candidates of train are balanced.

    how: smote makes wanted ones between near ones, weights counts wanted ones more, none leaves them as they are
    neighbours: how many of the nearest wanted candidates a new one may lie towards
    """

    how: Literal["none", "weights", "smote"] = "none"
    neighbours: int = setting(5, least=1, most=100)


@dataclass(frozen=True)
class EnsembleConfig:
    """How members become one score.

    members: which take part; one that needs histories is left out where lists have none
    how: weights (non-negative, fitted on valid), rank_average (the mean of places), stacking (logistic regression)
    goal: what weights are fitted for: list (the order within lists) or log_loss (the chance of each candidate)
    calibration: from scores to chances: platt or isotonic
    costly: a member that takes this many times as long as the quickest must help beyond chance to take part
    """

    members: tuple[str, ...] = MEMBERS
    how: Literal["weights", "rank_average", "stacking"] = "weights"
    goal: Literal["list", "log_loss"] = "list"
    calibration: Literal["platt", "isotonic"] = "platt"
    costly: float = setting(10.0, least=1)


@dataclass(frozen=True)
class Range:
    """The values that one setting is searched in: from `low` to `high` (on a log scale or not), or one of `choices`."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Tuning:
    """How settings are searched.

    members: which are tuned; trials, minutes: when the search of each ends, whichever comes first
    metric: what is best on valid
    prune: whether a trial that falls behind is given up
    spaces: for each member, the settings that are searched and their values
    """

    members: tuple[str, ...] = ()
    trials: int = setting(20, least=1, most=10_000)
    minutes: float = setting(10.0, above=0)
    metric: Literal["ndcg@5", "ndcg@10", "mrr", "auc", "log_loss"] = "ndcg@10"
    prune: bool = True
    spaces: Mapping[str, Mapping[str, Range]] = field(default_factory=dict)


def check_ranker(name: str, where: Where) -> None:
    """Raise UnknownNameError with the nearest name when there is no ranker called `name`."""
    if name not in RANKERS.parts:
        unknown("ranker", name, RANKERS.parts, where)


def check_spaces(spaces: Mapping[str, Mapping[str, Range]], where: Where) -> None:
    """Raise UnknownNameError for a ranker or a setting that there is not, SettingsError for a range without values."""
    for name, space in spaces.items():
        here = where.at(name)
        check_ranker(name, here)
        known = _settings_of(name)
        for key, values in space.items():
            if known and key not in known:
                unknown(f"setting of {name}", key, known, here.at(key))
            _check_range(values, here.at(key))


def _settings_of(name: str) -> tuple[str, ...]:
    """The names of a ranker's settings; none when it can't be loaded here, as when an extra isn't installed."""
    try:
        return tuple(RANKERS.load(name).Config.__dataclass_fields__)
    except MissingExtraError:
        return ()


def _check_range(values: Range, where: Where) -> None:
    if values.choices:
        return
    low, high = values.low, values.high
    if low is None or high is None or low >= high or (values.log and low <= 0):
        where.fail(f"{low} to {high}", "choices, or a low and a higher high (above 0 on a log scale)")
