"""Features when serving: of candidates that the pipeline has just gathered, with everything that is known by now."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from scipy import sparse

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError
from engine.rank.features_together import together
from engine.rank.lists import Feature, Lists
from engine.rank.prepared import load_stock
from engine.ranking.candidates import candidates_of, serving_configs
from engine.ranking.kept import KIND, NAME, config_of, prepare_command
from engine.ranking.knowing import item_past, read_known
from engine.ranking.lists_made import Features, users_of
from engine.recommend.events import EventLog, micros
from engine.recommend.interactions import places_of
from engine.recommend.pipeline import Gathered
from engine.recommending.shop import Shop
from engine.workspace import Workspace


@dataclass(frozen=True)
class Live:
    """What features are made from when serving; everything costly is made once."""

    shop: Shop
    features: Features

    @property
    def columns(self) -> tuple[Feature, ...]:
        """The features that lists get."""
        return self.features.columns

    @cached_property
    def together(self) -> sparse.csr_array:
        """How alike items are by all that has happened."""
        return together(self.shop.all.last)


def open_live(workspace: Workspace, shop: Shop, name: str = NAME) -> Live:
    """What makes the same features as the prepared lists `name`, of the shop as it is now.

    Raises NotBuiltError with the command when no lists were prepared, ArtifactError when the catalogue or the settings
    of a recommender have changed since.
    """
    store, command = ArtifactStore(workspace), prepare_command(workspace)
    version = store.current(KIND, name, command=command)
    stock = load_stock(store.open(KIND, name, version))
    catalogue = shop.catalogue
    for said, before, now in (
        ("items", stock.item_ids, catalogue.item_ids),
        ("categories", stock.category_names, catalogue.categories),
    ):
        if before.tolist() != now.tolist():
            raise ArtifactError(
                f"The ranking lists {name} were prepared for another catalogue ({len(before):,} {said}, now "
                f"{len(now):,}); prepare them and train again: {command}"
            )
    card = store.card(KIND, name, version)
    config, served = config_of(card), serving_configs(workspace, config_of(card).sources)
    for source, own in served.items():
        if asdict(own) != card.config.get("recommenders", {}).get(source, asdict(type(own)())):
            raise ArtifactError(
                f"The recommender {source} serves with other settings than when the ranking lists {name} were "
                f"prepared, so its scores mean something else; prepare them and train again: {command}"
            )
    items = item_past(shop.log, catalogue, stock, read_known(workspace, catalogue))
    return Live(shop, Features(items, users_of(shop.log, items), config.columns, config.most_history))


def features_for(
    live: Live, gathered: Gathered, moment: datetime | None = None, *, log: EventLog | None = None
) -> Lists:
    """The lists of gathered candidates, one for each history, as of `moment` (default: the clock's time, UTC).

    log: what the users of the histories did, where that isn't what the shop's own log says of them. Nobody knows yet
    what was wanted.
    """
    made, ids = live.features, gathered.histories.users
    if log is not None:
        made = replace(made, users=users_of(log, made.items))
    places = places_of(ids, (log or live.shop.log).users)
    moments = np.full(len(ids), micros(moment or datetime.now(UTC)))
    return made.lists(ids, places, moments, candidates_of(gathered), live.together)
