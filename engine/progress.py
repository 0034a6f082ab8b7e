"""Which SKUs a step has done, kept in the workspace's state row by row: a run goes on where the last one stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from engine.state import State

_ASKED = 5000  # ids in one question; SQLite takes 32,766
_RESULTS = """
SELECT item_id, fingerprint, result FROM progress WHERE step = ? AND result IS NOT NULL AND item_id > ?
ORDER BY item_id LIMIT ?
"""
_SAVE = "INSERT OR REPLACE INTO progress (step, item_id, fingerprint, result, reason) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Progress:
    """The progress of one step. A fingerprint says what a result was made from: another one makes it stale."""

    state: State
    step: str

    def pending(self, fingerprints: Mapping[str, str]) -> list[str]:
        """The items of `fingerprints` that are neither done nor failed with this fingerprint, in their order."""
        finished = dict(self._rows("item_id, fingerprint", fingerprints))
        return [item for item, fingerprint in fingerprints.items() if finished.get(item) != fingerprint]

    def done(self, item_id: str, fingerprint: str, tags: Sequence[str]) -> None:
        """Keep an item's tags; they are on the disk when this returns."""
        self.state.write(_SAVE, [(self.step, item_id, fingerprint, json.dumps(tags, ensure_ascii=False), None)])

    def failed(self, item_id: str, fingerprint: str, reason: str) -> None:
        """Keep why an item can't be done; it isn't tried again until it is reset."""
        self.state.write(_SAVE, [(self.step, item_id, fingerprint, None, reason)])

    def reset_failed(self) -> None:
        """Make the failed items pending again."""
        self.state.write("DELETE FROM progress WHERE step = ? AND reason IS NOT NULL", [(self.step,)])

    def results(self, fingerprints: Mapping[str, str]) -> dict[str, list[str]]:
        """The tags of the items done with these fingerprints."""
        rows = self._rows("item_id, fingerprint, result", fingerprints, "AND result IS NOT NULL")
        return {item: json.loads(result) for item, found, result in rows if fingerprints.get(item) == found}

    def version(self) -> str:
        """A hash of all results: another one when a result comes, goes or changes."""
        last, digest = "", hashlib.sha256()
        while rows := self.state.read(_RESULTS, (self.step, last, _ASKED)):
            digest.update(json.dumps(rows).encode())
            last = rows[-1][0]
        return digest.hexdigest()[:16]

    def failures(self, fingerprints: Mapping[str, str]) -> dict[str, str]:
        """Why items failed with these fingerprints."""
        rows = self._rows("item_id, fingerprint, reason", fingerprints, "AND reason IS NOT NULL")
        return {item: reason for item, found, reason in rows if fingerprints.get(item) == found}

    def _rows(self, columns: str, item_ids: Iterable[str], also: str = "") -> Iterator[tuple[Any, ...]]:
        """The step's rows of `item_ids` alone: who asks about a few of many isn't given them all."""
        waiting = iter(item_ids)
        while some := list(islice(waiting, _ASKED)):
            marks = ", ".join("?" * len(some))
            sql = f"SELECT {columns} FROM progress WHERE step = ? AND item_id IN ({marks}) {also}"
            yield from self.state.read(sql, (self.step, *some))
