"""Items that people keep out of recommendations: a log in the workspace's state, so that two people lose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.decisions import MAX_REASON, MAX_WHO, clean
from engine.errors import UnknownNameError
from engine.sql import Queries
from engine.state import State
from engine.workspace import Workspace

_CURRENT = """
SELECT item_id, reason, who, decided FROM hidden
WHERE id IN (SELECT max(id) FROM hidden GROUP BY item_id) AND hidden = 1 ORDER BY id DESC
"""
_INSERT = "INSERT INTO hidden (item_id, hidden, reason, who) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True)
class Hidden:
    """An item that is kept out: why, by whom and when (UTC, ISO)."""

    item_id: str
    reason: str
    who: str
    decided: str


@dataclass(frozen=True)
class Hiding:
    """The hidden items of one workspace. Each method opens the state, does one thing whole, and closes it."""

    workspace: Workspace

    def hide(self, item_ids: Sequence[str], *, who: str, reason: str = "") -> None:
        """Keep items out of every list. Raises UnknownNameError for one that isn't in the catalogue: then none is."""
        self._check(item_ids)
        self._write(item_ids, 1, who, reason)

    def show(self, item_ids: Sequence[str], *, who: str) -> None:
        """Let items be recommended again."""
        self._write(item_ids, 0, who, "")

    def current(self) -> list[Hidden]:
        """What is hidden, newest first."""
        with State.open(self.workspace) as state:
            return [Hidden(*row) for row in state.read(_CURRENT)]

    def version(self) -> int:
        """A number that is another one after every change."""
        with State.open(self.workspace) as state:
            ((newest,),) = state.read("SELECT coalesce(max(id), 0) FROM hidden")
            return int(newest)

    def mask(self, item_ids: NDArray[np.object_]) -> NDArray[np.bool_]:
        """(n_items,) which of `item_ids` are hidden."""
        found: NDArray[np.bool_] = np.isin(item_ids.astype(str), [hidden.item_id for hidden in self.current()])
        return found

    def _write(self, item_ids: Sequence[str], hidden: int, who: str, reason: str) -> None:
        who = clean(who, "name", MAX_WHO)
        reason = clean(reason, "reason", MAX_REASON) if reason.strip() else ""
        with State.open(self.workspace) as state:
            state.write(_INSERT, [(item_id, hidden, reason, who) for item_id in item_ids])

    def _check(self, item_ids: Sequence[str]) -> None:
        known = set(Queries(self.workspace).frame("SELECT item_id FROM items")["item_id"])
        unknown = next((item_id for item_id in item_ids if item_id not in known), None)
        if unknown is not None:
            raise UnknownNameError("item of the catalogue", unknown, known)
