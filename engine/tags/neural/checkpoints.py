"""Where a training stands, after each epoch: the weights that learn, the best ones, the optimizer, and the counts.

A checkpoint is a folder that is there whole or not at all, so a training that was killed goes on from the last one.
It is named by what it learns from: other settings or other data never go on from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.atomic import atomic_path, remove
from engine.errors import ArtifactError
from engine.settings import load_settings
from engine.tags.base import TaggedItems

TENSORS, STATE = "tensors.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training, in `folder`; only the newest is kept."""

    folder: Path

    @classmethod
    def of(cls, config: Any, *data: TaggedItems, part: str = "") -> Checkpoints:
        """Those of the training that `config` (a dataclass), `data` and `part` name, in the home of workspaces."""
        digest = hashlib.sha256(json.dumps([asdict(config), part], sort_keys=True).encode())
        for one in data:
            for item, tags in zip(one.items, one.tags, strict=True):
                digest.update(json.dumps([item.category, item.reviews, sorted(tags)]).encode())
        return cls(load_settings().home / ".training" / digest.hexdigest()[:16])

    def save(self, epoch: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Write the checkpoint of `epoch`, then drop the one before."""
        with atomic_path(self.folder / f"epoch-{epoch:04d}") as folder:
            folder.mkdir()
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / TENSORS)
            (folder / STATE).write_text(json.dumps(state, allow_nan=False), encoding="utf-8")
        for older in self._finished()[:-1]:
            remove(older)

    def last(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The newest checkpoint's tensors and state; None when there is none. ArtifactError when it is damaged."""
        finished = self._finished()
        if not finished:
            return None
        try:
            state = json.loads((finished[-1] / STATE).read_text(encoding="utf-8"))
            return load_file(finished[-1] / TENSORS), state
        except (OSError, ValueError, SafetensorError) as error:
            raise ArtifactError(
                f"{finished[-1]} is damaged ({error}); remove {self.folder} to train from the start."
            ) from None

    def drop(self) -> None:
        """Remove them: the training is finished."""
        remove(self.folder)

    def _finished(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*"))


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of one epoch, so that a training that goes on draws what an uninterrupted one would have drawn."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
