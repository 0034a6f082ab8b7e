"""Lists that were made, kept for whoever asks again: one process's own, never older than their user's newest event.

An event counts in every list that is asked for after it was acknowledged, whichever process stored it. Two ways hold
that. Where the database tells who has newer events (`Changes`), their lists are forgotten before any is given (`look`,
then `get`). Where it can't, a list is only given when the events that it was made of are those that are stored (`kept`,
compared by `told`). A list that is being made while an event of its user comes is not kept (`making`).

What a list shows follows from the version that serves, the user's events, k and category alone, so nothing else makes
it old. A version that is swapped, or an item that is hidden, is another `Recommending` with a serial of its own.
Everything here runs in the event loop, so there are no locks.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.serve.changes import Changes

Key = tuple[int, int, str | None]  # serial of the Recommending, k, category
_HEAD = struct.Struct("=q??6x")  # 16 bytes, so that the numbers behind them are aligned
_BYTES = 9  # of an item: score, row, filled


@dataclass(frozen=True)
class Listed:
    """A list, best first. rows: (n,) of the catalogue; scores: (n,); filled: (n,) bool, only popularity put it there;
    known: whether the user has a history; moved: whether their categories moved it; told: the hash of the events that
    were told of them."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    filled: NDArray[np.bool_]
    known: bool
    moved: bool
    told: int

    def packed(self) -> bytes:
        """The list in a few bytes."""
        numbers = (self.scores.astype(np.float32), self.rows.astype(np.int32), self.filled.astype(np.bool_))
        return _HEAD.pack(self.told, self.known, self.moved) + b"".join(part.tobytes() for part in numbers)

    @classmethod
    def unpacked(cls, packed: bytes) -> Listed:
        """The reverse."""
        told, known, moved = _HEAD.unpack_from(packed)
        n = (len(packed) - _HEAD.size) // _BYTES
        scores = np.frombuffer(packed, np.float32, n, _HEAD.size)
        rows = np.frombuffer(packed, np.int32, n, _HEAD.size + 4 * n).astype(np.int64)
        filled = np.frombuffer(packed, np.bool_, n, _HEAD.size + 8 * n)
        return cls(rows, scores, filled, known, moved, told)


class Remembered:
    """At most `most` lists, those of the users who asked longest ago are given up first; 0: none at all."""

    def __init__(self, most: int, changes: Changes | None) -> None:
        self.most, self._changes = most, changes
        self._users: OrderedDict[str, dict[Key, bytes]] = OrderedDict()
        self._lists = 0
        self._making: list[set[str]] = []
        self._forgotten: dict[str, None] = {}

    def __len__(self) -> int:
        return self._lists

    def look(self) -> bool:
        """Forget the lists that may be older than an event. False: nobody can tell which they are, so none is given."""
        changed = self._changes.look() if self._changes and self.most else None
        if changed is None or not changed.sure:
            return False
        if changed.everyone:
            self.clear()
        for user_id in changed.users:
            self._forget(user_id)
        return True

    def get(self, key: Key, user_id: str) -> Listed | None:
        """The list, right as of the last `look` that was sure."""
        packed = self._users.get(user_id, {}).get(key)
        if packed is None:
            return None
        self._users.move_to_end(user_id)
        return Listed.unpacked(packed)

    def kept(self, key: Key, users: Collection[str]) -> dict[str, Listed]:
        """Lists that are right where their events are those that are stored."""
        found = ((user_id, self._users.get(user_id, {}).get(key)) for user_id in users)
        return {user_id: Listed.unpacked(packed) for user_id, packed in found if packed is not None}

    @contextmanager
    def making(self, users: Sequence[str]) -> Iterator[set[str]]:
        """To be entered before the events of `users` are read for their lists: those whose lists may be kept."""
        self.look()  # so that what comes from now on is told by the next look
        current = set(users)
        self._making.append(current)
        try:
            yield current
        finally:
            self._making = [one for one in self._making if one is not current]

    def put(self, key: Key, user_id: str, listed: Listed) -> None:
        """Keep a list, and give up others where there are too many."""
        if not self.most:
            return
        lists = self._users.setdefault(user_id, {})
        self._lists += key not in lists
        lists[key] = listed.packed()
        self._users.move_to_end(user_id)
        while self._lists > self.most:
            _, given_up = self._users.popitem(last=False)
            self._lists -= len(given_up)

    def forgotten(self) -> list[str]:
        """Whose lists were forgotten for newer events since this was asked the last time, in that order."""
        found, self._forgotten = list(self._forgotten), {}
        return found

    def clear(self) -> None:
        """Forget everything, also what is being made."""
        self._users.clear()
        self._forgotten.clear()
        self._lists = 0
        for current in self._making:
            current.clear()

    def close(self) -> None:
        """Give the database back."""
        if self._changes:
            self._changes.close()

    def _forget(self, user_id: str) -> None:
        lists = self._users.pop(user_id, None)
        if lists is not None:
            self._lists -= len(lists)
            self._forgotten[user_id] = None
        for current in self._making:
            current.discard(user_id)
