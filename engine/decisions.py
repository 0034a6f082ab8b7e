"""What people decided about the tags of SKUs, in the workspace's state: a log that only grows.

A decision is about one (SKU, tag): confirmed, rejected with a reason, added, or renamed (then the new tag is added in
the same batch). Whoever decides adds rows and never changes any, so people at work at once lose nothing: the newest
decision on a pair counts, the others stay in its history. What was decided together (a batch) is undone together;
undoing is a row of its own, and brings back what counted before. Imports don't touch the state.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from engine.errors import DataError
from engine.state import FILE, State
from engine.workspace import Workspace

VERDICTS = ("confirmed", "rejected", "added", "renamed")
REASONS = ("The reviews say otherwise", "Nobody says so", "Not about the product", "Too vague", "Another tag says it")
MAX_TAG, MAX_REASON, MAX_WHO = 100, 200, 60

Pair = tuple[str, str]  # item_id, tag

_COLUMNS = ("id", "batch", "item_id", "tag", "verdict", "reason", "who", "decided", "undone_by", "undone")
_SELECT = """
SELECT d.id, d.batch, d.item_id, d.tag, d.verdict, d.reason, d.who, d.decided,
    coalesce(u.who, ''), coalesce(u.undone, '')
FROM decisions d LEFT JOIN undone u USING (batch)
"""
_CURRENT = f"""
{_SELECT} WHERE d.id IN (
    SELECT max(id) FROM decisions WHERE batch NOT IN (SELECT batch FROM undone) GROUP BY item_id, tag
) ORDER BY d.id
"""
_BATCHES = """
SELECT d.batch, count(*), min(d.item_id), min(d.tag), count(DISTINCT d.tag), d.verdict, d.reason, d.who,
    min(d.decided), coalesce(u.who, '')
FROM (SELECT * FROM decisions WHERE batch IN (
    SELECT batch FROM decisions GROUP BY batch ORDER BY max(id) DESC LIMIT ?)) d
LEFT JOIN undone u USING (batch)
WHERE NOT (d.verdict = 'added' AND EXISTS (
    SELECT 1 FROM decisions r WHERE r.batch = d.batch AND r.verdict = 'renamed'))
GROUP BY d.batch ORDER BY max(d.id) DESC
"""
_INSERT = "INSERT INTO decisions (batch, item_id, tag, verdict, reason, who) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Batch:
    """What was decided together: on how many pairs, the first of them, and who has undone it ("" for nobody)."""

    id: str
    pairs: int
    item_id: str
    tag: str
    tags: int
    verdict: str
    reason: str
    who: str
    decided: str
    undone_by: str


@dataclass(frozen=True)
class Labels:
    """Decisions as labels: the tags that people say an item has, and those they say it hasn't, by item_id."""

    true: dict[str, frozenset[str]]
    false: dict[str, frozenset[str]]

    @property
    def count(self) -> int:
        """How many (item, tag) pairs are decided."""
        return sum(len(tags) for side in (self.true, self.false) for tags in side.values())

    @property
    def digest(self) -> str:
        """A short hash: equal labels give equal digests."""
        sides = [sorted((item, *sorted(tags)) for item, tags in side.items()) for side in (self.true, self.false)]
        return hashlib.sha256(repr(sides).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Decisions:
    """The decisions of one workspace. Each method opens the state, does one thing whole, and closes it.

    Raises StorageError when the disk refuses, WorkspaceError when the state is damaged; writing raises DataError for a
    tag, a reason or a name that is empty or too long.
    """

    workspace: Workspace

    def confirm(self, pairs: Iterable[Pair], *, who: str) -> str:
        """Say that each SKU has its tag; returns the batch."""
        return self._write([(item, tag, "confirmed", "") for item, tag in pairs], who)

    def reject(self, pairs: Iterable[Pair], *, reason: str, who: str) -> str:
        """Say that each SKU hasn't its tag, and why; returns the batch."""
        said = clean(reason, "reason", MAX_REASON)
        return self._write([(item, tag, "rejected", said) for item, tag in pairs], who)

    def add(self, pairs: Iterable[Pair], *, who: str) -> str:
        """Give each SKU a tag that nobody predicted or gave; returns the batch."""
        return self._write([(item, clean(tag, "tag", MAX_TAG), "added", "") for item, tag in pairs], who)

    def rename(self, pairs: Iterable[Pair], new: str, *, who: str) -> str:
        """Say that each SKU has the tag `new` in place of its own; returns the batch."""
        new = clean(new, "tag", MAX_TAG)
        rows = [(item, tag, "renamed", new) for item, tag in pairs]
        if any(tag == new for _, tag, _, _ in rows):
            raise DataError("is the tag's name already; give it another one.", column="tag", value=new)
        return self._write([*rows, *((item, new, "added", "") for item, *_ in rows)], who)

    def undo(self, batch: str, *, who: str) -> bool:
        """Take back what was decided in `batch`; False when somebody has already done so."""
        who = clean(who, "name", MAX_WHO)
        with State.open(self.workspace) as state:
            if not state.read("SELECT 1 FROM decisions WHERE batch = ? LIMIT 1", (batch,)):
                raise DataError("is no batch of decisions in this workspace.", column="batch", value=batch)
            state.write("INSERT OR IGNORE INTO undone (batch, who) VALUES (?, ?)", [(batch, who)])
            return state.read("SELECT changes()") == [(1,)]

    def version(self) -> str:
        """A text that is another one after every change."""
        sql = "SELECT (SELECT coalesce(max(id), 0) FROM decisions), (SELECT count(*) FROM undone)"
        rows = self._read(sql) or [(0, 0)]
        return "{}-{}".format(*rows[0])

    def current(self) -> pd.DataFrame:
        """What counts: the newest decision on each pair that isn't undone, oldest first.

        Columns: id, batch, item_id, tag, verdict, reason, who, decided (UTC, ISO), undone_by and undone (empty here).
        """
        return _frame(self._read(_CURRENT))

    def history(self, item_id: str | None = None) -> pd.DataFrame:
        """Every decision, or every one on a SKU, newest first, with who has undone it and when; `current`'s columns."""
        where, values = ("", ()) if item_id is None else ("WHERE d.item_id = ?", (item_id,))
        return _frame(self._read(f"{_SELECT} {where} ORDER BY d.id DESC", values))

    def batches(self, limit: int) -> list[Batch]:
        """The last `limit` batches, newest first. A renaming counts the renamed pairs only."""
        return [Batch(*row) for row in self._read(_BATCHES, (limit,))]

    def labels(self) -> Labels:
        """What counts, as labels: confirmed and added are true, rejected and renamed are false."""
        sides: tuple[dict[str, set[str]], dict[str, set[str]]] = ({}, {})
        for item, tag, verdict in self.current()[["item_id", "tag", "verdict"]].itertuples(index=False):
            sides[not says_yes(verdict)].setdefault(item, set()).add(tag)
        true, false = ({item: frozenset(tags) for item, tags in side.items()} for side in sides)
        return Labels(true, false)

    def _write(self, rows: Sequence[tuple[str, str, str, str]], who: str) -> str:
        who = clean(who, "name", MAX_WHO)
        if not rows:
            raise DataError("There is nothing to decide: no SKU is chosen.")
        batch = secrets.token_hex(8)
        values = [(batch, *row, who) for row in rows]
        with State.open(self.workspace) as state:
            state.write(_INSERT, values)
        return batch

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if not (self.workspace.path / FILE).exists():
            return []  # looking at a workspace doesn't make its state
        with State.open(self.workspace) as state:
            return state.read(sql, values)


def says_yes(verdict: str) -> bool:
    """Whether a verdict says that the SKU has the tag."""
    return verdict in ("confirmed", "added")


def clean(text: str, what: str, longest: int) -> str:
    """`text` in NFC on one line, without spaces around. DataError when that is empty, too long or unprintable."""
    said = " ".join(unicodedata.normalize("NFC", text).split())
    if not said:
        raise DataError(f"The {what} is empty; write one.")
    if len(said) > longest or not said.isprintable():
        raise DataError(f"can't be a {what}: it needs {longest} printable characters at most.", value=said)
    return said


def _frame(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return frame.astype({name: "int64" if name == "id" else "str" for name in _COLUMNS})
