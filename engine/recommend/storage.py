"""How recommenders are kept: one .npz read without pickles, and one JSON with the configuration."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.errors import ArtifactError

ARRAYS, CONFIG = "model.npz", "config.json"


def save_model(folder: Path, config: Any, arrays: Mapping[str, Any]) -> None:
    """Write `config` (a dataclass) and `arrays` by name."""
    save_arrays(folder / ARRAYS, arrays)
    text = json.dumps(asdict(config), ensure_ascii=False, indent=2)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")


def save_arrays(file: Path, arrays: Mapping[str, Any]) -> None:
    """Write `arrays` by name; sparse ones are taken apart, ids become fixed-width text."""
    plain: dict[str, NDArray[Any]] = {}
    for name, value in arrays.items():
        if sparse.issparse(value):
            parts = {"data": value.data, "indices": value.indices, "indptr": value.indptr, "shape": value.shape}
            plain |= {f"{name}.{part}": np.asarray(array) for part, array in parts.items()}
        else:
            array = np.asarray(value)
            plain[name] = array.astype(np.str_) if array.dtype == object else array
    np.savez(file, allow_pickle=False, **plain)


def load_model(folder: Path, config_type: type[Any]) -> tuple[Any, dict[str, Any]]:
    """What `save_model` wrote. Raises ArtifactError naming the file that is missing or can't be read."""
    return load_config(folder, config_type), load_arrays(folder / ARRAYS)


def load_config(folder: Path, config_type: type[Any]) -> Any:
    """The configuration alone. Raises ArtifactError when its file is missing or can't be read."""
    try:
        return config_type(**json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ArtifactError(f"{folder / CONFIG} can't be read ({error}); train the model again.") from None


def load_arrays(file: Path) -> dict[str, Any]:
    """What `save_arrays` wrote. Raises ArtifactError when the file is missing or can't be read."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            return _joined({name: stored[name] for name in stored.files})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{file} can't be read ({error}); train the model again.") from None


def _joined(plain: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, array in plain.items():
        base, _, part = name.rpartition(".")
        if not base:
            found[name] = array.astype(object) if array.dtype.kind == "U" else array
        elif part == "shape":
            parts = (plain[f"{base}.data"], plain[f"{base}.indices"], plain[f"{base}.indptr"])
            found[base] = sparse.csr_array(parts, shape=tuple(int(size) for size in array))
    return found
