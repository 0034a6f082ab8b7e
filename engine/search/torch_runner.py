"""An encoder on torch: float32, on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

WORTH_A_THREAD = 10**9  # parameters x tokens, some ten milliseconds: below, threads wait for each other for longer


class TorchRunner:
    """Runs all modules of a SentenceTransformer over padded batches.

    A query of a few words is left to one thread: on two crowded cores two took 0.4 s for what one does in 10 ms.
    """

    def __init__(self, model: Any, threads: int) -> None:
        self._model = model
        self._threads = threads if model.device.type == "cpu" else 0
        self._parameters = sum(parameter.numel() for parameter in model.parameters())

    def __call__(self, features: dict[str, Any]) -> NDArray[np.float32]:
        """(n, dim) vectors of a batch of n texts; features: (n, length) token ids, mask and the like."""
        with torch.inference_mode(), self._as_many_threads_as_pay(features["input_ids"].size):
            tensors = {name: torch.as_tensor(value, device=self._model.device) for name, value in features.items()}
            vectors: NDArray[np.float32] = self._model(tensors)["sentence_embedding"].float().cpu().numpy()
            return vectors

    @contextmanager
    def _as_many_threads_as_pay(self, tokens: int) -> Iterator[None]:
        if not self._threads:
            yield
            return
        torch.set_num_threads(min(self._threads, 1 + self._parameters * tokens // WORTH_A_THREAD))
        try:
            yield
        finally:
            torch.set_num_threads(self._threads)  # other models of this process compute as they did
