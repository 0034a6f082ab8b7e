"""Model folders: artifacts/<kind>/<name>/<version>/ with a card.json, and a CURRENT pointer beside the versions.

A version is written to a temporary sibling and renamed into place; the pointer flips last. Nothing here unpickles:
models are safetensors, LightGBM text, JSON or .npz read with allow_pickle=False.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engine.atomic import TEMPORARY, atomic_path, remove, sha256, temporary_sibling, write_text
from engine.errors import ArtifactError, NotBuiltError, UnknownNameError, shown
from engine.workspace import LOCK_WAIT, Workspace

CARD = "card.json"
POINTER = "CURRENT"


@dataclass(frozen=True)
class Card:
    """What made an artifact, beside its files.

    config: the component's configuration; metrics: its figures on valid; data_hash, split and seed: what it learned
    from; libraries: the versions it was trained with; files: SHA-256 of each file, by relative path.
    """

    kind: str
    name: str
    version: str
    config: Mapping[str, Any]
    data_hash: str
    split: str
    seed: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def library_versions(*names: str) -> dict[str, str]:
    """Installed versions of Python and of `names`; those that aren't installed are left out."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class ArtifactStore:
    """The artifacts of one workspace."""

    workspace: Workspace

    def save(self, card: Card, write: Callable[[Path], None]) -> Card:
        """Write a new version of `card.kind`/`card.name` with `write(folder)` and make it CURRENT.

        Returns the card as stored, with its files' checksums. A failing `write` leaves everything as it was. The
        workspace is locked until the new version serves, so `write` may look at the one that serves now.
        """
        place = self._place(card.kind, card.name, card.version)
        if place.exists():
            raise ArtifactError(f"{place} exists already; versions are never written twice.")
        with self.workspace.lock(wait=LOCK_WAIT):
            with atomic_path(place) as folder:
                stored = self._written(card, place, folder, write)
            self.promote(card.kind, card.name, card.version)
        return stored

    def _written(self, card: Card, place: Path, folder: Path, write: Callable[[Path], None]) -> Card:
        """Fill `folder`, which becomes `place`; the card as stored."""
        for leftover in place.parent.glob(f"{TEMPORARY}*"):
            remove(leftover)
        folder.mkdir(parents=True)
        write(folder)
        files = {str(f.relative_to(folder)): sha256(f) for f in sorted(folder.rglob("*")) if f.is_file()}
        stored = Card(**{**asdict(card), "files": files, "created": datetime.now(UTC).isoformat(timespec="seconds")})
        (folder / CARD).write_text(json.dumps(asdict(stored), ensure_ascii=False, indent=2), encoding="utf-8")
        return stored

    def promote(self, kind: str, name: str, version: str) -> None:
        """Make `version` the one that serves."""
        if version not in self.versions(kind, name):
            raise UnknownNameError(f"version of {kind}/{name}", version, self.versions(kind, name))
        write_text(self._place(kind, name) / POINTER, version + "\n")

    def discard(self, kind: str, name: str, version: str) -> None:
        """Remove a version that doesn't serve: it is renamed first, so that nobody finds half of it."""
        place = self._place(kind, name, version)
        leftover = temporary_sibling(place)
        place.replace(leftover)
        remove(leftover)

    def names(self, kind: str) -> list[str]:
        """Names of the artifacts of `kind` that have a CURRENT version, sorted."""
        return sorted(pointer.parent.name for pointer in self._place(kind).glob(f"*/{POINTER}"))

    def versions(self, kind: str, name: str) -> list[str]:
        """Finished versions of an artifact, oldest first."""
        cards = self._place(kind, name).glob(f"*/{CARD}")
        return sorted(card.parent.name for card in cards if not card.parent.name.startswith(TEMPORARY))

    def current(self, kind: str, name: str, *, command: str) -> str:
        """The version that serves.

        Raises NotBuiltError with `command` when there is none, ArtifactError when the pointer leads to none.
        """
        pointer = self._place(kind, name) / POINTER
        if not pointer.exists():
            raise NotBuiltError(f"{kind} {shown(name)} of workspace {shown(self.workspace.name)}", command)
        try:
            version = pointer.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(f"{pointer} can't be read ({error}); train it again: {command}") from None
        if version not in self.versions(kind, name):
            raise ArtifactError(f"{pointer} names {shown(version)}, which is no version here; train again: {command}")
        return version

    def card(self, kind: str, name: str, version: str) -> Card:
        """The card of a version. Raises ArtifactError when it is missing or damaged."""
        file = self._place(kind, name, version) / CARD
        try:
            card = Card(**json.loads(file.read_text(encoding="utf-8")))
            if not all(isinstance(part, dict) for part in (card.config, card.metrics, card.libraries, card.files)):
                raise ValueError("a list stands where names with values belong")
            return card
        except (OSError, ValueError, TypeError) as error:
            raise ArtifactError(f"{file} can't be read ({error}); train it again.") from None

    def open(self, kind: str, name: str, version: str) -> Path:
        """The folder of a version, its files checked against the card's checksums.

        Raises ArtifactError naming the first file that is missing or changed.
        """
        folder = self._place(kind, name, version)
        for file, checksum in self.card(kind, name, version).files.items():
            path = folder / file
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ArtifactError(
                    f"{folder / CARD} names {shown(file)}, which lies outside its folder; train it again."
                )
            if not path.is_file() or sha256(path) != checksum:
                state = "damaged" if path.is_file() else "missing"
                raise ArtifactError(f"{path} is {state}; train {shown(name)} again or promote another version.")
        return folder

    def _place(self, *parts: str) -> Path:
        for part in parts:
            if part != Path(part).name or part in ("", ".", ".."):
                raise ArtifactError(f"{shown(part)} can't name an artifact.")
        return self.workspace.path.joinpath("artifacts", *parts)


def new_version() -> str:
    """A version name that sorts by time: YYYYMMDD-HHMMSS-microseconds, UTC."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
