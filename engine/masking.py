"""Masked ids: a person under another name that stays the same, so that stories are told without saying of whom.

A mask is a keyed hash of the id (HMAC-SHA256, RFC 2104) with a secret of the workspace, so nobody without the workspace
can try ids out, and the same person has other masks in another workspace. A mask resolves back by looking it up among
the known ids. People are hidden, products are not: an item's id says nothing about anybody.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b32encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from engine.errors import ShelfwiseError
from engine.runs import RunStore
from engine.sql import Queries
from engine.state import State
from engine.workspace import Workspace

PREFIX, LETTERS = "user-", 10  # 50 bits: of a million ids two share a mask once in 2,000 workspaces
MASK = re.compile(rf"{PREFIX}[a-z2-7]{{{LETTERS}}}")
PEOPLE = "user_id"  # the column that names a person
LISTS = ("list_id", "label")  # of rows that have a person or a list: a person's id is a part of them
REVIEWS = ("review_id", "query_id")  # may be made of "person:item:time"
_USERS = "SELECT user_id FROM events UNION SELECT user_id FROM reviews WHERE user_id IS NOT NULL"
_KEY = "masks"
_WORD = re.compile(r"[^\s:]+")


@dataclass(frozen=True)
class Masks:
    """The masks of one workspace. secret: its key; known: the ids of people in its tables and runs."""

    secret: bytes
    known: frozenset[str]

    def person(self, user_id: str) -> str:
        """The mask of an id, whether it is known or not; a mask stays what it is."""
        if not user_id or MASK.fullmatch(user_id):
            return user_id
        digest = hmac.digest(self.secret, user_id.encode("utf-8", "surrogatepass"), "sha256")
        return PREFIX + b32encode(digest).decode().lower()[:LETTERS]

    def text(self, text: str) -> str:
        """`text` with every known id in it masked: all of it, what follows a space, or single words."""
        if text in self.known:
            return self.person(text)
        for space in re.finditer(" ", text):
            if (rest := text[space.end() :]) in self.known:
                return text[: space.end()] + self.person(rest)
        return _WORD.sub(lambda word: self.person(word[0]) if word[0] in self.known else word[0], text)

    def real(self, text: str) -> str:
        """`text` with every mask of a known id replaced by the id."""
        return MASK.sub(lambda mask: self._ids.get(mask[0], mask[0]), text)

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A copy of `frame` in which no column tells an id of a person."""
        masked: dict[str, Callable[[str], str]] = {PEOPLE: self.person} if PEOPLE in frame else {}
        if PEOPLE in frame or "list_id" in frame:
            masked |= {name: self.text for name in LISTS if name in frame}
        masked |= {name: self._of_review for name in REVIEWS if name in frame}
        return frame.assign(**{name: _each(frame[name], mask) for name, mask in masked.items()})

    def _of_review(self, review_id: str) -> str:
        return self.text(review_id) if ":" in review_id else review_id

    @cached_property
    def _ids(self) -> dict[str, str]:
        """The known ids by their masks."""
        return {self.person(user_id): user_id for user_id in self.known}


def open_masks(queries: Queries) -> Masks:
    """The masks of a workspace, whose secret is made when it is first asked for.

    Raises WorkspaceError and StorageError as the tables and the state do.
    """
    found = queries.frame(_USERS)["user_id"].dropna().tolist()
    return Masks(_secret(queries.workspace), frozenset(map(str, found)) | frozenset(_of_runs(queries.workspace)))


def _of_runs(workspace: Workspace) -> Iterable[str]:
    """The people in the rows of runs, who may have left the tables since."""
    store = RunStore(workspace)
    for run in (*store.list("recommend"), *store.list("rank")):
        try:
            rows = store.rows(run.id, columns=[PEOPLE])
        except ShelfwiseError:
            continue  # a run that can't be read, or has nobody in it, shows nobody
        yield from map(str, rows[PEOPLE].dropna().unique())


def _secret(workspace: Workspace) -> bytes:
    with State.open(workspace) as state:
        kept = state.read("SELECT value FROM secrets WHERE name = ?", (_KEY,))
        if not kept:
            state.write("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)", [(_KEY, secrets.token_bytes(32))])
            kept = state.read("SELECT value FROM secrets WHERE name = ?", (_KEY,))
    return bytes(kept[0][0])


def _each(values: pd.Series, mask: Callable[[str], str]) -> pd.Series:
    """`values` masked, each distinct one once; missing ones stay missing."""
    return values.map({value: mask(str(value)) for value in values.dropna().unique()})
