"""Open what serves: the pipeline with its models, on the catalogue that they were fitted on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, ShelfwiseError, UnknownNameError
from engine.hiding import Hiding
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue
from engine.recommend.eligibility import Rules
from engine.recommend.events import EventConfig
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommend.registry import RECOMMENDERS
from engine.recommending.shop import FILL, RecommendConfig, Shop, make_pipeline, open_shop
from engine.recommending.training import KIND, MODELS_FILE, PIPELINE, PIPELINE_FILE
from engine.recommending.trials import Trial, load_trial
from engine.workspace import Workspace


def open_pipeline(workspace: Workspace, version: str | None = None) -> tuple[Shop, Pipeline]:
    """The pipeline that serves, with the shop it recommends from; what people have hidden by now is left out.

    version: another one, opened over the models that it was measured with. Raises NotBuiltError with the command when
    it isn't built, UnknownNameError for a version that there isn't, ArtifactError when files are damaged.
    """
    store = ArtifactStore(workspace)
    chosen = version or store.current(KIND, PIPELINE, command=train_command(workspace))
    if chosen not in store.versions(KIND, PIPELINE):
        raise UnknownNameError("version of the pipeline", chosen, store.versions(KIND, PIPELINE))
    folder = store.open(KIND, PIPELINE, chosen)
    config, pinned = read_config(workspace, folder), read_models(workspace, folder) if version else {}
    shop = open_shop(workspace, shop_config(store.card(KIND, PIPELINE, chosen).config))
    names = [*[name for name, weight in config.sources.items() if weight > 0], FILL]
    models = {name: open_model(workspace, name, shop.catalogue, pinned.get(name)) for name in dict.fromkeys(names)}
    pipeline = make_pipeline(shop, shop.all, models, config, seed=0)
    return shop, replace(pipeline, hidden=Hiding(workspace).mask(shop.catalogue.item_ids))


def read_config(workspace: Workspace, folder: Path) -> PipelineConfig:
    """The weights in the folder of a version. Raises ArtifactError with the command when they can't be read."""
    try:
        return PipelineConfig(**json.loads((folder / PIPELINE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, ShelfwiseError) as error:
        said = f"{folder / PIPELINE_FILE} can't be read ({error}); train again: {train_command(workspace)}"
        raise ArtifactError(said) from None


def read_models(workspace: Workspace, folder: Path) -> dict[str, str]:
    """The versions of the models, by name, that the pipeline in `folder` was measured with; empty where it is older
    than that is kept. Raises ArtifactError with the command when the file can't be read."""
    try:
        return {str(name): str(version) for name, version in json.loads((folder / MODELS_FILE).read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        said = f"{folder / MODELS_FILE} can't be read ({error}); train again: {train_command(workspace)}"
        raise ArtifactError(said) from None


def open_trial(workspace: Workspace, shop: Shop, config: PipelineConfig) -> Trial:
    """What was measured when the pipeline that serves was trained, to try other weights than `config` on."""
    store = ArtifactStore(workspace)
    version = store.current(KIND, PIPELINE, command=train_command(workspace))
    return load_trial(store.open(KIND, PIPELINE, version), shop.catalogue, config)


def open_model(workspace: Workspace, name: str, catalogue: Catalogue, version: str | None = None) -> Recommender:
    """The version of `name` that serves, or another one. Raises ArtifactError when it is of another catalogue."""
    store = ArtifactStore(workspace)
    version = version or store.current(KIND, name, command=train_command(workspace))
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


def shop_config(config: Mapping[str, Any]) -> RecommendConfig:
    """What held for every model, from the configuration on a card: the reverse of `described`."""
    said = config["shop"]
    return RecommendConfig(EventConfig(**said["events"]), Rules(**said["rules"]), tuple(said["targets"]))
