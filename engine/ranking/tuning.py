"""Tune rankers on valid and keep what was found in the workspace, for the data it was found on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.atomic import write_json
from engine.errors import ArtifactError, NotBuiltError, SettingsError, ShelfwiseError
from engine.metrics.measures import aggregate
from engine.rank.balance import balance
from engine.rank.base import Training
from engine.rank.calibration import Calibration
from engine.rank.evaluation import rank_rows
from engine.rank.lists import Lists
from engine.rank.registry import RANKERS
from engine.rank.tuning import Budget, Objective, Study, Tuned, history, tune
from engine.ranking.cache import key_of
from engine.ranking.config import RankingConfig
from engine.ranking.members import balancing
from engine.ranking.source import Source, seed_of
from engine.typed import build
from engine.workspace import Workspace

FOLDER, FILE = "tuning", "ranking.json"
logger = logging.getLogger("engine.ranking")


def tune_member(
    workspace: Workspace,
    name: str,
    config: RankingConfig,
    source: Source,
    *,
    on_trial: Callable[[int, float], None] | None = None,
) -> Tuned:
    """Search the space of `name` for the best figure on valid, learned on train, and keep what was found.

    A study belongs to the lists, the space and what holds for training; it goes on where it was stopped. Raises
    SettingsError when the configuration has no space for `name`.
    """
    space = config.tuning.spaces.get(name)
    if not space:
        raise SettingsError(
            f"The configuration has no tuning.spaces.{name}; name the settings to search and their ends."
        )
    study = study_of(workspace, name, config, source)
    budget = Budget(config.tuning.trials, config.tuning.minutes, config.tuning.prune)
    objective = _objective(name, config, source)
    found = tune(
        name,
        config.of(name),
        objective,
        space=space,
        study=study,
        budget=budget,
        seed=seed_of(config),
        on_trial=on_trial,
    )
    _keep(workspace, found, study, source)
    logger.info(
        "%s: %s on valid %.4f, at first %.4f, %d trials", name, study.metric, found.value, found.first, found.n_trials
    )
    return found


def study_of(workspace: Workspace, name: str, config: RankingConfig, source: Source) -> Study:
    """Where the search of `name` on these lists with this configuration is kept."""
    key = key_of(
        mark=source.mark,
        start=asdict(config.of(name)),
        space={setting: asdict(values) for setting, values in config.tuning.spaces.get(name, {}).items()},
        smote=asdict(config.smote),
        metric=config.tuning.metric,
        seed=seed_of(config),
    )
    return Study(_database(workspace, name), key, config.tuning.metric)


def with_tuned(workspace: Workspace, config: RankingConfig, source: Source) -> RankingConfig:
    """`config` with the settings that were found on these lists in place of its own."""
    found = {name: own for name, own in _read(workspace).items() if own["mark"] == source.mark}
    models = {
        name: build(RANKERS.load(name).Config, own["settings"]) for name, own in found.items() if name in RANKERS.parts
    }
    return replace(config, models={**config.models, **models})


def last_searches(workspace: Workspace) -> dict[str, Mapping[str, Any]]:
    """By ranker what its last search found: settings, metric, value, first, trials, pruned, mark; empty for none."""
    return dict(_read(workspace))


def search_history(workspace: Workspace, name: str) -> pd.DataFrame:
    """The trials of the last search of `name`, as `engine.rank.tuning.history` gives them.

    Raises NotBuiltError with the command when it was never tuned, ArtifactError when its file can't be read.
    """
    known = _read(workspace)
    if name not in known:
        raise NotBuiltError(f"The search of {name}'s settings", tune_command(workspace, name))
    return history(Study(_database(workspace, name), str(known[name]["study"]), str(known[name]["metric"])))


def tune_command(workspace: Workspace, name: str) -> str:
    """What a person runs to tune a ranker."""
    return f".venv/bin/python scripts/tune_ranker.py --workspace {workspace.name} --model {name}"


def _keep(workspace: Workspace, found: Tuned, study: Study, source: Source) -> None:
    known = _read(workspace)
    known[found.member] = {
        "settings": asdict(found.settings),
        "mark": source.mark,
        "study": study.name,
        "metric": study.metric,
        "value": found.value,
        "first": found.first,
        "trials": found.n_trials,
        "pruned": found.pruned,
    }
    write_json(_file(workspace), known)


def _objective(name: str, config: RankingConfig, source: Source) -> Objective:
    kind, seed = RANKERS.load(name), seed_of(config)
    how, valid = balancing(config.smote, bool(kind.needs_histories)), source.prepared.valid

    def objective(settings: Any, share: float) -> float:
        balanced = balance(_some(source.prepared.train, share), how=how.how, neighbours=how.neighbours, seed=seed)
        ranker = kind(settings).fit(balanced.lists, valid, Training(seed=seed, weights=balanced.weights))
        scores = ranker.scores(valid)
        chances = Calibration.fit(scores, valid.known).probabilities(scores)
        return aggregate("rank", rank_rows(valid, scores, chances), [config.tuning.metric])[config.tuning.metric]

    return objective


def _some(train: Lists, share: float) -> Lists:
    """Every nth list, so that all windows are in it."""
    return train if share >= 1 else train.take(np.arange(0, len(train), max(round(1 / share), 1)))


def _database(workspace: Workspace, name: str) -> Path:
    return workspace.path / FOLDER / f"ranking-{name}.db"


def _file(workspace: Workspace) -> Path:
    return workspace.path / FOLDER / FILE


def _read(workspace: Workspace) -> dict[str, Any]:
    file = _file(workspace)
    if not file.exists():
        return {}
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        if not all(
            isinstance(own, dict) and {"settings", "mark", "study", "metric"} <= set(own) for own in known.values()
        ):
            raise ValueError("it isn't what tuning wrote")
    except (OSError, ValueError, AttributeError, ShelfwiseError) as error:
        raise ArtifactError(f"{file} can't be read ({error}); remove it and tune again.") from None
    return dict(known)
