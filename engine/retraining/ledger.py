"""Which of the service's events are in the events table already: said by the table itself, so that it is always true.

The origin of the table (in workspace.json, which changes in the same moment as the table) ends with the name of the
batch that came in last. `retraining/folded/<batch>.json` was written before that and says up to which moment events
were taken, and which of them arrived shortly before it. A table that was imported anew names no batch, so the events
come in again; one that names a batch has them, wherever a process was killed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.atomic import remove, write_json
from engine.errors import StorageError, WorkspaceError
from engine.retraining.folder import FOLDER
from engine.workspace import Workspace

FOLDED = "folded"
OVERLAP = 600_000_000  # microseconds: how much later than its arrival an event may become visible in the database
_BATCH = re.compile(r"(.*) \+ service events ([0-9a-f]{16})")


@dataclass(frozen=True)
class Ledger:
    """What came into the table so far.

    batch: the newest batch, "" for none; until: when the newest event of it arrived (UTC microseconds), 0 for none;
    recent: arrival of each event within OVERLAP before that, by its id.
    """

    batch: str = ""
    until: int = 0
    recent: Mapping[str, int] = field(default_factory=dict)

    def after(self, batch: str, arrived: Mapping[str, int]) -> Ledger:
        """The ledger once `batch` with the events `arrived` (id -> arrival) is in the table."""
        until = max([self.until, *arrived.values()])
        both = {**self.recent, **arrived}
        return Ledger(batch, until, {name: when for name, when in both.items() if when > until - OVERLAP})


def batch_of(origin: str) -> str:
    """The batch that came last into a table with this origin; "" for none."""
    found = _BATCH.fullmatch(origin)
    return found[2] if found else ""


def read_ledger(workspace: Workspace) -> Ledger:
    """What is in the events table of `workspace`.

    Where the file of the batch is gone, it is as if nothing were; events that the table holds are found by what they
    say then. Raises WorkspaceError for a damaged file.
    """
    stored = workspace.tables.get("events")
    batch = batch_of(stored.origin) if stored else ""
    if not batch:
        return Ledger()
    file = _file(workspace, batch)
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return Ledger(batch, int(said["until"]), {str(name): int(when) for name, when in said["recent"].items()})
    except FileNotFoundError:
        return Ledger()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WorkspaceError(
            f"{file} can't be read ({error!r}); remove it, and events are compared one by one."
        ) from None


def fold(workspace: Workspace, rows: pa.Table, ledger: Ledger, *, expected: str) -> None:
    """Append `rows` to the events table and make `ledger` what is true, at one moment.

    expected: the content hash of the table that the rows were checked with. Raises StorageError when it is another one
    by now, or when somebody writes to the workspace.
    """
    write_json(_file(workspace, ledger.batch), {"until": ledger.until, "recent": dict(ledger.recent)})
    stored = workspace.tables.get("events")
    base = stored.origin if stored else "nothing"
    known = _BATCH.fullmatch(base)
    origin = f"{known[1] if known else base} + service events {ledger.batch}"
    with workspace.replace_tables(origin) as writer:
        now = Workspace.open(workspace.path).tables.get("events")
        if (now.sha256 if now else "") != expected:
            raise StorageError("The events table was replaced while its new events were checked; run it again.")
        if now:
            for part in _parts(workspace.table_path("events")):
                writer.write("events", part)
        writer.write("events", rows)
    for old in (workspace.path / FOLDER / FOLDED).glob("*.json"):
        if old.stem not in (ledger.batch, batch_of(base)):
            remove(old)


def _parts(path: Path) -> list[pa.Table]:
    file = pq.ParquetFile(path)
    return [file.read_row_group(number) for number in range(file.num_row_groups)]


def _file(workspace: Workspace, batch: str) -> Path:
    return workspace.path / FOLDER / FOLDED / f"{batch}.json"
