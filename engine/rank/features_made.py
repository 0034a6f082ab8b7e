"""Features of candidates, made from what was known at each list's moment; in batches, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.rank.features import FUSED, GROUPS
from engine.rank.features_item import category_features, item_features, price_features, review_features
from engine.rank.features_pair import pair_features, tag_features, vector_features
from engine.rank.features_user import context_features, user_features
from engine.rank.lists import Feature
from engine.rank.point_in_time_asked import Asked
from engine.rank.point_in_time_past import ItemPast, UserPast

BATCH_ROWS = 100_000  # candidates whose features are in the making at once
Named = Mapping[str, NDArray[np.generic]]
Maker = Callable[[ItemPast, UserPast, Asked], Named]
MAKERS: dict[str, Maker] = {
    "user": user_features,
    "item": item_features,
    "price": price_features,
    "reviews": review_features,
    "category": category_features,
    "pair": pair_features,
    "tags": tag_features,
    "vectors": vector_features,
    "context": context_features,
}
OF_LISTS = ("user", "context")  # these give one value for each list, the others one for each candidate


def make_features(items: ItemPast, users: UserPast, asked: Asked, columns: Sequence[Feature]) -> NDArray[np.float32]:
    """(n_rows, n_columns) the features named by `columns`, NaN where unknown, as what an absent source says is."""
    found = np.empty((len(asked.items), len(columns)), dtype=np.float32)
    wanted = {feature.name for feature in columns}
    groups = [name for name, group in GROUPS.items() if wanted & {feature.name for feature in group}]
    for start, end in _batches(asked):
        part = asked.part(start, end)
        made = _made(items, users, part, groups)
        rows = slice(asked.starts[start], asked.starts[end])
        for place, feature in enumerate(columns):
            found[rows, place] = made.get(feature.name, np.nan)
    return found


def _made(items: ItemPast, users: UserPast, asked: Asked, groups: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    made = dict(_from_sources(asked))
    for group in groups:
        values = MAKERS[group](items, users, asked)
        made |= {name: one[asked.list_of_row] for name, one in values.items()} if group in OF_LISTS else values
    return made


def _batches(asked: Asked) -> Iterator[tuple[int, int]]:
    """Ranges of lists with about BATCH_ROWS candidates each, a list at least."""
    start = 0
    while start < len(asked):
        end = int(np.searchsorted(asked.starts, asked.starts[start] + BATCH_ROWS, side="right")) - 1
        end = min(max(end, start + 1), len(asked))
        yield start, end
        start = end


def _from_sources(asked: Asked) -> Named:
    """The group "sources", (n_rows,) each."""
    n = len(asked.items)
    named, fused, first, height = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    made: dict[str, NDArray[np.generic]] = {}
    for name, scores in asked.sources.items():
        known = ~np.isnan(scores)
        ranks = np.where(known, _ranks(asked, scores), np.nan)
        made[f"{name}_score"], made[f"{name}_rank"] = scores, ranks
        length = np.bincount(asked.list_of_row[known], minlength=len(asked))[asked.list_of_row]
        named += known
        for total, part in (
            (fused, 1 / (FUSED + ranks)),
            (first, 1 / ranks),
            (height, 1 - (ranks - 1) / np.maximum(length, 1)),
        ):
            total += np.where(known, part, 0)
    return {**made, "sources_named": named, "sources_fused": fused, "sources_first": first, "sources_height": height}


def _ranks(asked: Asked, scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n_rows,) places within the list by descending score from 1; equals share the first of theirs."""
    low = np.where(np.isnan(scores), -np.inf, scores)
    order = np.lexsort((-low, asked.list_of_row))
    ranks = np.arange(len(order)) - asked.starts[asked.list_of_row[order]]
    ordered, lists, new = low[order], asked.list_of_row[order], np.ones(len(order), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]) | (lists[1:] != lists[:-1])
    found = np.empty(len(order), dtype=np.int64)
    found[order] = ranks[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))] + 1
    return found
