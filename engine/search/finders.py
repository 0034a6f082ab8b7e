"""Who finds an item: the queries that should or could, and the place that it has among the hits of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.asked import query_key
from engine.search.base import Retriever

Origin = Literal["known", "judged", "tag", "title", "asked"]
ORIGINS: tuple[Origin, ...] = ("known", "judged", "tag", "title", "asked")
MOST = 20  # queries of one origin
SHOULD: frozenset[Origin] = frozenset({"known", "judged"})


@dataclass(frozen=True)
class Finder:
    """A query, where it comes from, and the item's place among its hits from 1 (None: not among those looked at).

    origin: known (a good answer by the judgments table), judged (good, by a person), tag, title (of the item itself),
    asked (by whoever used this search)
    """

    query: str
    origin: Origin
    place: int | None


def find_finders(
    retriever: Retriever, item_id: str, queries: Mapping[Origin, Iterable[str]], *, k: int
) -> tuple[Finder, ...]:
    """The place of `item_id` among the `k` best hits of each of `queries`, best first.

    At most 20 queries of each origin are asked, each once. Asked ones that don't find it are left out: nobody said that
    they should.
    """
    chosen: dict[str, tuple[str, Origin]] = {}
    for origin in ORIGINS:
        for query in [query for query in queries.get(origin, ()) if query.strip()][:MOST]:
            chosen.setdefault(query_key(query), (query, origin))
    if not chosen:
        return ()
    row = np.flatnonzero(retriever.item_ids == item_id)
    found = retriever.search([query for query, _ in chosen.values()], k).rows
    places = [np.flatnonzero(np.isin(rows, row)) for rows in found]
    finders = [
        Finder(query, origin, int(place[0]) + 1 if len(place) else None)
        for (query, origin), place in zip(chosen.values(), places, strict=True)
    ]
    told = [one for one in finders if one.place is not None or one.origin != "asked"]
    return tuple(sorted(told, key=lambda one: one.place or k + 1))


def found_share(finders: Iterable[Finder], first: int) -> tuple[int, int]:
    """(how many of the queries that should find the item have it among the first `first`, how many there are)."""
    should = [one for one in finders if one.origin in SHOULD]
    return sum(one.place is not None and one.place <= first for one in should), len(should)
