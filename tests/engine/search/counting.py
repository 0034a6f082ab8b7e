"""An encoder that remembers what it was asked; its vectors are drawn from each text's own hash."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np


@dataclass
class CountingEncoder:
    """log: a file that gets a line for each text, once its vectors are given out; seconds: how long a batch takes."""

    name: str = "counting"
    weights: str = "w"
    fails_after: int | None = None
    log: Path | None = None
    seconds: float = 0.0
    seen: list[str] = field(default_factory=list)
    dim: ClassVar[int] = 16

    @property
    def fingerprint(self) -> str:
        return self.weights

    def encode_documents(self, texts: Sequence[str]) -> np.ndarray:
        self.seen += texts
        if self.fails_after is not None and len(self.seen) > self.fails_after:
            raise RuntimeError("no more")
        time.sleep(self.seconds)
        if self.log is not None:
            with self.log.open("a") as log:
                log.write("".join(f"{text}\n" for text in texts))
        return self.encode_queries(texts)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        drawn = [np.random.default_rng(seed).normal(size=self.dim) for seed in seeds]
        vectors = np.array(drawn, dtype=np.float32).reshape(len(drawn), self.dim)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
