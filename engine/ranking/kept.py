"""Prepared lists as an artifact: made once for a configuration and data, gone on with after a stop, opened again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.atomic import atomic_path, remove
from engine.errors import ArtifactError
from engine.rank.item_vectors import ItemVectors
from engine.rank.lists import Lists
from engine.rank.prepared import PARTS, Prepared, joined, load_lists, load_prepared, save_lists, save_prepared
from engine.ranking.candidates import serving_configs
from engine.ranking.preparing import Maker, PrepareConfig, open_maker
from engine.ranking.windows import Window
from engine.recommending.shop import RecommendConfig
from engine.settings import load_settings
from engine.workspace import Workspace

KIND, NAME = "rankings", "default"
TABLES = ("items", "events", "reviews", "tags", "properties")
MEANING = 4  # of the features; another number makes the lists that were prepared before stale
LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "implicit")
Progress = Callable[[float, str], None]


def prepare_kept(
    workspace: Workspace,
    config: PrepareConfig | None = None,
    *,
    name: str = NAME,
    shop_config: RecommendConfig | None = None,
    seed: int | None = None,
    vectors: ItemVectors | None = None,
    progress: Progress | None = None,
) -> tuple[Card, bool]:
    """Prepare the lists and keep them as rankings/`name`; the card, and whether anything was made.

    vectors: of the items, in the order of their ids, in place of those of the titles. Nothing is made when the lists
    that are there have the same configuration, seed and data. Windows that were done before a stop aren't made again.
    """
    config, shop_config = config or PrepareConfig(), shop_config or RecommendConfig()
    seed = load_settings().seed if seed is None else seed
    configs = serving_configs(workspace, config.sources)
    recommenders = {name: asdict(own) for name, own in sorted(configs.items())}
    mark = _fingerprint([asdict(config), asdict(shop_config), seed, recommenders], workspace, vectors)
    kept = _current(workspace, name)
    if kept and kept.config.get("fingerprint") == mark:
        return kept, False
    maker = open_maker(workspace, config, shop_config=shop_config, seed=seed, vectors=vectors)
    work = workspace.path / ".preparing" / mark
    prepared = _gone_on(maker, work, progress or (lambda share, words: None))
    card = Card(
        kind=KIND,
        name=name,
        version=new_version(),
        config={
            **asdict(config),
            "shop": asdict(shop_config),
            "fingerprint": mark,
            "recommenders": recommenders,
            "notes": maker.notes,
        },
        data_hash=workspace.data_hash(*TABLES),
        split=f"time {maker.shop.split.hash}",
        seed=seed,
        metrics={f"{part}_lists": float(len(prepared.part(part))) for part in PARTS},
        libraries=library_versions(*LIBRARIES),
    )
    stored = ArtifactStore(workspace).save(card, lambda folder: save_prepared(folder, prepared))
    remove(work.parent)
    return stored, True


def open_prepared(workspace: Workspace, name: str = NAME) -> tuple[Prepared, Card]:
    """The lists that were prepared last under `name`, read part by part, and their card.

    Raises NotBuiltError with the command when there are none, ArtifactError when a file is damaged.
    """
    store = ArtifactStore(workspace)
    version = store.current(KIND, name, command=prepare_command(workspace))
    return load_prepared(store.open(KIND, name, version)), store.card(KIND, name, version)


def config_of(card: Card) -> PrepareConfig:
    """The configuration that a card of prepared lists keeps. Raises ArtifactError when it is of another version."""
    names = [field.name for field in fields(PrepareConfig)]
    said: dict[str, Any] = {name: card.config[name] for name in names if name in card.config}
    said = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    try:
        return PrepareConfig(**said)
    except TypeError as error:
        raise ArtifactError(
            f"The prepared lists {card.name} {card.version} are of another version ({error}); prepare them again."
        ) from None


def prepare_command(workspace: Workspace) -> str:
    """What a person runs to prepare lists."""
    return f".venv/bin/python scripts/prepare_ranking.py --workspace {workspace.name}"


def _current(workspace: Workspace, name: str) -> Card | None:
    store = ArtifactStore(workspace)
    if name not in store.names(KIND):
        return None
    return store.card(KIND, name, store.current(KIND, name, command=prepare_command(workspace)))


def _fingerprint(settings: list[Any], workspace: Workspace, vectors: ItemVectors | None) -> str:
    own = None if vectors is None else hashlib.sha256(np.ascontiguousarray(vectors.vectors).tobytes()).hexdigest()
    said = [MEANING, settings, own, workspace.data_hash(*TABLES)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _gone_on(maker: Maker, work: Path, progress: Progress) -> Prepared:
    """Every window's lists, read where an earlier run has left them in `work`, else made and left there."""
    windows = maker.windows()
    made: dict[str, list[Lists]] = {part: [] for part in PARTS}
    for number, window in enumerate(windows):
        progress(number / len(windows), window.name)
        made[window.part].append(_window_lists(maker, window, work / str(number)))
    progress(1.0, "saving")
    return Prepared({part: partial(joined, lists) for part, lists in made.items()})


def _window_lists(maker: Maker, window: Window, place: Path) -> Lists:
    if place.is_dir():
        return load_lists(place, "lists", maker.stock, maker.config.columns)
    lists = maker.lists(window)
    with atomic_path(place) as folder:
        folder.mkdir()
        save_lists(folder, "lists", lists)
    return lists
