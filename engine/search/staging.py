"""Long writes beside a workspace: one run at a time of each kind, and its tables and artifacts stay free meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from engine.atomic import remove, storage_errors
from engine.errors import StorageError
from engine.workspace import Workspace

FOLDER = ".building"


@contextmanager
def alone(workspace: Workspace, what: str) -> Iterator[None]:
    """Hold the making of `what`; other writers of the workspace aren't held up.

    Raises StorageError when another process makes it: two would do, or pay for, the same work.
    """
    try:
        with FileLock(workspace.path / f".{what}.lock", timeout=0):
            yield
    except Timeout:
        reason = f"Another process makes {what} in {workspace.path}"
        raise StorageError(f"{reason}; run it again when that one ends.") from None


@contextmanager
def staged(workspace: Workspace, what: str) -> Iterator[Path]:
    """A file to fill and then move into an artifact, which takes the workspace's lock for that moment only.

    What a killed run left goes when the next one begins.
    """
    file = workspace.path / FOLDER / what
    with alone(workspace, what):
        remove(file)
        try:
            with storage_errors(file):
                file.parent.mkdir(exist_ok=True)
                yield file
        finally:
            remove(file)


def move(file: Path, place: Path) -> None:
    """Move a staged file to its place on the same disk."""
    file.replace(place)
