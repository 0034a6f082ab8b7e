"""The features of candidates, each with what it says and its unit: one table that names, explains and selects them.

All of them are as of the moment of the list: nothing that happened from that moment on counts. What the catalogue says
of an item (price where events have none, categories, tags, texts) has no time and is taken as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import UnknownNameError
from engine.rank.lists import CODE, NUMBER, Feature

HALF_LIFE = 30  # days after which an event counts half in item_popularity
FUSED = 60  # of reciprocal rank fusion (G. Cormack, C. Clarke, S. Buettcher, SIGIR 2009)
SESSION = 30  # minutes without an event that end a session


def _group(*rows: tuple[str, str] | tuple[str, str, str]) -> tuple[Feature, ...]:
    return tuple(Feature(*row) for row in rows)


GROUPS: dict[str, tuple[Feature, ...]] = {
    "user": _group(
        ("user_events", "events of the user"),
        ("user_views", "views by the user"),
        ("user_carts", "times that the user put something in the cart"),
        ("user_purchases", "purchases by the user"),
        ("user_items", "distinct items that the user dealt with"),
        ("user_events_30d", "events of the user in the last 30 days"),
        ("user_recency_days", "days since the user's last event"),
        ("user_tenure_days", "days since the user's first event"),
        ("user_purchase_share", "share of purchases among the user's events, 0 to 1"),
    ),
    "item": _group(
        ("item_events", "events with the item"),
        ("item_views", "views of the item"),
        ("item_carts", "times that the item was put in the cart"),
        ("item_purchases", "purchases of the item"),
        ("item_users", "distinct users who dealt with the item"),
        ("item_events_7d", "events with the item in the last 7 days"),
        ("item_events_30d", "events with the item in the last 30 days"),
        ("item_popularity", f"events with the item, each counting half after {HALF_LIFE} days"),
        ("item_recency_days", "days since the item's last event"),
        ("item_age_days", "days since the item's first event"),
        ("item_conversion", "purchases of the item for each view of it"),
    ),
    "price": _group(
        ("item_price", "the item's newest known price, in the store's currency"),
        ("item_discount", "share by which that price lies below the mean of the item's earlier prices"),
        ("user_mean_price", "mean price of the items that the user dealt with lately, in the store's currency"),
        ("pair_price_ratio", "the item's price divided by the user's mean price"),
    ),
    "reviews": _group(
        ("item_reviews", "reviews of the item"),
        ("item_rating", "mean stars of the item's reviews"),
    ),
    "category": _group(
        ("item_category", "the item's category", CODE),
        ("category_events_30d", "events with items of the category in the last 30 days"),
        ("category_item_share", "the item's share of those events, 0 to 1"),
        ("category_root_share", "share of the user's events in the item's root category, 0 to 1"),
        ("category_leaf_share", "share of the user's events in the item's deepest category, 0 to 1"),
        ("category_recency_days", "days since the user's last event in the item's deepest category"),
    ),
    "pair": _group(
        ("pair_events", "events of the user with the item"),
        ("pair_purchases", "purchases of the item by the user"),
        ("pair_recency_days", "days since the user's last event with the item"),
        ("pair_together_mean", "mean over the user's recent items of how alike their users are (cosine), 0 to 1"),
        ("pair_together_max", "the highest of those likenesses, 0 to 1"),
    ),
    "tags": _group(
        ("item_tags", "tags of the item"),
        ("pair_shared_tags", "tags of the item that the user's other recent items have too"),
        ("pair_tag_share", "share of the item's tags that the user's other recent items have too, 0 to 1"),
    ),
    "vectors": _group(
        ("pair_similarity_mean", "mean cosine of the item's vector with those of the user's other recent items"),
        ("pair_similarity_max", "the highest of those cosines"),
        ("pair_similarity_last", "cosine of the item's vector with that of the last other item"),
    ),
    "context": _group(
        ("hour", "hour of the day of the decision, UTC, 0 to 23"),
        ("weekday", "day of the week of the decision, 0 for Monday", CODE),
        ("session_events", f"events of the user in the session under way (no pause of {SESSION} minutes)"),
        ("session_number", "sessions of the user so far, the one under way included"),
    ),
}
TIMELESS = tuple(group for group in GROUPS if group != "context")
"""The groups that serve where the lists of a window share one moment: its hour says nothing of their users."""
SOURCES = "sources"  # the group whose features are named after the sources of candidates
FEATURES: dict[str, Feature] = {feature.name: feature for group in GROUPS.values() for feature in group}


def source_features(sources: Sequence[str]) -> tuple[Feature, ...]:
    """The features of the group "sources": what each source of candidates says of a candidate."""
    found = [
        Feature("sources_named", "how many sources of candidates name the item"),
        Feature("sources_fused", f"sum over those sources of 1 / ({FUSED} + the item's place), reciprocal rank fusion"),
        Feature("sources_first", "sum over those sources of 1 / the item's place"),
        Feature(
            "sources_height", "sum over those sources of how high it stands: 1 for the first, towards 0 for the last"
        ),
    ]
    for name in sources:
        found.append(Feature(f"{name}_score", f"the score that {name} gives the item, where it names it", NUMBER))
        found.append(Feature(f"{name}_rank", f"the item's place in the list of {name}, 1 for its first", NUMBER))
    return tuple(found)


def columns_of(groups: Sequence[str], sources: Sequence[str]) -> tuple[Feature, ...]:
    """The features of `groups`, in the order of the table. Raises UnknownNameError with the nearest group."""
    for group in groups:
        if group not in (*GROUPS, SOURCES):
            raise UnknownNameError("group of features", group, (*GROUPS, SOURCES))
    found = [feature for name, group in GROUPS.items() if name in groups for feature in group]
    return (*found, *(source_features(sources) if SOURCES in groups else ()))
