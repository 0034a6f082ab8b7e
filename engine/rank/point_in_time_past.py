"""Everything that features look at: what happened with items and what users did, each thing with its time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.rank.features import HALF_LIFE, SESSION
from engine.rank.lists import Histories, Stock, spans
from engine.rank.point_in_time import DAY, Floats, Ints, Timeline
from engine.schema import EVENTS

UNKNOWN = -1  # in `ItemPast.levels`: the item's path ends above that level
MINUTE = 60_000_000  # microseconds
VIEW, CART, BUY = EVENTS
ANCHOR = 946_684_800_000_000  # 2000-01-01: decay counts from a fixed day, so that no later event can shift a bit


@dataclass(frozen=True)
class Dated:
    """Numbers said of items: items, micros, values (n,): the place in the stock, when (UTC microseconds), what."""

    items: NDArray[np.int64]
    micros: Ints
    values: Floats

    @cached_property
    def line(self) -> Timeline:
        """The numbers by item."""
        return Timeline(self.items, self.micros)

    @cached_property
    def sums(self) -> Floats:
        """(n,) in the order of the line: each item's sum so far."""
        return self.line.running(self.values[self.line.order])

    def mean(self, items: Ints, moments: Ints, *, but_last: bool = False) -> Floats:
        """(n,) mean of what was said of each item before its moment, or of all but the last; NaN where nothing was."""
        starts, ends = self.line.before(items, moments)
        ends = np.where(ends > starts, ends - but_last, ends)
        found = np.full(len(items), np.nan)
        there = ends > starts
        found[there] = self.sums[ends[there] - 1] / (ends - starts)[there]
        return found

    def last(self, items: Ints, moments: Ints) -> Floats:
        """(n,) what was said of each item last before its moment; NaN where nothing was."""
        starts, ends = self.line.before(items, moments)
        found = np.full(len(items), np.nan)
        there = ends > starts
        found[there] = self.values[self.line.order[ends[there] - 1]]
        return found


@dataclass(frozen=True)
class Events:
    """What users did, in the order of users, then of time.

    user: (n_events,) any whole numbers; item: places in the stock; kind: places in `kinds`; micros: UTC microseconds.
    """

    kinds: tuple[str, ...]
    user: NDArray[np.integer]
    item: NDArray[np.integer]
    kind: NDArray[np.integer]
    micros: Ints

    def __len__(self) -> int:
        return len(self.user)

    def of_kind(self, name: str) -> NDArray[np.bool_]:
        """(n_events,) which are of the kind `name`."""
        found: NDArray[np.bool_] = self.kind == (self.kinds.index(name) if name in self.kinds else -1)
        return found


class ItemPast:
    """What is known of items, with its time; of the catalogue's own facts as they stand.

    stock: the items; levels: (n_items, n_levels) categories from the root down, UNKNOWN below the end of an item's
    path; listed: (n_items,) prices of the catalogue, NaN where unknown; events: of all users; prices, ratings: in
    events and in reviews, None where there are none; tags: (n_items, n_tags) bool, None where there are none.
    """

    def __init__(
        self,
        stock: Stock,
        levels: NDArray[np.int32],
        listed: Floats,
        events: Events,
        *,
        prices: Dated | None = None,
        ratings: Dated | None = None,
        tags: sparse.csr_array | None = None,
    ) -> None:
        self.stock, self.levels, self.listed, self.events = stock, levels, listed, events
        self.prices, self.ratings, self.tags = prices, ratings, tags
        self.line = Timeline(events.item, events.micros)
        self._of_kind: dict[str, Timeline] = {}

    def of_kind(self, name: str) -> Timeline:
        """The events of one kind, by item."""
        if name not in self._of_kind:
            chosen = self.events.of_kind(name)
            self._of_kind[name] = Timeline(self.events.item[chosen], self.events.micros[chosen])
        return self._of_kind[name]

    @cached_property
    def newcomers(self) -> Timeline:
        """Each user's first event with each item, by item."""
        first = firsts(self.events, len(self.stock))
        return Timeline(self.events.item[first], self.events.micros[first])

    @cached_property
    def by_category(self) -> Timeline:
        """The events by the item's deepest category."""
        return Timeline(self.stock.categories[self.events.item], self.events.micros)

    def popularity(self, items: Ints, moments: Ints) -> Floats:
        """(n,) events of each item before its moment, each counting half after HALF_LIFE days."""
        starts, ends = self.line.before(items, moments)
        found = np.zeros(len(items))
        there = ends > starts
        sums = self._decayed[ends[there] - 1]
        found[there] = sums * np.exp2(-(moments[there] - ANCHOR) / (HALF_LIFE * DAY))
        return found

    def price(self, items: Ints, moments: Ints) -> Floats:
        """(n,) the newest price of each item in an event before its moment, else the catalogue's."""
        listed = self.listed[items]
        if self.prices is None:
            return listed
        last = self.prices.last(items, moments)
        return np.where(np.isnan(last), listed, last)

    @cached_property
    def _decayed(self) -> Floats:
        return self.line.running(np.exp2((self.line.micros - ANCHOR) / (HALF_LIFE * DAY)))


class UserPast:
    """What users did: `events`, whose users are numbered as the lists that ask about them number theirs."""

    def __init__(self, events: Events, stock: Stock, roots: NDArray[np.int32]) -> None:
        self.events, self._stock, self._roots = events, stock, roots
        self.line = Timeline(events.user, events.micros)
        self._of_kind: dict[str, Timeline] = {}

    def of_kind(self, name: str) -> Timeline:
        """The events of one kind, by user."""
        if name not in self._of_kind:
            chosen = self.events.of_kind(name)
            self._of_kind[name] = Timeline(self.events.user[chosen], self.events.micros[chosen])
        return self._of_kind[name]

    @cached_property
    def newcomers(self) -> Timeline:
        """Each user's first event with each item, by user."""
        first = firsts(self.events, len(self._stock))
        return Timeline(self.events.user[first], self.events.micros[first])

    @cached_property
    def by_leaf(self) -> Timeline:
        """The events by user and the item's deepest category; keys by `leaf_keys`."""
        return Timeline(self.leaf_keys(self.events.user, self.events.item), self.events.micros)

    @cached_property
    def by_root(self) -> Timeline:
        """The events by user and the item's root category; keys by `root_keys`."""
        return Timeline(self.root_keys(self.events.user, self.events.item), self.events.micros)

    @cached_property
    def by_item(self) -> Timeline:
        """The events by user and item; keys by `item_keys`."""
        return Timeline(self.item_keys(self.events.user, self.events.item), self.events.micros)

    @cached_property
    def purchases_by_item(self) -> Timeline:
        """The purchases by user and item; keys by `item_keys`."""
        chosen = self.events.of_kind(BUY)
        keys = self.item_keys(self.events.user[chosen], self.events.item[chosen])
        return Timeline(keys, self.events.micros[chosen])

    @cached_property
    def sessions(self) -> tuple[Ints, Ints]:
        """(n_events,) each, in the order of `line.order`: the number of an event's session, and where that begins.

        A session begins with a user's first event, and with every event after SESSION minutes without one.
        """
        line = self.line
        if not len(line):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        begins = (np.diff(line.micros, prepend=line.micros[0]) >= SESSION * MINUTE) | ~line.repeated
        return np.cumsum(begins), np.maximum.accumulate(np.where(begins, np.arange(len(line)), 0))

    def leaf_keys(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> Ints:
        """(n,) one number for each user and deepest category."""
        return _keys(users, self._stock.categories[items], len(self._stock.category_names))

    def root_keys(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> Ints:
        """(n,) one number for each user and root category."""
        return _keys(users, self._roots[items], len(self._stock.category_names))

    def item_keys(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> Ints:
        """(n,) one number for each user and item."""
        return _keys(users, items, len(self._stock))

    def histories(self, users: Ints, moments: Ints, most: int) -> Histories:
        """What each user did before the moment, oldest first: the newest `most` events."""
        starts, ends = self.line.before(users, moments)
        sizes = np.minimum(ends - starts, most)
        events = self.line.order[spans(ends - sizes, sizes)]
        own = self.events
        return Histories(
            sizes,
            own.item[events].astype(np.int32),
            own.kind[events].astype(np.int16),
            own.micros[events],
            own.kinds,
        )


def firsts(events: Events, n_items: int) -> Ints:
    """The places of each user's first event with each item; `events` are in the order of users, then of time."""
    _, found = np.unique(_keys(events.user, events.item, n_items), return_index=True)
    return found.astype(np.int64)


def _keys(users: NDArray[np.integer], others: NDArray[np.integer], n: int) -> Ints:
    # one more than there are: -1 stands for an unknown user or category and must not meet another's key
    return users.astype(np.int64) * (n + 1) + others + 1
