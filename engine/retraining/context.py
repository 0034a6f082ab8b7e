"""What a step of a retraining is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.retraining.config import RetrainConfig
from engine.retraining.folder import RunFolder, RunState, Status
from engine.workspace import Workspace

Progress = Callable[[float, str], None]  # the share that is done, and what is being done


@dataclass(frozen=True)
class Context:
    """One step's view of a retraining. folder: where it keeps what it found; state: what was done before it."""

    workspace: Workspace
    config: RetrainConfig
    folder: RunFolder
    state: RunState
    progress: Progress

    @property
    def now(self) -> datetime:
        """The moment that the data is judged at."""
        return datetime.fromisoformat(self.state.now)

    def batch_file(self, batch: str) -> Path:
        """The new events called `batch` that were checked and are to come into the table."""
        return self.folder.path / f"events-{batch}.parquet"

    def found(self, step: str) -> dict[str, Any]:
        """What an earlier step found."""
        return self.folder.read(step)


@dataclass(frozen=True)
class Found:
    """What a step found. words: one sentence for people; details: the same as values, kept in the run's folder."""

    words: str
    details: Mapping[str, Any]
    status: Status = "done"
