"""The versions of a workspace's artifacts: which serves, and letting another one serve with a reason that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.artifacts import ArtifactStore, Card
from engine.decisions import MAX_REASON, MAX_WHO, clean
from engine.errors import ArtifactError, DataError, ShelfwiseError, StorageError
from engine.state import State
from engine.tracking import register
from engine.workspace import Workspace

LOCK_WAIT = 5.0  # seconds: promoting is quick, but a training may hold the lock
_INSERT = "INSERT INTO promoted (kind, name, version, before, reason, who) VALUES (?, ?, ?, ?, ?, ?)"
_KNOWN = "SELECT name, version FROM promoted WHERE kind = ?"
_LOG = "SELECT kind, name, version, before, reason, who, decided FROM promoted ORDER BY id DESC LIMIT ?"


@dataclass(frozen=True)
class Version:
    """One version of an artifact: whether it serves, and its card, or what is wrong with that."""

    kind: str
    name: str
    version: str
    serves: bool
    card: Card | None
    damage: str = ""


@dataclass(frozen=True)
class Promotion:
    """A change of what serves: from which version to which, why, by whom and when (UTC, ISO)."""

    kind: str
    name: str
    version: str
    before: str
    reason: str
    who: str
    decided: str


@dataclass(frozen=True)
class Versions:
    """The artifact versions of one workspace."""

    workspace: Workspace

    def serving(self) -> dict[tuple[str, str], str]:
        """The version that serves of each artifact, by kind and name. Reads pointers alone, so it is quick."""
        return ArtifactStore(self.workspace).serving()

    def listed(self) -> list[Version]:
        """Every finished version of every artifact, those of one artifact newest first."""
        store, found = ArtifactStore(self.workspace), []
        for (kind, name), current in self.serving().items():
            for version in reversed(store.versions(kind, name)):
                try:
                    found.append(Version(kind, name, version, version == current, store.card(kind, name, version)))
                except ShelfwiseError as error:
                    found.append(Version(kind, name, version, version == current, None, str(error)))
        return found

    def promote(self, kind: str, name: str, version: str, *, reason: str, who: str) -> None:
        """Let `version` serve, and keep who did it and why.

        Its files are checked first. Raises DataError for an empty reason, UnknownNameError for a version that doesn't
        exist, ArtifactError for a damaged one: then what served before still does.
        """
        reason, who = clean(reason, "reason", MAX_REASON), clean(who, "name", MAX_WHO)
        store = ArtifactStore(self.workspace)
        before = self.serving().get((kind, name))
        if before is None:
            raise ArtifactError(f"There is no artifact {kind}/{name}, so no version of it can serve.")
        if version == before:
            raise DataError(f"Version {version} of {kind}/{name} serves already.")
        if version in store.versions(kind, name):
            store.open(kind, name, version)
        with self.workspace.lock(wait=LOCK_WAIT):
            store.promote(kind, name, version)
        with State.open(self.workspace) as state:
            state.write(_INSERT, [(kind, name, version, before, reason, who)])
        register(self.workspace, kind, name, version, tags={"reason": reason, "who": who})

    def promote_together(
        self, kind: str, versions: Mapping[str, str], *, over: Mapping[str, str], reason: str, who: str
    ) -> None:
        """Let `versions` of artifacts of `kind`, by name, serve from one moment on, and keep who did it and why.

        over: the versions that the decision was made on, by name; a name that isn't there served not at all. Where the
        versions serve already, as after a kill, only what the log lacks is added. Raises StorageError when others serve
        by now, and what `promote` raises: then what served before still does.
        """
        reason, who = clean(reason, "reason", MAX_REASON), clean(who, "name", MAX_WHO)
        store = ArtifactStore(self.workspace)
        for name, version in versions.items():
            store.open(kind, name, version)
        with self.workspace.lock(wait=LOCK_WAIT):
            serving = {name: self.serving().get((kind, name)) for name in versions}
            if serving != dict(versions):
                changed = next((name for name in versions if serving[name] != over.get(name)), None)
                if changed is not None:
                    said = f"{kind}/{changed} serves {serving[changed]} by now, not {over.get(changed)}"
                    raise StorageError(f"{said}; compare with that first.")
                store.promote_together({(kind, name): version for name, version in versions.items()})
        with State.open(self.workspace) as state:
            known = {(name, version) for name, version in state.read(_KNOWN, [kind])}
            rows = [(kind, name, v, over.get(name, ""), reason, who) for name, v in versions.items()]
            state.write(_INSERT, [row for row in rows if row[1:3] not in known])
        for name, version in versions.items():
            register(self.workspace, kind, name, version, tags={"reason": reason, "who": who})

    def log(self, limit: int = 50) -> list[Promotion]:
        """The changes that people made, newest first."""
        with State.open(self.workspace) as state:
            return [Promotion(*row) for row in state.read(_LOG, [limit])]


def trust(workspace: Workspace) -> Mapping[str, str]:
    """What every figure and list on screen rests on, short: the data's hash, and the versions that serve by kind."""
    found: dict[str, str] = {"data": workspace.data_hash()[:12] if workspace.tables else "none"}
    for (kind, name), version in Versions(workspace).serving().items():
        found[f"{kind}/{name}"] = version
    return found
