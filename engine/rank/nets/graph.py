"""The graph of users and items that train's histories make, and the neighbours of items in it at a moment.

Neighbours are drawn with numpy from the events of each item and of each user, which stand by time, so that whatever
happened after the moment asked for is out of reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.rank.lists import Lists, Stock, bounds
from engine.rank.nets.batch import histories_of
from engine.rank.nets.known import Floats, Ints, Known

FEWEST_CUTS, MOST_CUTS = 8, 64  # moments at which the graph is looked at


@dataclass(frozen=True)
class Edges:
    """Events drawn: (n,) the node that each was drawn for (its place among those asked), and the event."""

    nodes: Ints
    events: Ints


@dataclass(frozen=True)
class Graph:
    """Distinct events, and what is known of the items in them.

    users, items, kinds, micros: (n_events,), sorted by time; items and kinds are places in `Known`. cuts: moments,
    ascending; a list is scored with the events before the newest of them that isn't after its own moment. categories,
    vectors, present: (n_known, …) of the known items, for those that a later stock doesn't have.
    """

    users: Ints
    items: Ints
    kinds: Ints
    micros: Ints
    cuts: Ints
    categories: Ints
    vectors: Floats
    present: NDArray[np.bool_]

    @classmethod
    def of(cls, train: Lists, known: Known, together: int) -> Self:
        """The graph of the histories of `train`; events that several lists of a user hold count once.

        together: about how many lists are read at once, and so may see the graph at the same moment.
        """
        histories, stock = histories_of(train), train.stock
        users = np.unique(train.users.astype(str), return_inverse=True)[1]
        items, kinds = known.items_of(stock), known.kinds_of(histories.kind_names)
        events = _distinct(
            histories.micros,
            np.repeat(users, histories.sizes),
            items[histories.items],
            kinds[histories.kinds],
        )
        own = np.zeros(len(known.item_ids) + 1, dtype=np.int64)
        own[items] = np.arange(len(stock))
        own = own[1:]
        vectors = np.zeros((len(own), 0)) if stock.vectors is None else stock.vectors[own]
        without = np.zeros(len(own), dtype=bool) if stock.without is None else stock.without[own]
        return cls(
            users=events[1],
            items=events[2],
            kinds=events[3],
            micros=events[0],
            cuts=_cuts(train.micros, events[0], together),
            categories=stock.categories[own].astype(np.int64),
            vectors=vectors.astype(np.float32),
            present=~without,
        )

    def tensors(self) -> dict[str, Tensor]:
        """By name, as files keep it."""
        return {part.name: torch.as_tensor(getattr(self, part.name)) for part in fields(self)}

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor]) -> Self:
        """What `tensors` gave. Raises KeyError or TypeError when it isn't whole."""
        return cls(**{part.name: tensors[part.name].numpy() for part in fields(cls)})

    def cut(self, moments: Ints) -> Ints:
        """(n,) how many events, the oldest first, may be seen at each of `moments`."""
        found = np.searchsorted(self.cuts, moments, side="right") - 1
        seen = np.searchsorted(self.micros, self.cuts, side="left")
        return np.where(found < 0, 0, seen[np.maximum(found, 0)])

    def of_items(self, items: Ints, cut: int, most: int, rng: np.random.Generator | None = None) -> Edges:
        """At most `most` of the first `cut` events of each of `items` (places in `Known`): one of each equal part of
        them by time, drawn by `rng`, or the middle one where there is none.
        """
        return self._by_item.draw(items, cut, most, rng)

    def of_users(self, users: Ints, cut: int, most: int, rng: np.random.Generator | None = None) -> Edges:
        """The same for `users`."""
        return self._by_user.draw(users, cut, most, rng)

    def beside(self, stock: Stock, known: Known) -> tuple[Stock, Ints]:
        """`stock` with the known items that it lacks behind its own, and (n_known + 1,) where each known item is."""
        own = known.items_of(stock)
        lost = np.setdiff1d(np.arange(1, len(known.item_ids) + 1), own)
        wider = replace(
            stock,
            item_ids=np.concatenate([stock.item_ids, known.item_ids[lost - 1]]),
            categories=np.concatenate([stock.categories, self.categories[lost - 1] + len(stock.category_names)]),
            category_names=np.concatenate([stock.category_names, np.array(known.categories, dtype=object)]),
        )
        if stock.vectors is not None:
            without = np.zeros(len(stock), dtype=bool) if stock.without is None else stock.without
            vectors = np.concatenate([np.asarray(stock.vectors), self.vectors[lost - 1]])
            wider = replace(wider, vectors=vectors, without=np.concatenate([without, ~self.present[lost - 1]]))
        at = np.zeros(len(known.item_ids) + 1, dtype=np.int64)
        at[own] = np.arange(len(stock))
        at[lost] = len(stock) + np.arange(len(lost))
        return wider, at

    @cached_property
    def _by_item(self) -> _Rows:
        return _Rows.of(self.items)

    @cached_property
    def _by_user(self) -> _Rows:
        return _Rows.of(self.users)


@dataclass(frozen=True)
class _Rows:
    """The events of each node, by time: events (n,) node by node, and keys (n,) that grow with node and event."""

    events: Ints
    keys: Ints
    n: int

    @classmethod
    def of(cls, nodes: Ints) -> Self:
        order = np.argsort(nodes, kind="stable")
        return cls(order, nodes[order] * (len(nodes) + 1) + order, len(nodes))

    def draw(self, nodes: Ints, cut: int, most: int, rng: np.random.Generator | None) -> Edges:
        first = np.searchsorted(self.keys, nodes * (self.n + 1))
        counts = np.searchsorted(self.keys, nodes * (self.n + 1) + cut) - first
        drawn = np.minimum(counts, most)
        owner = np.repeat(np.arange(len(nodes)), drawn)
        part = np.arange(len(owner)) - bounds(drawn)[owner]
        within = rng.random(len(owner)) if rng is not None else np.full(len(owner), 0.5)
        chosen = ((part + within) * counts[owner] / np.maximum(drawn[owner], 1)).astype(np.int64)
        return Edges(owner, self.events[first[owner] + np.minimum(chosen, counts[owner] - 1)])


def _distinct(*parts: NDArray[np.integer]) -> Ints:
    """(n_parts, n_distinct): what stands at the same place of all `parts`, each once, ordered by the first part."""
    order = np.lexsort(parts[::-1])
    table = np.stack([part[order].astype(np.int64) for part in parts])
    first = np.ones(len(order), dtype=bool)
    first[1:] = (table[:, 1:] != table[:, :-1]).any(axis=0)
    found: Ints = table[:, first]
    return found


def _cuts(moments: Ints, events: Ints, together: int) -> Ints:
    """Moments of lists, evenly over all of them, and the moment after the last event."""
    n = min(max(len(moments) // together, FEWEST_CUTS), MOST_CUTS)
    places = np.linspace(0, len(moments), n, endpoint=False).astype(np.int64)
    last = events.max(initial=moments.min(initial=0)) + 1
    return np.unique(np.append(np.sort(moments)[places], last))
