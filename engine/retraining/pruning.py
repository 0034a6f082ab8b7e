"""Remove old versions of recommenders: never what serves, what an experiment names, or what those are made of."""

from __future__ import annotations

import json

from engine.artifacts import ArtifactStore
from engine.errors import WorkspaceError
from engine.recommending.serving import read_models
from engine.recommending.training import KIND, PIPELINE
from engine.retraining.folder import locked
from engine.workspace import LOCK_WAIT, Workspace

EXPERIMENT = "experiment.json"


def prune_versions(workspace: Workspace, keep: int) -> list[tuple[str, str]]:
    """Remove all but the newest `keep` versions of each recommender; model and version of each that went.

    What serves stays, and so do pipelines that an experiment names, and the models of each pipeline that stays. Raises
    StorageError while a retraining is at work, WorkspaceError when the experiment can't be read.
    """
    with locked(workspace), workspace.lock(wait=LOCK_WAIT):
        store = ArtifactStore(workspace)
        serving = {name: version for (kind, name), version in store.serving().items() if kind == KIND}
        named = _named(workspace)
        pipelines = {*_newest(store, PIPELINE, keep), serving.get(PIPELINE, ""), *named}
        used = _used(workspace, store, pipelines)
        removed = []
        for name in sorted(place.name for place in (workspace.path / "artifacts" / KIND).glob("*")):
            stay = {*_newest(store, name, keep), serving.get(name, ""), *used.get(name, ())}
            stay |= pipelines if name == PIPELINE else set()
            for version in store.versions(KIND, name):
                if version not in stay:
                    store.discard(KIND, name, version)
                    removed.append((name, version))
    return removed


def _newest(store: ArtifactStore, name: str, keep: int) -> list[str]:
    versions = store.versions(KIND, name)
    return versions[len(versions) - keep :] if keep < len(versions) else versions


def _used(workspace: Workspace, store: ArtifactStore, pipelines: set[str]) -> dict[str, set[str]]:
    """The versions of models, by name, that these pipelines were measured with."""
    found: dict[str, set[str]] = {}
    for version in pipelines & set(store.versions(KIND, PIPELINE)):
        folder = workspace.path / "artifacts" / KIND / PIPELINE / version
        for name, model in read_models(workspace, folder).items():
            found.setdefault(name, set()).add(model)
    return found


def _named(workspace: Workspace) -> set[str]:
    """The versions of the pipeline that the workspace's experiment gives to its variants."""
    file = workspace.path / EXPERIMENT
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return {str(variant["version"]) for variant in said["variants"] if variant["version"] is not None}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WorkspaceError(f"{file} can't be read ({error!r}), so nothing was removed; mend it first.") from None
