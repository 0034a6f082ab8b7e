"""Tuning a recommender on valid with Optuna; a study lives in a file, so a stopped one goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import DataError, UnknownNameError

Suggest = Callable[[Any], dict[str, Any]]

SPACES: Mapping[str, Suggest] = {
    "popular": lambda trial: {"half_life": trial.suggest_float("half_life", 3, 365, log=True)},
    "popular_in_category": lambda trial: {"half_life": trial.suggest_float("half_life", 3, 365, log=True)},
    "content": lambda trial: {"half_life": trial.suggest_float("half_life", 1, 180, log=True)},
    "item_knn": lambda trial: {
        "weighting": trial.suggest_categorical("weighting", ["bm25", "cosine"]),
        "neighbours": trial.suggest_int("neighbours", 10, 400, log=True),
        "k1": trial.suggest_float("k1", 0.2, 100, log=True),
        "b": trial.suggest_float("b", 0.0, 1.0),
        "within": trial.suggest_categorical("within", ["history", "session"]),
        **_minima(trial),
    },
    "ease": lambda trial: {
        "regularization": trial.suggest_float("regularization", 5, 5000, log=True),
        "power": trial.suggest_float("power", 0.0, 1.0),
        **_minima(trial),
    },
    "als": lambda trial: {
        "factors": trial.suggest_categorical("factors", [16, 32, 64, 128, 256]),
        "regularization": trial.suggest_float("regularization", 1e-3, 100, log=True),
        "alpha": trial.suggest_float("alpha", 0.1, 40, log=True),
        "iterations": trial.suggest_int("iterations", 5, 30),
        **_minima(trial),
    },
    "bpr": lambda trial: {
        "factors": trial.suggest_categorical("factors", [16, 32, 64, 128]),
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 0.2, log=True),
        "regularization": trial.suggest_float("regularization", 1e-4, 0.1, log=True),
        "iterations": trial.suggest_int("iterations", 30, 200, log=True),
        **_minima(trial),
    },
}


@dataclass(frozen=True)
class Tuned:
    """The best settings found for `model`: its parameters, the figure on valid, and after how many trials."""

    model: str
    parameters: Mapping[str, Any]
    value: float
    n_trials: int


def tune(
    model: str,
    objective: Callable[[dict[str, Any]], float],
    *,
    defaults: Mapping[str, Any],
    storage: Path,
    study: str,
    n_trials: int,
    seed: int,
    on_trial: Callable[[int, float], None] | None = None,
) -> Tuned:
    """Search the space of `model` until the study in `storage` (an SQLite file) has `n_trials` finished trials.

    objective: the figure on valid of a model with the given parameters, higher is better; one that raises DataError
    counts as a failed trial. defaults: the model's own settings, tried first. study: names what is tuned on what
    data, so that another data set begins anew. Raises UnknownNameError for a model without a space.
    """
    import optuna

    if model not in SPACES:
        raise UnknownNameError("recommender that can be tuned", model, SPACES)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage.parent.mkdir(parents=True, exist_ok=True)
    found = optuna.create_study(
        study_name=study,
        storage=f"sqlite:///{storage}",
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed),
    )

    if not found.trials:
        found.enqueue_trial(dict(defaults), skip_if_exists=True)

    def run(trial: Any) -> float:
        value = objective(SPACES[model](trial))
        if on_trial is not None:
            on_trial(trial.number, value)
        return value

    done = sum(trial.state.is_finished() for trial in found.trials)
    found.optimize(run, n_trials=max(n_trials - done, 0), catch=(DataError,))
    complete = [trial for trial in found.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    if not complete:
        raise DataError(f"None of {len(found.trials)} trials of {model} could be fitted; see its space and the events.")
    best = max(complete, key=lambda trial: trial.value or 0.0)
    return Tuned(
        model, SPACES[model](optuna.trial.FixedTrial(best.params)), float(best.value or 0.0), len(found.trials)
    )


def _minima(trial: Any) -> dict[str, Any]:
    """How many interactions users and items need to take part."""
    return {
        "min_user_interactions": trial.suggest_int("min_user_interactions", 1, 5),
        "min_item_interactions": trial.suggest_int("min_item_interactions", 1, 5),
    }
