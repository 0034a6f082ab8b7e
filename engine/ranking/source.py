"""The lists that a configuration names: those of a workspace's events, or of a file whose features are given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.artifacts import ArtifactStore, Card
from engine.atomic import sha256
from engine.errors import ArtifactError, DataError, SettingsError
from engine.rank.given import read_given
from engine.rank.item_vectors import ItemVectors, mapped_vectors, title_vectors
from engine.rank.lists import Lists
from engine.rank.prepared import Prepared, load_prepared
from engine.ranking.config import Parts, RankingConfig, Sources, plain, read_config
from engine.ranking.kept import KIND, NAME, open_prepared, prepare_kept
from engine.recommend.catalogue import read_catalogue
from engine.settings import load_settings
from engine.sql import Queries
from engine.workspace import Workspace

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Source:
    """Lists to train on, choose by and measure on.

    mark: of their content: equal only where candidates, features and answers are; split: how they were divided;
    eligibility: which lists are measured, in words; place: the version of prepared lists, or the file.
    """

    prepared: Prepared
    mark: str
    split: str
    eligibility: str
    place: Mapping[str, str]


def seed_of(config: RankingConfig) -> int:
    """The seed that the configuration names, else that of the settings."""
    return load_settings().seed if config.training.seed is None else config.training.seed


def open_source(workspace: Workspace, config: RankingConfig, *, report: Report | None = None) -> Source:
    """The lists that `config` names, made where they aren't there yet.

    Raises DataError when the file or the events can't be used, SettingsError for a split that a workspace can't have.
    """
    if config.data.lists is not None:
        return _given(config.data, config.split)
    if config.split != Parts():
        raise SettingsError(
            "split can be set for given lists only: lists of a workspace are split as its recommendations are, so that "
            "their figures compare. Leave the section out."
        )
    card, _ = prepare_kept(
        workspace,
        config.preprocessing,
        shop_config=config.data.shop,
        seed=seed_of(config),
        vectors=vectors_of(workspace, config.data),
        progress=report,
    )
    prepared, card = open_prepared(workspace, card.name)
    return _of_card(prepared, card, config.data)


def vectors_of(workspace: Workspace, data: Sources) -> ItemVectors | None:
    """The vectors of the workspace's items from the files that `data` names; None when it names none.

    Raises DataError when a file can't be used or is of another catalogue, SettingsError for a map without vectors.
    """
    if data.vectors is None:
        if data.vector_map is not None:
            raise SettingsError(f"data.vector_map is {data.vector_map}, and data.vectors says nothing; name both.")
        return None
    catalogue = read_catalogue(Queries(workspace))
    if data.vector_map is None:
        return title_vectors(data.vectors, catalogue.titles.tolist(), catalogue.leaves)
    return mapped_vectors(data.vectors, data.vector_map, catalogue.item_ids, catalogue.leaves)


def reopen(workspace: Workspace, card: Card) -> Source:
    """The lists that the ranker of `card` was trained and measured on.

    Raises ArtifactError when they are no longer there or have changed: training again brings them into line.
    """
    config, wanted = read_config(card.config["ranking"]), card.config["mark"]
    try:
        found = _given(config.data, config.split) if config.data.lists else _version(workspace, card, config.data)
    except (ArtifactError, DataError) as error:
        raise ArtifactError(f"The lists that {card.name} was measured on can't be read ({error})") from None
    if found.mark != wanted:
        raise ArtifactError(f"The lists that {card.name} was measured on have changed; train it again.")
    return found


def _version(workspace: Workspace, card: Card, data: Sources) -> Source:
    store, version = ArtifactStore(workspace), card.config["lists"]["version"]
    folder = store.open(KIND, NAME, version)
    return _of_card(load_prepared(folder), store.card(KIND, NAME, version), data)


def _of_card(prepared: Prepared, card: Card, data: Sources) -> Source:
    return Source(
        prepared,
        mark=str(card.config["fingerprint"]),
        split=card.split,
        eligibility=f"users with {' or '.join(data.shop.targets)} in test, the candidates of {card.kind} {card.name}",
        place={"kind": card.kind, "name": card.name, "version": card.version},
    )


def read_lists(data: Sources, *, answered: bool = True) -> Lists:
    """The lists of the file that `data` names. answered: whether it says what was wanted. Raises DataError."""
    return read_given(
        Path(data.lists or ""),
        list_column=data.list_column,
        item_column=data.item_column,
        time_column=data.time_column,
        wanted_column=data.wanted_column,
        user_column=data.user_column,
        code_columns=data.code_columns,
        ignored_columns=data.ignored_columns,
        answered=answered,
    )


def _given(data: Sources, parts: Parts) -> Source:
    lists, path = read_lists(data), Path(data.lists or "")
    columns = {key: str(value) for key, value in asdict(data).items() if "column" in key}
    mark = hashlib.sha256(json.dumps([sha256(path), asdict(parts), columns], sort_keys=True).encode()).hexdigest()[:16]
    return Source(
        split_lists(lists, parts),
        mark=mark,
        split=f"time, the last {parts.test:g} of the lists are test, {parts.valid:g} before them valid",
        eligibility="lists of test where something was wanted",
        place={"file": str(path)},
    )


def split_lists(lists: Lists, parts: Parts) -> Prepared:
    """The lists by time: the last ones are test, those before them valid. Lists of one moment stay together.

    Raises DataError when a part would be empty.
    """
    order = np.argsort(lists.micros, kind="stable")
    times = lists.micros[order]
    bounds = [
        int(np.searchsorted(times, times[min(int(len(lists) * share), len(lists) - 1)]))
        for share in (1 - parts.valid - parts.test, 1 - parts.test)
    ]
    places = dict(zip(("train", "valid", "test"), np.split(order, bounds), strict=True))
    empty = [name for name, own in places.items() if not len(own)]
    if empty:
        raise DataError(
            f"{len(lists):,} lists at {len(np.unique(times)):,} moments leave none for {empty[0]}; choose other shares."
        )
    return Prepared({name: partial(lists.take, own) for name, own in places.items()})


def described(config: RankingConfig, source: Source) -> dict[str, Any]:
    """What cards of rankers keep of the configuration that ran and the lists it ran on; `reopen` reads it."""
    return {"ranking": plain(config), "mark": source.mark, "lists": dict(source.place)}
