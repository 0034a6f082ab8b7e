"""Open what serves: the pipeline with its models, on the catalogue that they were fitted on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, ShelfwiseError
from engine.hiding import Hiding
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue
from engine.recommend.eligibility import Rules
from engine.recommend.events import EventConfig
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommend.registry import RECOMMENDERS
from engine.recommending.shop import FILL, RecommendConfig, Shop, make_pipeline, open_shop
from engine.recommending.training import KIND, PIPELINE, PIPELINE_FILE
from engine.recommending.trials import Trial, load_trial
from engine.workspace import Workspace


def open_pipeline(workspace: Workspace) -> tuple[Shop, Pipeline]:
    """The pipeline that serves, with the shop it recommends from; what people have hidden by now is left out.

    Raises NotBuiltError with the command when it isn't built, ArtifactError when its files are damaged.
    """
    store = ArtifactStore(workspace)
    version = store.current(KIND, PIPELINE, command=train_command(workspace))
    config = read_config(workspace, store.open(KIND, PIPELINE, version))
    shop_config = _shop_config(store.card(KIND, PIPELINE, version).config)
    shop = open_shop(workspace, shop_config)
    names = [*[name for name, weight in config.sources.items() if weight > 0], FILL]
    models = {name: open_model(workspace, name, shop.catalogue) for name in dict.fromkeys(names)}
    pipeline = make_pipeline(shop, shop.all, models, config, seed=0)
    return shop, replace(pipeline, hidden=Hiding(workspace).mask(shop.catalogue.item_ids))


def read_config(workspace: Workspace, folder: Path) -> PipelineConfig:
    """The weights in the folder of a version. Raises ArtifactError with the command when they can't be read."""
    try:
        return PipelineConfig(**json.loads((folder / PIPELINE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, ShelfwiseError) as error:
        said = f"{folder / PIPELINE_FILE} can't be read ({error}); train again: {train_command(workspace)}"
        raise ArtifactError(said) from None


def open_trial(workspace: Workspace, shop: Shop, config: PipelineConfig) -> Trial:
    """What was measured when the pipeline that serves was trained, to try other weights than `config` on."""
    store = ArtifactStore(workspace)
    version = store.current(KIND, PIPELINE, command=train_command(workspace))
    return load_trial(store.open(KIND, PIPELINE, version), shop.catalogue, config)


def open_model(workspace: Workspace, name: str, catalogue: Catalogue) -> Recommender:
    """The version of `name` that serves. Raises ArtifactError when it was fitted on another catalogue."""
    store = ArtifactStore(workspace)
    version = store.current(KIND, name, command=train_command(workspace))
    model: Recommender = RECOMMENDERS.load(name).load(store.open(KIND, name, version))
    if model.item_ids.tolist() != catalogue.item_ids.tolist():
        raise ArtifactError(
            f"The recommender {name} was fitted on another catalogue ({len(model.item_ids):,} items, now "
            f"{len(catalogue):,}); train it again: {train_command(workspace)}"
        )
    return model


def train_command(workspace: Workspace) -> str:
    """What a person runs to train what serves."""
    return f".venv/bin/python scripts/train_recommender.py --workspace {workspace.name}"


def _shop_config(config: Mapping[str, Any]) -> RecommendConfig:
    """The reverse of `_described`."""
    said = config["shop"]
    return RecommendConfig(EventConfig(**said["events"]), Rules(**said["rules"]), tuple(said["targets"]))
