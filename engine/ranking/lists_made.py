"""Lists of candidates with their features, without what was wanted: for any users, moments and candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.rank.features_made import make_features
from engine.rank.lists import Feature, Lists
from engine.rank.point_in_time_asked import Asked
from engine.rank.point_in_time_past import ItemPast, UserPast
from engine.ranking.candidates import Candidates
from engine.ranking.knowing import events_of_log
from engine.recommend.events import EventLog


@dataclass(frozen=True)
class Features:
    """What features are made from.

    items, users: what happened; columns: the features that lists get; most_history: events of a user that histories
    keep, the newest.
    """

    items: ItemPast
    users: UserPast
    columns: tuple[Feature, ...]
    most_history: int

    def lists(
        self,
        ids: NDArray[np.object_],
        places: NDArray[np.int64],
        moments: NDArray[np.int64],
        found: Candidates,
        alike: sparse.csr_array,
    ) -> Lists:
        """One list for each of the users `ids`, who are at `places` among those of the events (-1: unknown).

        moments: (n_lists,) UTC microseconds; alike: how alike the users of two items are, known at all the moments.
        """
        histories = self.users.histories(places, moments, self.most_history)
        asked = Asked(places, moments, found.sizes, found.items, histories, found.scores, alike)
        return Lists(
            list_ids=ids,
            users=ids,
            micros=moments,
            sizes=found.sizes,
            items=found.items,
            features=make_features(self.items, self.users, asked, self.columns),
            columns=self.columns,
            stock=self.items.stock,
            histories=histories,
        )


def users_of(log: EventLog, items: ItemPast) -> UserPast:
    """What the users of `log` did, numbered as there."""
    return UserPast(events_of_log(log), items.stock, items.levels[:, 0])
