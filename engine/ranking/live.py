"""Features when serving: of candidates that the pipeline has just gathered, with everything that is known by now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from scipy import sparse

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError
from engine.rank.features_made import make_features
from engine.rank.features_together import together
from engine.rank.lists import Feature, Lists
from engine.rank.point_in_time_asked import Asked
from engine.rank.point_in_time_past import ItemPast, UserPast
from engine.rank.prepared import load_stock
from engine.ranking.candidates import candidates_of
from engine.ranking.kept import KIND, NAME, config_of, prepare_command
from engine.ranking.knowing import events_of_log, item_past
from engine.recommend.events import EventLog, micros
from engine.recommend.interactions import places_of
from engine.recommend.pipeline import Gathered
from engine.recommending.shop import Shop
from engine.workspace import Workspace


@dataclass(frozen=True)
class Live:
    """What features are made from when serving; everything costly is made once.

    columns: the features that lists get; most_history: events of a user that histories keep.
    """

    shop: Shop
    past: ItemPast
    columns: tuple[Feature, ...]
    most_history: int

    @cached_property
    def together(self) -> sparse.csr_array:
        """How alike items are by all that has happened."""
        return together(self.shop.all.last)

    @cached_property
    def users(self) -> UserPast:
        """What the users of the shop did."""
        return self.users_of(self.shop.log)

    def users_of(self, log: EventLog) -> UserPast:
        """What the users of `log` did, numbered as there."""
        return UserPast(events_of_log(log), self.past.stock, self.shop.catalogue.levels[:, 0])


def open_live(workspace: Workspace, shop: Shop, name: str = NAME) -> Live:
    """What makes the same features as the prepared lists `name`, of the shop as it is now.

    Raises NotBuiltError with the command when no lists were prepared, ArtifactError when the catalogue has changed.
    """
    store, command = ArtifactStore(workspace), prepare_command(workspace)
    version = store.current(KIND, name, command=command)
    stock = load_stock(store.open(KIND, name, version))
    catalogue = shop.catalogue
    if stock.item_ids.tolist() != catalogue.item_ids.tolist():
        raise ArtifactError(
            f"The ranking lists {name} were prepared for another catalogue ({len(stock):,} items, now "
            f"{len(catalogue):,}); prepare them again: {command}"
        )
    stock = replace(stock, categories=catalogue.leaves, category_names=catalogue.categories)
    config = config_of(store.card(KIND, name, version))
    return Live(shop, item_past(workspace, shop, stock), config.columns, config.most_history)


def features_for(
    live: Live, gathered: Gathered, moment: datetime | None = None, *, log: EventLog | None = None
) -> Lists:
    """The lists of gathered candidates, one for each history, as of `moment` (default: the clock's time, UTC).

    log: what the users of the histories did, where that isn't what the shop's own log says of them. Nobody knows yet
    what was wanted.
    """
    log, users = log or live.shop.log, live.users if log is None else live.users_of(log)
    ids = gathered.histories.users
    places = places_of(ids, log.users)
    moments = np.full(len(ids), micros(moment or datetime.now(UTC)))
    found = candidates_of(gathered)
    asked = Asked(
        places,
        moments,
        found.sizes,
        found.items,
        users.histories(places, moments, live.most_history),
        found.scores,
        live.together,
    )
    return Lists(
        list_ids=ids,
        users=ids,
        micros=moments,
        sizes=found.sizes,
        items=found.items,
        features=make_features(live.past, users, asked, live.columns),
        columns=live.columns,
        stock=live.past.stock,
        histories=asked.histories,
    )
