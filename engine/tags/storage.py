"""Model files: one JSON for words and settings, one .npz for numbers. Nothing in them can run code."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import ArtifactError

JSON_FILE, ARRAYS_FILE = "model.json", "arrays.npz"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stored:
    """What a model folder holds: `said` from model.json, `arrays` by name from arrays.npz."""

    said: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def thresholds(self) -> Floats:
        """(n_labels,) float64; ValueError when there isn't one for each label."""
        thresholds: Floats = self.arrays["thresholds"]
        if thresholds.shape != (len(self.said["labels"]),):
            raise ValueError("there isn't one threshold for each label")
        return thresholds


def write_model(folder: Path, said: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write model.json and arrays.npz into an existing `folder`."""
    text = json.dumps(said, ensure_ascii=False, allow_nan=False)
    (folder / JSON_FILE).write_text(text, encoding="utf-8")
    np.savez_compressed(folder / ARRAYS_FILE, allow_pickle=False, **dict(arrays))


@contextmanager
def reading(folder: Path, model: str) -> Iterator[Stored]:
    """Yield what `folder` holds for `model`, to be turned into a tagger inside the block.

    Raises ArtifactError naming the folder when a file is missing or damaged, was made by another model, or doesn't
    hold what the block looks for.
    """
    try:
        said = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
        if said["model"] != model:
            raise ArtifactError(f"{folder} holds the model {said['model']!r}, not {model!r}.")
        with (folder / ARRAYS_FILE).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            yield Stored(said, {name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ArtifactError(f"{folder} doesn't hold a whole {model} model ({error}); train it again.") from None


def pack_sparse(name: str, matrix: sparse.csr_array) -> dict[str, NDArray[Any]]:
    """The arrays that make up a sparse matrix, under names that begin with `name`."""
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": np.array(matrix.shape)}
    return {f"{name}.{part}": array for part, array in parts.items()}


def unpack_sparse(name: str, arrays: Mapping[str, NDArray[Any]]) -> sparse.csr_array:
    """The sparse matrix that `pack_sparse` took apart; ValueError when its parts don't fit each other."""
    data, indices, indptr, shape = (arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr", "shape"))
    matrix = sparse.csr_array((data, indices, indptr), shape=tuple(int(n) for n in shape))
    matrix.check_format(full_check=True)
    return matrix
