"""What training would see: the events of the table with the new ones of the service, and the items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.recommend.events import DAY
from engine.sql import Queries
from engine.workspace import Workspace

HOUR = DAY // 24
WINDOW = 28  # days that a reference is made of: four of each day of the week
_EVENTS = "SELECT user_id, item_id, event, epoch_us(timestamp) AS micros, price FROM events"
_ITEMS = "SELECT item_id, category, price FROM items"


@dataclass(frozen=True)
class Sample:
    """Events and items.

    events: user_id, item_id, event, micros, price, in any order, with the bool column `told`: by the service since the
    last time; items: item_id, category, price; end: the end of the newest day (UTC microseconds).
    """

    events: pd.DataFrame
    items: pd.DataFrame
    end: int

    @cached_property
    def micros(self) -> NDArray[np.int64]:
        """(n_events,) when each happened."""
        return np.asarray(self.events["micros"], dtype=np.int64)

    @cached_property
    def users(self) -> NDArray[np.int64]:
        """(n_events,) a number for each user."""
        return np.asarray(pd.factorize(self.events["user_id"])[0], dtype=np.int64)

    @cached_property
    def item(self) -> NDArray[np.int64]:
        """(n_events,) the place of each event's item among `items`; -1 where the catalogue doesn't hold it."""
        places = pd.Index(self.items["item_id"]).get_indexer(pd.Index(self.events["item_id"]))
        return np.asarray(places, dtype=np.int64)

    @cached_property
    def prices(self) -> NDArray[np.float64]:
        """(n_events,) what the item cost, by the event or else by the catalogue; NaN where neither says."""
        own = self.events["price"].to_numpy(dtype=np.float64, na_value=np.nan)
        listed = np.append(self.items["price"].to_numpy(dtype=np.float64, na_value=np.nan), np.nan)
        return np.where(np.isnan(own), listed[self.item], own)

    def window(self) -> NDArray[np.bool_]:
        """(n_events,) those of the newest WINDOW days."""
        return np.asarray((self.micros >= self.end - WINDOW * DAY) & (self.micros < self.end))

    def since(self, moment: int) -> NDArray[np.bool_]:
        """(n_events,) those after `moment`, and late ones that the service was told since."""
        return np.asarray((self.micros > moment) | self.events["told"].to_numpy(dtype=bool))

    def days(self) -> list[tuple[int, int]]:
        """The end of each of the newest WINDOW days and how many events it has, the newest day first."""
        place = (self.end - 1 - self.micros) // DAY
        counts = np.bincount(place[(place >= 0) & (place < WINDOW)], minlength=WINDOW)
        return [(self.end - number * DAY, int(n)) for number, n in enumerate(counts)]


def read_sample(workspace: Workspace, new: pd.DataFrame, known: pd.DataFrame, *, now: int, age: float) -> Sample:
    """The tables of `workspace` with the rows `new`; the newest day ends now, or with the newest event of old data.

    known: what `read_known` gave; age: hours up to which data counts as of today. Events dated more than a day after
    `now` are left out, as training does.
    """
    events = pd.concat([known.assign(told=False), _told(new)], ignore_index=True)
    events = events[events["micros"] <= now + DAY]
    items = Queries(workspace).frame(_ITEMS)
    newest = int(events["micros"].max()) if len(events) else 0
    live = now - newest <= age * HOUR
    return Sample(events.reset_index(drop=True), items, max(now, newest + 1) if live else newest + 1)


def read_known(workspace: Workspace) -> pd.DataFrame:
    """The events of the table: user_id, item_id, event, micros, price."""
    return Queries(workspace).frame(_EVENTS)


def _told(rows: pd.DataFrame) -> pd.DataFrame:
    told = rows[["user_id", "item_id", "event"]].astype(object)
    micros = rows["timestamp"].astype("int64") if len(rows) else np.zeros(0, dtype=np.int64)
    price = pd.to_numeric(rows["price"]).astype("float64")
    return told.assign(micros=np.asarray(micros), price=price, told=True)
