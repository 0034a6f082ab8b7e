"""Tune a recommender of a workspace on valid, and keep what was found there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from typing import Any

from engine.atomic import write_text
from engine.errors import ArtifactError
from engine.recommend.registry import RECOMMENDERS
from engine.recommend.tuning import Tuned, tune
from engine.recommending.measuring import recommend_rows
from engine.recommending.shop import RecommendConfig, data_of, fit_model, open_shop, shop_at
from engine.runs import aggregate
from engine.settings import load_settings
from engine.workspace import Workspace

FOLDER, FILE = "tuning", "tuned.json"


def tune_model(
    workspace: Workspace,
    name: str,
    *,
    shop_config: RecommendConfig | None = None,
    n_trials: int,
    seed: int | None = None,
    on_trial: Callable[[int, float], None] | None = None,
) -> Tuned:
    """Search the settings of `name` with the best NDCG@10 on valid, fitted on train, and keep them in the workspace.

    A study belongs to the data, the split and the configuration of the shop; it goes on where it was stopped.
    """
    seed = load_settings().seed if seed is None else seed
    shop = open_shop(workspace, shop_config)
    shop = shop_at(workspace, shop, "valid")
    task = shop.task("valid")
    make = RECOMMENDERS.load(name).Config

    def objective(parameters: dict[str, Any]) -> float:
        model = fit_model(name, task.past, shop.catalogue, config=make(**parameters), seed=seed)
        return aggregate("recommend", recommend_rows(model, task, shop.catalogue), ["ndcg@10"])["ndcg@10"]

    settings = [field.name for field in fields(make)]  # a study of a model that had others would not fit its space
    key = json.dumps([data_of(workspace), shop.split.hash, asdict(shop.config), seed, settings], sort_keys=True)
    found = tune(
        name,
        objective,
        defaults=asdict(make()),
        storage=workspace.path / FOLDER / f"{name}.db",
        study=hashlib.sha256(key.encode()).hexdigest()[:16],
        n_trials=n_trials,
        seed=seed,
        on_trial=on_trial,
    )
    known = _read_tuned(workspace)
    known[name] = dict(found.parameters)
    write_text(workspace.path / FOLDER / FILE, json.dumps(known, indent=2) + "\n")
    return found


def tuned_configs(workspace: Workspace, names: Sequence[str]) -> dict[str, Any]:
    """The configurations that tuning found for those of `names` that were tuned in this workspace."""
    known = _read_tuned(workspace)
    return {name: RECOMMENDERS.load(name).Config(**known[name]) for name in names if name in known}


def _read_tuned(workspace: Workspace) -> dict[str, Any]:
    file = workspace.path / FOLDER / FILE
    if not file.exists():
        return {}
    try:
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{file} can't be read ({error}); remove it and tune again.") from None
    return known
