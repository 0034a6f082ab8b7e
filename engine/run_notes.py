"""What people write about runs: a note and tags for each, kept beside the runs, which never change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from engine.decisions import MAX_WHO, clean
from engine.errors import DataError
from engine.runs import RunStore
from engine.state import State
from engine.workspace import Workspace

MAX_NOTE, MAX_TAG, MAX_TAGS = 2000, 40, 10
_INSERT = "INSERT INTO noted (run_id, note, tags, who) VALUES (?, ?, ?, ?)"
_CURRENT = """
SELECT run_id, note, tags, who, written FROM noted WHERE id IN (SELECT max(id) FROM noted GROUP BY run_id)
"""


@dataclass(frozen=True)
class Note:
    """The newest note on a run: its text, tags, and who wrote it when (UTC, ISO)."""

    text: str
    tags: tuple[str, ...]
    who: str
    written: str


@dataclass(frozen=True)
class RunNotes:
    """The notes on the runs of one workspace."""

    workspace: Workspace

    def write(self, run_id: str, text: str, tags: Sequence[str], *, who: str) -> None:
        """Note something on a run; an empty text without tags takes the note away.

        Raises UnknownNameError for a run that doesn't exist, DataError for a text or tag that is too long.
        """
        RunStore(self.workspace).get(run_id)
        text = text.strip()
        if len(text) > MAX_NOTE:
            raise DataError(f"The note has {len(text):,} characters; {MAX_NOTE:,} are the most.")
        named = list(dict.fromkeys(clean(tag, "tag", MAX_TAG) for tag in tags if tag.strip()))
        if len(named) > MAX_TAGS:
            raise DataError(f"There are {len(named)} tags; {MAX_TAGS} are the most.")
        row = (run_id, text, json.dumps(named, ensure_ascii=False), clean(who, "name", MAX_WHO))
        with State.open(self.workspace) as state:
            state.write(_INSERT, [row])

    def current(self) -> dict[str, Note]:
        """The newest note of each run that has one, by run id."""
        with State.open(self.workspace) as state:
            rows = state.read(_CURRENT)
        notes = {run_id: Note(text, tuple(json.loads(tags)), who, when) for run_id, text, tags, who, when in rows}
        return {run_id: note for run_id, note in notes.items() if note.text or note.tags}
