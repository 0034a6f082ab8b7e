"""The folder of one retraining: what was decided in each step, so that a killed one goes on where it was.

    retraining/<id>/state.json   which steps are done, and with what
    retraining/<id>/<step>.json  what a step found
    retraining/<id>/report.md    the same for people
    retraining/LAST.json         how the newest one ended
    retraining/reference.json    what the data looked like when it was good

Each file is there whole or not at all, and a step counts as done only when `state.json` says so.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from engine.atomic import remove, storage_errors, sweep, write_json
from engine.errors import DataError, StorageError, WorkspaceError, shown
from engine.workspace import Workspace

FOLDER, STATE, LAST = "retraining", "state.json", "LAST.json"
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,99}")
RESUMED_FOR = timedelta(hours=12)  # a daily run must not go on with the events of the day before
Status = Literal["done", "skipped", "refused", "failed"]


@dataclass(frozen=True)
class Step:
    """How a step ended. key: a hash of what it was made from; words: for people; when: UTC, ISO; seconds: it took."""

    status: Status
    key: str
    words: str
    when: str
    seconds: float


@dataclass(frozen=True)
class RunState:
    """What is known of one retraining.

    now: the moment that the data is judged at (UTC, ISO); config: its settings; accepted, who: why a person lets
    refused data pass, and who; forced: steps that a person asked for although nothing is new; notes: what was done
    again and why; outcome: "" until it ended, then promoted, kept, refused or failed; finished: "" while it can go on.
    """

    id: str
    started: str
    now: str
    config: Mapping[str, Any]
    steps: Mapping[str, Step] = field(default_factory=dict)
    accepted: str = ""
    who: str = ""
    forced: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    outcome: str = ""
    words: str = ""
    finished: str = ""

    def with_step(self, name: str, step: Step) -> RunState:
        """The same with `step` under `name`; it isn't finished by that."""
        return replace(self, steps={**self.steps, name: step}, finished="")

    def done(self, name: str) -> bool:
        """Whether a step needs not be done again, as far as the step itself knows."""
        return name in self.steps and self.steps[name].status in ("done", "skipped")


@dataclass(frozen=True)
class RunFolder:
    """Where one retraining keeps its files."""

    path: Path

    def load(self) -> RunState:
        """What is known of it. Raises WorkspaceError with the way out when that can't be read."""
        file = self.path / STATE
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            said["steps"] = {name: Step(**step) for name, step in said["steps"].items()}
            return RunState(**{**said, "forced": tuple(said["forced"]), "notes": tuple(said["notes"])})
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise WorkspaceError(f"{file} can't be read ({error!r}); remove {self.path} and start again.") from None

    def save(self, state: RunState) -> RunState:
        """Keep `state`; it is on the disk when this returns."""
        write_json(self.path / STATE, asdict(state))
        return state

    def write(self, name: str, found: Mapping[str, Any]) -> None:
        """Keep what a step found."""
        write_json(self.path / f"{name}.json", found)

    def read(self, name: str) -> dict[str, Any]:
        """What a step found; empty when it isn't there. Raises WorkspaceError when it can't be read."""
        file = self.path / f"{name}.json"
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return found
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise WorkspaceError(f"{file} can't be read ({error}); remove it and run again.") from None


def plan_name(step: str) -> str:
    """The file in which a step keeps what it has begun, so that it can go on there."""
    return f"{step}-begun.json"


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """Be the only retraining of a workspace. Raises StorageError when another one is at work.

    The system holds the lock for the process, so that one of a dead process is in nobody's way.
    """
    place = workspace.path / FOLDER
    lock = FileLock(place / ".lock", timeout=0)
    try:
        with storage_errors(place):
            place.mkdir(exist_ok=True)
            lock.acquire()
    except Timeout:
        raise StorageError(f"Another retraining of {workspace.name} is at work; run it again when that ends.") from None
    try:
        yield
    finally:
        lock.release()


def open_folder(workspace: Workspace, run_id: str | None, config: Mapping[str, Any], now: datetime) -> RunFolder:
    """The folder of the run `run_id`, made when there is none; without a name the newest one when it can go on.

    Raises DataError for a name that can't be one.
    """
    place = workspace.path / FOLDER
    if run_id is None:
        unfinished = _unfinished(workspace, now)
        if unfinished:
            return unfinished
        run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    if not ID.fullmatch(run_id):
        raise DataError(f"{shown(run_id)} can't name a retraining; use letters, digits and _.:+-, at most 100.")
    folder = RunFolder(place / run_id)
    if not (folder.path / STATE).exists():
        folder.path.mkdir(parents=True, exist_ok=True)
        started = now.isoformat(timespec="microseconds")
        folder.save(RunState(run_id, started, started, config))
    sweep(folder.path)
    return folder


def folders(workspace: Workspace) -> list[RunFolder]:
    """The retrainings of a workspace that can be read, newest first."""
    states = sorted((workspace.path / FOLDER).glob(f"*/{STATE}"))
    found: list[tuple[str, RunFolder]] = []
    for file in states:
        try:
            found.append((RunFolder(file.parent).load().started, RunFolder(file.parent)))
        except WorkspaceError:
            continue  # named when somebody asks for it
    return [folder for _, folder in sorted(found, key=lambda one: one[0], reverse=True)]


def prune_folders(workspace: Workspace, keep: int) -> list[str]:
    """Remove the folders of all but the newest `keep` retrainings; their names."""
    old = folders(workspace)[keep:]
    for folder in old:
        remove(folder.path)
    return [folder.path.name for folder in old]


def _unfinished(workspace: Workspace, now: datetime) -> RunFolder | None:
    newest = next(iter(folders(workspace)), None)
    if newest is None:
        return None
    state = newest.load()
    young = now - datetime.fromisoformat(state.started).astimezone(UTC) < RESUMED_FOR
    return newest if not state.finished and young else None
