"""Where a training stands: the weights that learn, the best ones, the optimizer, and the counts.

A checkpoint is a folder of safetensors and JSON that is there whole or not at all, so a training that was killed goes
on from the last one. It is named by what it learns from: other settings or other data never go on from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from engine.atomic import atomic_path, remove
from engine.errors import ArtifactError
from engine.settings import load_settings

TENSORS, STATE = "tensors.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training, in `folder`; only the newest is kept. `unit` is what is counted between them."""

    folder: Path
    unit: str = "epoch"

    @classmethod
    def named(cls, digest: str, *, unit: str = "epoch") -> Self:
        """Those of the training that `digest`, a hash of its settings and data, names, in the home of workspaces."""
        return cls(load_settings().home / ".training" / digest[:16], unit)

    def save(self, number: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Write the checkpoint after `number` epochs or steps, then drop the one before."""
        with atomic_path(self.folder / f"{self.unit}-{number:04d}") as folder:
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
        return sorted(self.folder.glob(f"{self.unit}-*"), key=lambda place: (len(place.name), place.name))


def optimizer_tensors(optimizer: Optimizer, learning: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What AdamW remembers of each weight of `learning`, by names that `restore_optimizer` knows."""
    return {
        f"optimizer.{part}.{name}": value
        for name, weight in learning.items()
        for part, value in optimizer.state[weight].items()
    }


def restore_optimizer(optimizer: Optimizer, learning: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Give AdamW back what `optimizer_tensors` took; a weight that no loss reached has nothing to remember."""
    for name, weight in learning.items():
        for part in ("step", "exp_avg", "exp_avg_sq"):
            kept = tensors.get(f"optimizer.{part}.{name}")
            if kept is not None:
                optimizer.state[weight][part] = kept if part == "step" else kept.to(weight.device)


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of one epoch, so that a training that goes on draws what an uninterrupted one would have drawn."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
