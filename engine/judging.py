"""How well hits answer queries, as people who browse say it: a log that only grows, in the workspace's state.

A judgment is about one (query, item): good, partly or bad, by somebody, with a reason where one was given. Each person
has one judgment of a pair, the newest that isn't undone; an undo is a row of its own and brings back the one before.
Queries are the same when they differ in case and spaces only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from engine.asked import query_key
from engine.decisions import MAX_REASON, MAX_WHO, clean
from engine.errors import DataError, UnknownNameError
from engine.state import FILE, State
from engine.workspace import Workspace

RELEVANCE: Mapping[str, float] = {"good": 2.0, "partly": 1.0, "bad": 0.0}
REASONS = ("Another kind of thing", "Right kind, wrong property", "Too dear", "Not for them", "Can't be bought")
SOURCE = "human:"  # of people's judgments, followed by the name
MAX_QUERY = 300

_COLUMNS = ("id", "query", "item_id", "verdict", "reason", "who", "judged", "undone_by", "undone")
_SELECT = """
SELECT j.id, j.query, j.item_id, j.verdict, j.reason, j.who, j.judged, coalesce(u.who, ''), coalesce(u.undone, '')
FROM judged j LEFT JOIN unjudged u USING (id)
"""
_CURRENT = f"""
{_SELECT} WHERE j.id IN (
    SELECT max(id) FROM judged WHERE id NOT IN (SELECT id FROM unjudged) GROUP BY key, item_id, who
)
"""
_INSERT = "INSERT INTO judged (key, query, item_id, verdict, reason, who) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Judgment:
    """What somebody said of an item as an answer to a query; judged is UTC, ISO; undone_by is "" while it counts."""

    id: int
    query: str
    item_id: str
    verdict: str
    reason: str
    who: str
    judged: str
    undone_by: str


@dataclass(frozen=True)
class Judging:
    """The judgments of one workspace. Each method opens the state, does one thing whole, and closes it.

    Raises StorageError when the disk refuses, WorkspaceError when the state is damaged.
    """

    workspace: Workspace

    def judge(self, query: str, item_id: str, verdict: str, *, who: str, reason: str = "") -> int:
        """Say how well the item answers the query; returns the judgment's id.

        Raises UnknownNameError for another verdict than good, partly and bad; DataError for a query, reason or name
        that is too long, and for an empty query or name.
        """
        if verdict not in RELEVANCE:
            raise UnknownNameError("verdict", verdict, RELEVANCE)
        query = clean(query, "query", MAX_QUERY)
        reason = clean(reason, "reason", MAX_REASON) if reason.strip() else ""
        who = clean(who, "name", MAX_WHO)
        with State.open(self.workspace) as state:
            state.write(_INSERT, [(query_key(query), query, item_id, verdict, reason, who)])
            ((made,),) = state.read("SELECT last_insert_rowid()")
            return int(made)

    def undo(self, judgment: int, *, who: str) -> bool:
        """Take a judgment back; False when somebody has already done so."""
        who = clean(who, "name", MAX_WHO)
        with State.open(self.workspace) as state:
            if not state.read("SELECT 1 FROM judged WHERE id = ?", (judgment,)):
                raise DataError("is no judgment in this workspace.", column="id", value=judgment)
            state.write("INSERT OR IGNORE INTO unjudged (id, who) VALUES (?, ?)", [(judgment, who)])
            return state.read("SELECT changes()") == [(1,)]

    def version(self) -> str:
        """A text that is another one after every change."""
        sql = "SELECT (SELECT coalesce(max(id), 0) FROM judged), (SELECT count(*) FROM unjudged)"
        return "{}-{}".format(*(self._read(sql) or [(0, 0)])[0])

    def current(self) -> pd.DataFrame:
        """What counts, oldest first: each person's newest judgment of each pair that isn't undone.

        Columns: id, query, item_id, verdict, reason, who, judged (UTC, ISO), undone_by and undone (empty here).
        """
        return _frame(self._read(f"{_CURRENT} ORDER BY j.id"))

    def history(self) -> pd.DataFrame:
        """Every judgment, newest first, with who has undone it and when; `current`'s columns."""
        return _frame(self._read(f"{_SELECT} ORDER BY j.id DESC"))

    def of(self, query: str) -> dict[str, Judgment]:
        """What counts of one query: the newest judgment of each item, whoever made it."""
        rows = self._read(f"{_CURRENT} AND j.key = ? ORDER BY j.id", (query_key(query),))
        return {judgment.item_id: judgment for judgment in map(_judgment, rows)}

    def last(self, who: str) -> Judgment | None:
        """The newest judgment of a person that isn't undone."""
        rows = self._read(f"{_SELECT} WHERE j.who = ? AND u.id IS NULL ORDER BY j.id DESC LIMIT 1", (who,))
        return _judgment(rows[0]) if rows else None

    def judgments(self, imported: pd.DataFrame | None = None) -> pd.DataFrame:
        """What counts, in the columns of the judgments table: relevance 2, 1 or 0, source "human:" and the name.

        A query that `imported` (rows of the judgments table) holds as well keeps its query_id; the others get one made
        from their words.
        """
        rows = self.current()
        keys = rows["query"].map(query_key)
        known = (
            {} if imported is None else dict(zip(imported["query"].map(query_key), imported["query_id"], strict=True))
        )
        made = {key: known.get(key) or f"H-{hashlib.sha256(key.encode()).hexdigest()[:10]}" for key in keys}
        return pd.DataFrame(
            {
                "query_id": keys.map(made).astype("str"),
                "query": rows["query"],
                "item_id": rows["item_id"],
                "relevance": rows["verdict"].map(RELEVANCE).astype("float64"),
                "source": SOURCE + rows["who"],
            }
        )

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if not (self.workspace.path / FILE).exists():
            return []  # looking at a workspace doesn't make its state
        with State.open(self.workspace) as state:
            return state.read(sql, values)


def with_people(imported: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Rows of the judgments table with people's on top: on a pair that both hold, only people's are left.

    people: as `Judging.judgments` gives them for `imported`. Their 0 to 2 is stretched to the lowest and highest grade
    of `imported`, so that one threshold and one gain fit all; several people's judgments of a pair become their mean.
    """
    if people.empty:
        return imported
    low, high = (imported["relevance"].min(), imported["relevance"].max()) if len(imported) else (0.0, 2.0)
    pair = ["query_id", "item_id"]
    mean = people.groupby(pair, sort=False, as_index=False).agg(
        {"query": "last", "relevance": "mean", "source": "last"}
    )
    mean["relevance"] = low + (high - low) * mean["relevance"] / RELEVANCE["good"]
    judged = pd.MultiIndex.from_frame(mean[pair])
    rest = imported[~pd.MultiIndex.from_frame(imported[pair]).isin(judged)]
    return pd.concat([rest, mean[list(imported.columns)]], ignore_index=True)


def good_answers(judgments: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Items that rows of the judgments table call good answers, best first, by the `query_key` of each query.

    Good is above the middle of the table's grades, such as 2 and 3 of 0 to 3; several grades of a pair become their
    mean.
    """
    middle = (judgments["relevance"].min() + judgments["relevance"].max()) / 2
    keys = {query: query_key(query) for query in judgments["query"].unique()}
    grades = judgments.groupby([judgments["query"].map(keys), "item_id"])["relevance"].mean()
    good = grades[grades > middle].sort_values(ascending=False, kind="stable")
    answers: dict[str, list[str]] = {}
    for key, item_id in good.index:
        answers.setdefault(str(key), []).append(str(item_id))
    return {key: tuple(items) for key, items in answers.items()}


def _judgment(row: tuple[Any, ...]) -> Judgment:
    return Judgment(*row[:8])


def _frame(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return frame.astype({name: "int64" if name == "id" else "str" for name in _COLUMNS})
