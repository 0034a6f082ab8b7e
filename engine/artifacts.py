"""Model folders: artifacts/<kind>/<name>/<version>/ with a card.json, and a CURRENT pointer beside the versions.

A version is written to a temporary sibling and renamed into place; the pointer flips last. Several artifacts begin to
serve together: a file names their versions, and counts from the moment it is there; then the pointers follow. Nothing
here unpickles: models are safetensors, LightGBM text, JSON or .npz read with allow_pickle=False.
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

from engine.atomic import TEMPORARY, atomic_path, remove, sha256, sync, temporary_sibling, write_json, write_text
from engine.errors import ArtifactError, NotBuiltError, UnknownNameError, shown
from engine.workspace import LOCK_WAIT, Workspace

CARD = "card.json"
POINTER = "CURRENT"
TOGETHER = ".together.json"  # versions of several artifacts that serve from now on, their pointers still to be written


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

    def save(self, card: Card, write: Callable[[Path], None], *, serve: bool = True) -> Card:
        """Write a new version of `card.kind`/`card.name` with `write(folder)` and make it CURRENT.

        serve: whether it serves at once; otherwise it waits to be promoted. Returns the card as stored, with its files'
        checksums. A failing `write` leaves everything as it was. The workspace is locked until the new version serves,
        so `write` may look at the one that serves now.
        """
        place = self._place(card.kind, card.name, card.version)
        if place.exists():
            raise ArtifactError(f"{place} exists already; versions are never written twice.")
        with self.workspace.lock(wait=LOCK_WAIT):
            with atomic_path(place) as folder:
                stored = self._written(card, place, folder, write)
            if serve:
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
        self._check_version(kind, name, version)
        self._follow()
        write_text(self._place(kind, name) / POINTER, version + "\n")

    def promote_together(self, versions: Mapping[tuple[str, str], str]) -> None:
        """Make versions of several artifacts, by kind and name, serve at one moment: a kill leaves all or none of them.

        The caller holds the workspace's lock.
        """
        for (kind, name), chosen in versions.items():
            self._check_version(kind, name, chosen)
        self._follow()
        write_json(self._together, [[*named, chosen] for named, chosen in versions.items()])
        self._follow()

    def serving(self) -> dict[tuple[str, str], str]:
        """The version that serves of each artifact, by kind and name, as pointers have it, right or wrong."""
        found = {}
        for pointer in sorted((self.workspace.path / "artifacts").glob(f"*/*/{POINTER}")):
            try:
                found[pointer.parent.parent.name, pointer.parent.name] = pointer.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                found[pointer.parent.parent.name, pointer.parent.name] = "unreadable"
        return dict(sorted({**found, **self._due()}.items()))

    @property
    def _together(self) -> Path:
        return self.workspace.path / "artifacts" / TOGETHER

    def _due(self) -> dict[tuple[str, str], str]:
        """The versions that serve and whose pointers a killed process may not have written."""
        try:
            listed = json.loads(self._together.read_text(encoding="utf-8"))
            return {(kind, name): due for kind, name, due in listed}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError) as error:
            raise ArtifactError(f"{self._together} can't be read ({error}); remove it.") from None

    def _follow(self) -> None:
        """Write the pointers that are due. Doing it again after a kill is harmless."""
        for named, due in self._due().items():
            write_text(self._place(*named) / POINTER, due + "\n")
        if self._together.exists():
            self._together.unlink()
            sync(self._together.parent)

    def _check_version(self, kind: str, name: str, version: str) -> None:
        if version not in self.versions(kind, name):
            raise UnknownNameError(f"version of {kind}/{name}", version, self.versions(kind, name))

    def discard(self, kind: str, name: str, version: str) -> None:
        """Remove a version that doesn't serve: it is renamed first, so that nobody finds half of it."""
        place = self._place(kind, name, version)
        leftover = temporary_sibling(place)
        place.replace(leftover)
        remove(leftover)

    def names(self, kind: str) -> list[str]:
        """Names of the artifacts of `kind` that have a CURRENT version, sorted."""
        pointed = {pointer.parent.name for pointer in self._place(kind).glob(f"*/{POINTER}")}
        return sorted(pointed | {name for due, name in self._due() if due == kind})

    def versions(self, kind: str, name: str) -> list[str]:
        """Finished versions of an artifact, oldest first."""
        cards = self._place(kind, name).glob(f"*/{CARD}")
        return sorted(card.parent.name for card in cards if not card.parent.name.startswith(TEMPORARY))

    def current(self, kind: str, name: str, *, command: str) -> str:
        """The version that serves.

        Raises NotBuiltError with `command` when there is none, ArtifactError when the pointer leads to none.
        """
        pointer, due = self._place(kind, name) / POINTER, self._due().get((kind, name))
        if due is None and not pointer.exists():
            raise NotBuiltError(f"{kind} {shown(name)} of workspace {shown(self.workspace.name)}", command)
        try:
            version = due or pointer.read_text(encoding="utf-8").strip()
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
