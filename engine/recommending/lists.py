"""Everybody's list at once: who gets an item, which items nobody is shown, and lists to hand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.ranked import NONE, Ranked
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import Gathered, Pipeline

OUTRANKED, UNLEARNED = "others rank higher for everybody", "too few events for the models to learn it"


@dataclass(frozen=True)
class Lists:
    """The lists of all users.

    users: (n_users,); rows: (n_users, k) int32 places in the catalogue, NONE after the end; filled: (n_users, k) bool,
    what only popularity put there.
    """

    users: NDArray[np.object_]
    rows: NDArray[np.int32]
    filled: NDArray[np.bool_]

    @property
    def k(self) -> int:
        """How long the lists are."""
        return int(self.rows.shape[1])


def newest(histories: Interactions, most: int) -> Interactions:
    """The histories of the `most` users with the newest events, in their order; all of them when there are no more."""
    if len(histories) <= most:
        return histories
    last = histories.last.max(axis=1).toarray().ravel()
    return histories.rows(np.sort(np.argsort(-last, kind="stable")[:most]))


def make_lists(pipeline: Pipeline, histories: Interactions, k: int) -> Lists:
    """The pipeline's list of each history."""
    found = pipeline.recommend(histories, k)
    return Lists(histories.users, found.ranked.rows.astype(np.int32), found.filled)


def audience(lists: Lists, item: int) -> pd.DataFrame:
    """Who is shown the item in row `item` of the catalogue: user_id, place (from 1), filled; best places first."""
    users, places = np.nonzero(lists.rows == item)
    frame = pd.DataFrame({"user_id": lists.users[users], "place": places + 1, "filled": lists.filled[users, places]})
    return frame.sort_values(["place", "user_id"], ignore_index=True)


def exposure(lists: Lists, catalogue: Catalogue) -> pd.DataFrame:
    """In how many lists each item is: item_id, title, category, available, lists; those that nobody is shown first."""
    counts = np.bincount(lists.rows[lists.rows != NONE], minlength=len(catalogue))
    frame = pd.DataFrame(
        {
            "item_id": catalogue.item_ids,
            "title": catalogue.titles,
            "category": catalogue.categories[catalogue.leaves],
            "available": catalogue.available,
            "lists": counts,
        }
    )
    return frame.sort_values(["lists", "item_id"], ignore_index=True)


def unseen(lists: Lists, pipeline: Pipeline) -> pd.DataFrame:
    """The items that are in no list, as `exposure` gives them, with `why`: what keeps each away from everybody."""
    shown = exposure(lists, pipeline.catalogue)
    frame = shown[shown["lists"] == 0].drop(columns="lists").reset_index(drop=True)
    known = np.zeros(len(pipeline.catalogue), dtype=bool)
    for model in pipeline.models.values():
        known |= model.trained
    ids = pipeline.catalogue.item_ids
    trained, kept_out = frame["item_id"].isin(ids[known]), np.zeros(len(frame), dtype=bool)
    if pipeline.hidden is not None:
        kept_out = frame["item_id"].isin(ids[pipeline.hidden]).to_numpy()
    why = np.where(trained, OUTRANKED, UNLEARNED)
    why = np.where(frame.pop("available"), why, "can't be bought now")
    return frame.assign(why=np.where(kept_out, "kept out of all lists by somebody", why))


def ranked_by(model: Recommender, gathered: Gathered, k: int) -> Ranked:
    """What one model alone recommends for gathered histories, with the same items left out."""
    rules = gathered.rules
    return model.recommend(gathered.histories, k, eligible=rules.eligible, excluded=rules.excluded)


def listed(lists: Lists, catalogue: Catalogue) -> pd.DataFrame:
    """One row per user and place: user_id, place, item_id, title, filled."""
    users, places = np.nonzero(lists.rows != NONE)
    items = lists.rows[users, places]
    return pd.DataFrame(
        {
            "user_id": lists.users[users],
            "place": places + 1,
            "item_id": catalogue.item_ids[items],
            "title": catalogue.titles[items],
            "filled": lists.filled[users, places],
        }
    )
