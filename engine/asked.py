"""Which queries people ask, and which of them go badly: counted in the workspace's state, without who asked.

Nothing personal is kept: no name, no address, no session, and a query that looks like an e-mail address or holds a
long number (a telephone, an order, a card) isn't counted at all. The log is capped; what wasn't asked for longest goes
first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from engine.state import FILE, State
from engine.text import normalise
from engine.workspace import Workspace

MAX_QUERY = 200  # characters; longer ones are pasted texts, and nobody asks them twice
MAX_KEPT = 5_000
PERSONAL = re.compile(r"\S@\S|(?:\d[\s().+-]*){7,}")

_NOTE = """
INSERT INTO asked (key, query, times, empty, weak) VALUES (?, ?, 1, ?, ?)
ON CONFLICT (key) DO UPDATE SET query = excluded.query, times = times + 1, empty = empty + excluded.empty,
    weak = weak + excluded.weak, last = excluded.last
"""
_CAP = "DELETE FROM asked WHERE key NOT IN (SELECT key FROM asked ORDER BY last DESC, key LIMIT ?)"
_SELECT = "SELECT query, times, empty, weak, last FROM asked"
_COLUMNS = {"query": "str", "times": "int64", "empty": "int64", "weak": "int64", "last": "str"}


def query_key(query: str) -> str:
    """The form in which two queries are the same: lower case, one space between words."""
    return " ".join(normalise(query).split())


@dataclass(frozen=True)
class Asked:
    """The asked queries of one workspace. Raises StorageError when the disk refuses, WorkspaceError when it is damaged.

    cap: how many different queries are kept.
    """

    workspace: Workspace
    cap: int = MAX_KEPT

    def note(self, query: str, *, found: int, weak: bool) -> bool:
        """Count `query`, for which `found` items were found, the best a poor one if `weak`; whether it was counted."""
        key = query_key(query)
        if not key or len(query) > MAX_QUERY or PERSONAL.search(query):
            return False
        with State.open(self.workspace) as state:
            state.write(_NOTE, [(key, " ".join(query.split()), int(not found), int(bool(found) and weak))])
            state.write(_CAP, [(self.cap,)])
        return True

    def troubled(self, limit: int) -> pd.DataFrame:
        """The queries that found nothing or only poor hits, most often first.

        Columns: query, times, empty (how often nothing was found), weak (how often only poor hits), last (UTC, ISO).
        """
        where = "WHERE empty + weak > 0 ORDER BY empty + weak DESC, last DESC LIMIT ?"
        return self._frame(f"{_SELECT} {where}", (limit,))

    def answered(self, limit: int) -> pd.DataFrame:
        """The queries that went well at least once, most asked first; columns as in `troubled`."""
        return self._frame(f"{_SELECT} WHERE times > empty + weak ORDER BY times DESC, last DESC LIMIT ?", (limit,))

    def _frame(self, sql: str, values: Sequence[Any]) -> pd.DataFrame:
        rows: list[tuple[Any, ...]] = []
        if (self.workspace.path / FILE).exists():  # looking at a workspace doesn't make its state
            with State.open(self.workspace) as state:
                rows = state.read(sql, values)
        return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
