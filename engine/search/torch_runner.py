"""An encoder on torch: float32, on a GPU where there is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


class TorchRunner:
    """Runs all modules of a SentenceTransformer over padded batches."""

    def __init__(self, model: Any, threads: int) -> None:
        self._model = model
        if model.device.type == "cpu":
            torch.set_num_threads(threads)

    def __call__(self, features: dict[str, Any]) -> NDArray[np.float32]:
        """(n, dim) vectors of a batch of n texts; features: (n, length) token ids, mask and the like."""
        with torch.inference_mode():
            tensors = {name: torch.as_tensor(value, device=self._model.device) for name, value in features.items()}
            vectors: NDArray[np.float32] = self._model(tensors)["sentence_embedding"].float().cpu().numpy()
            return vectors
