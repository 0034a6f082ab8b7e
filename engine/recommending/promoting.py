"""Let a version of the pipeline serve together with the models that it was measured with."""

from __future__ import annotations

from engine.artifacts import ArtifactStore
from engine.errors import UnknownNameError
from engine.recommending.serving import read_models
from engine.recommending.training import KIND, PIPELINE
from engine.versions import Versions
from engine.workspace import Workspace


def promote_pipeline(workspace: Workspace, version: str, *, reason: str, who: str) -> dict[str, str]:
    """Let `version` and its models serve from one moment on; the versions that do now, by name.

    A version that is older than its models' names are kept goes over the models that serve. Raises UnknownNameError
    for a version that there isn't, and what `Versions.promote_together` raises.
    """
    store = ArtifactStore(workspace)
    if version not in store.versions(KIND, PIPELINE):
        raise UnknownNameError("version of the pipeline", version, store.versions(KIND, PIPELINE))
    chosen = {**read_models(workspace, store.open(KIND, PIPELINE, version)), PIPELINE: version}
    over = {name: serving for (kind, name), serving in store.serving().items() if kind == KIND}
    Versions(workspace).promote_together(KIND, chosen, over=over, reason=reason, who=who)
    return chosen
