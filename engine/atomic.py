"""Writes that are there whole or not at all: a temporary sibling, synced, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from engine.errors import StorageError

TEMPORARY = ".tmp-"


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the disk's own refusals while writing `path` into a StorageError that says the way out."""
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full; free some space and run it again",
            errno.EDQUOT: "the disk quota is used up; free some space and run it again",
            errno.EFBIG: "a file would grow larger than this system allows; raise the limit (ulimit -f)",
            errno.EROFS: "the disk is read-only; choose another place with SHELFWISE_HOME",
            errno.EACCES: "permission denied; check who owns it or choose another place with SHELFWISE_HOME",
        }
        if error.errno not in reasons:
            raise
        raise StorageError(f"{path} can't be written: {reasons[error.errno]}. Nothing was changed.") from error


def temporary_sibling(path: Path) -> Path:
    """A path beside `path` that no other writer uses and that sweeps recognise."""
    return path.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:12]}-{path.name}")


def sync(path: Path) -> None:
    """Force a file's bytes, or a folder's entries, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write a file or a folder at; on success it replaces `path`, on failure it goes.

    A folder can only take a place that is free. Raises StorageError when the disk refuses.
    """
    temporary = temporary_sibling(path)
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            for part in [*sorted(temporary.rglob("*")), temporary] if temporary.is_dir() else [temporary]:
                sync(part)
            temporary.replace(path)
            sync(path.parent)
    finally:
        remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, atomically. Raises ValueError for NaN: JSON has none."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists() or path.is_symlink():  # a read-only disk refuses to remove even what isn't there
        path.unlink(missing_ok=True)


def sweep(folder: Path, *, older: float = 3600.0) -> None:
    """Remove what killed writers left in `folder` more than `older` seconds ago; newer ones may still be written."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        with suppress(FileNotFoundError):  # another sweep was quicker
            if time.time() - leftover.stat().st_mtime > older:
                remove(leftover)


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
