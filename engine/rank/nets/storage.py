"""How networks are kept: config.json with what they know, and net.safetensors, whose checksum it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.atomic import sha256
from engine.errors import ArtifactError, shown

CONFIG, NET = "config.json", "net.safetensors"
WEIGHTS, KEPT = "weight.", "kept."  # what names of tensors begin with


@dataclass(frozen=True)
class StoredNet:
    """What config.json says, the weights beside it, and what else was kept there."""

    said: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    kept: Mapping[str, Tensor]

    def fill(self, net: nn.Module) -> None:
        """Give `net` its weights. Raises RuntimeError when they don't fit."""
        net.load_state_dict(dict(self.weights))


def write_net(
    folder: Path, name: str, said: Mapping[str, Any], weights: Mapping[str, Tensor], kept: Mapping[str, Tensor]
) -> None:
    """Write what is `said` of the ranker `name`, its network's weights, and what else is to be kept."""
    tensors = {WEIGHTS + key: tensor.detach().cpu() for key, tensor in weights.items()}
    tensors |= {KEPT + key: tensor for key, tensor in kept.items()}
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / NET)
    whole = {"ranker": name, "sha256": sha256(folder / NET), **said}
    (folder / CONFIG).write_text(_text({"own": _checksum(whole), **whole}), encoding="utf-8")


@contextmanager
def read_net(folder: Path, name: str) -> Iterator[StoredNet]:
    """What `write_net` wrote; what goes wrong inside says that the file doesn't fit."""
    file = folder / CONFIG
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        if said["ranker"] != name:
            raise ArtifactError(f"{file} is of the ranker {shown(said['ranker'])}, not of {name}.")
        if said.pop("own") != _checksum(said):
            raise ValueError("it isn't what was saved")
        file = folder / NET
        if sha256(file) != said["sha256"]:
            raise ValueError("it isn't what was saved")
        tensors = load_file(file)
        file = folder / CONFIG
        yield StoredNet(said, _named(tensors, WEIGHTS), _named(tensors, KEPT))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"{file} can't be used ({error}); train the ranker {name} again.") from None


def _named(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    return {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}


def _checksum(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(said).encode()).hexdigest()


def _text(said: Mapping[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False, allow_nan=False)
