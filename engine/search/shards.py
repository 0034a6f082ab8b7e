"""Shards of vectors: what a run has embedded so far, so that it goes on there after a kill.

A shard's file is named by its own checksum: it is there whole, or found to be damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engine.atomic import TEMPORARY, atomic_path, remove, sha256, storage_errors
from engine.errors import ArtifactError

HASH = "V16"  # a content hash: 16 raw bytes


def write_shard(folder: Path, hashes: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
    """Put the (n, dim) vectors of n texts, known by their hashes, into `folder`."""
    with storage_errors(folder):
        staged = folder / f"{TEMPORARY}shard.npz"
        np.savez(staged, hashes=np.array(hashes, dtype=HASH), vectors=vectors)
        with atomic_path(folder / f"{sha256(staged)}.npz") as place:
            staged.replace(place)


def whole_shards(folder: Path, dim: int) -> list[Path]:
    """The undamaged shards in `folder`; damaged ones and those of another length than `dim` are removed."""
    whole = []
    for file in sorted(folder.glob("[!.]*.npz")):
        if sha256(file) == file.stem and shard_vectors(file).shape[1:] == (dim,):
            whole.append(file)
        else:
            remove(file)
    return whole


def shard_hashes(file: Path) -> list[bytes]:
    """The hash of each text of a shard. Raises ArtifactError when it can't be read."""
    return [bytes(hash_) for hash_ in _read(file, "hashes")]


def shard_vectors(file: Path) -> NDArray[np.float32]:
    """(n, dim) the vectors of a shard. Raises ArtifactError when it can't be read."""
    return _read(file, "vectors")


def _read(file: Path, name: str) -> NDArray[np.float32]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            column: NDArray[np.float32] = stored[name]
            return column
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ArtifactError(f"{file} can't be read ({error}); remove it and run it again.") from None
