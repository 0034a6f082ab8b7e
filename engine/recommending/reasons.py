"""The reason for a recommendation in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.recommend.eligibility import BOUGHT
from engine.recommend.explain import Why
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import Gathered, PipelineConfig
from engine.recommending.shop import Shop

DEEDS = {"view": "viewed", "addtocart": "put into the basket", BOUGHT: "bought"}
LEAST = 0.02  # of the score that an event must carry to be named as the reason
BY_CATEGORY = "popular_in_category"  # the source that goes by the user's categories
MUCH = 0.1  # of a history that must be in the item's category for that to be the reason
NAMED = 2  # of the user's events in a sentence


@dataclass(frozen=True)
class Because:
    """Why an item is in a list. source: what carried it there; words: that in a sentence without a full stop."""

    source: Literal["history", "category", "popularity"]
    words: str


def because(shop: Shop, gathered: Gathered, why: Why, config: PipelineConfig, *, filled: bool) -> Because:
    """The reason for the item that `why` is about, in the list of the first gathered history.

    config: the weights of the list; the category is a reason only where it counts. filled: whether only popularity put
    it there, because candidates ran out.
    """
    history = gathered.histories
    if not history.weights[[0]].nnz:
        return Because("popularity", "Popular, because nothing is known of this user yet")
    if filled:
        n = int((gathered.users == 0).sum())
        return Because("popularity", f"Popular, because the models name only {n:,} items for this user")
    told = [reason for reason in why.reasons if reason.share >= LEAST][:NAMED]
    if told:
        said = [f"{deed(shop, history, one.item_id)} {_named(shop, one.item_id, why.item_id)}" for one in told]
        return Because("history", f"Because they {' and '.join(said)}")
    if why.category_share >= MUCH and (config.beta > 0 or config.sources.get(BY_CATEGORY, 0) > 0):
        share = f"{why.category_share:.0%}".replace("%", " %")
        return Because("category", f"Because {share} of their history is in {why.category}")
    return Because("popularity", "Popular with everybody")


def deed(shop: Shop, history: Interactions, item_id: str) -> str:
    """What the user of one history did with an item, the weightiest of it, as a verb: "bought"."""
    item = int(np.searchsorted(history.item_ids, item_id))
    done = int(history.done[0, item])
    weights = shop.config.events.weights
    kinds = [kind for bit, kind in enumerate(history.kinds) if done & 1 << bit]
    best = max(kinds, key=lambda kind: weights[kind], default="")
    return DEEDS.get(best, f"did “{best}” with")


def _named(shop: Shop, item_id: str, recommended: str) -> str:
    if item_id == recommended:
        return "this very item"
    return f"“{shop.catalogue.titles[np.searchsorted(shop.catalogue.item_ids, item_id)]}”"
