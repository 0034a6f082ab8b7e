"""Adapters from a hub: one repository holds a folder for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.atomic import atomic_path, remove
from engine.errors import ArtifactError, shown
from engine.models.download import DATA, Hub, staging_of
from engine.tags.neural.lora_folders import CONFIG_FILE, AdapterFolder, labels_needed

ADAPTER_FILES = tuple(f"lora_*/{glob}" for glob in DATA)


def fetch_adapters(
    hub: Hub, repo: str, out: Path, *, revision: str | None = None, replace: bool = False
) -> Iterator[tuple[Path, str]]:
    """Download every adapter of `repo` into `out`; yield its folder and what it still needs (empty: nothing).

    Raises ArtifactError when there is none, one's place is taken and not to be replaced, or files are wrong.
    """
    commit, files = hub.files(repo, revision, ADAPTER_FILES)
    names = sorted({file.path.split("/")[0] for file in files if file.path.endswith(f"/{CONFIG_FILE}")})
    if not names:
        raise ArtifactError(f"{shown(repo)} holds no adapters: no folder lora_… in it has a {CONFIG_FILE}.")
    taken = [name for name in names if (out / name).exists() and not replace]
    if taken:
        raise ArtifactError(f"{out / taken[0]} is there already; choose another --out-dir, or --replace it.")
    own = [file for file in files if file.path.split("/")[0] in names]
    staging = hub.collect(repo, commit, own, staging_of(out / "adapters"))
    for name in names:
        need = labels_needed(staging / name)
        if not need:
            AdapterFolder.read(staging / name)
        remove(out / name)
        with atomic_path(out / name) as place:
            (staging / name).replace(place)
        yield out / name, need
    remove(staging)
