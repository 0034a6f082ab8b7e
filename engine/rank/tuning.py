"""Search the settings of a ranker with Optuna: a study lives in a file, goes on after a stop, and has two budgets.

A trial is asked on a quarter of train first; one that is worse there than the middle of those before it is given up,
whatever the ranker (asking with a part of the data: Jamieson and Talwalkar, AISTATS 2016; the median rule: Golovin et
al., Google Vizier, KDD 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import pandas as pd

from engine.errors import ArtifactError, DataError, SettingsError
from engine.rank.config import Range

SHARES = (0.25, 1.0)  # of train, one behind the other
STARTUP = 4  # trials that are never given up
Objective = Callable[[Any, float], float]  # (settings, the share of train) -> the figure on valid
DESCENDING = ("log_loss",)  # metrics of which less is better


@dataclass(frozen=True)
class Tuned:
    """The best that was found for `member`: its settings, the figure on valid, the first trial's, and how many ended.

    pruned: how many of them were given up; first: the figure of the settings that the search began with.
    """

    member: str
    settings: Any
    value: float
    first: float
    n_trials: int
    pruned: int


@dataclass(frozen=True)
class Budget:
    """When a search ends, whichever comes first; prune: whether trials that fall behind are given up."""

    trials: int
    minutes: float
    prune: bool = True


@dataclass(frozen=True)
class Study:
    """Where a search is kept: `name` in the SQLite file `file`. metric: what is best on valid."""

    file: Path
    name: str
    metric: str

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Whether more or less of the metric is better."""
        return "minimize" if self.metric in DESCENDING else "maximize"


def tune(
    member: str,
    start: Any,
    objective: Objective,
    *,
    space: Mapping[str, Range],
    study: Study,
    budget: Budget,
    seed: int,
    on_trial: Callable[[int, float], None] | None = None,
) -> Tuned:
    """Search `space` around the settings `start` of a ranker, which are tried first.

    objective: the figure on valid with other settings, learned from a share of train; one that raises DataError or
    SettingsError counts as failed. Raises DataError when none could be measured.
    """
    import optuna

    found, types = _opened(study, seed, prune=budget.prune, create=True), get_type_hints(type(start))
    if not found.trials:
        found.enqueue_trial(_within(start, space), skip_if_exists=True)

    def run(trial: Any) -> float:
        chosen = {key: _suggested(trial, key, values, whole=types[key] is int) for key, values in space.items()}
        settings = type(start)(**{**vars(start), **chosen})
        value = float("nan")
        for step, share in enumerate(SHARES if budget.prune else SHARES[-1:]):
            value = objective(settings, share)
            trial.report(value, step)
            if share < 1 and trial.should_prune():
                raise optuna.TrialPruned
        if on_trial is not None:
            on_trial(trial.number, value)
        return value

    done = sum(trial.state.is_finished() for trial in found.trials)
    if done < budget.trials:
        found.optimize(
            run, n_trials=budget.trials - done, timeout=60 * budget.minutes, catch=(DataError, SettingsError)
        )
    return _best(member, start, found)


def history(study: Study) -> pd.DataFrame:
    """The trials of a study in order: number, state, value, seconds, best (so far), and a column for each setting.

    Raises ArtifactError when the file can't be read.
    """
    found = _opened(study, 0, prune=True, create=False)
    frame = pd.DataFrame(
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "value": trial.value,
            "seconds": trial.duration.total_seconds() if trial.duration else None,
            **trial.params,
        }
        for trial in found.trials
    )
    if frame.empty:
        return frame
    complete = frame["value"].where(frame["state"] == "complete").astype(float)
    best = complete.cummin() if study.direction == "minimize" else complete.cummax()
    frame.insert(4, "best", best.ffill())
    return frame


def _opened(study: Study, seed: int, *, prune: bool, create: bool) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    address, pruner = f"sqlite:///{study.file}", optuna.pruners.MedianPruner(n_startup_trials=STARTUP)
    try:
        if not create:
            if not study.file.exists():
                raise KeyError("there is no such file")
            return optuna.load_study(study_name=study.name, storage=address)
        study.file.parent.mkdir(parents=True, exist_ok=True)
        return optuna.create_study(
            study_name=study.name,
            storage=address,
            direction=study.direction,
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=pruner if prune else optuna.pruners.NopPruner(),
        )
    except Exception as error:  # of SQLite, of its driver, of Optuna: each has a tree of its own
        raise ArtifactError(f"{study.file} can't be read ({error}); remove it and tune again.") from error


def _suggested(trial: Any, key: str, values: Range, *, whole: bool) -> Any:
    if values.choices:
        return trial.suggest_categorical(key, list(values.choices))
    low, high = values.low or 0.0, values.high or 0.0
    if whole:
        return trial.suggest_int(key, int(low), int(high), log=values.log)
    return trial.suggest_float(key, low, high, log=values.log)


def _within(start: Any, space: Mapping[str, Range]) -> dict[str, Any]:
    """The settings of `start` that the space holds, moved to its nearest end where they lie outside."""
    found = {}
    for key, values in space.items():
        own = getattr(start, key)
        if values.choices:
            found[key] = own if own in values.choices else values.choices[0]
        else:
            found[key] = min(max(own, values.low), values.high)
    return found


def _best(member: str, start: Any, found: Any) -> Tuned:
    import optuna

    complete = [trial for trial in found.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    if not complete:
        raise DataError(
            f"None of {len(found.trials)} trials of {member} could be measured; see its space and the lists."
        )
    best = found.best_trial
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in found.trials)
    ended = sum(trial.state.is_finished() for trial in found.trials)
    return Tuned(
        member,
        type(start)(**{**vars(start), **best.params}),
        float(best.value),
        float(complete[0].value),
        ended,
        pruned,
    )
