"""The settings of fine-tuning an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import SettingsError, UnknownNameError
from engine.search.encoders import EMBEDDED
from engine.settings import DEFAULT_SEED

PRECISIONS = ("auto", "fp32", "fp16", "bf16")
Report = Callable[[int, int, dict[str, float]], None]
"""Called with the steps done, the steps in all, and valid's figures, empty where there are no new ones."""


@dataclass(frozen=True)
class FinetuneConfig:
    """Settings of fine-tuning.

    base: the encoder to begin with: a name or a folder as load_encoder takes it
    epochs: passes over the pairs
    batch_size, memory_size: queries in a batch, and how many of them are held at once; a batch larger than that is
        cached, which takes a quarter longer
    rate, warmup, decay: the highest learning rate, the share of steps in which it rises, weight decay
    scale: what cosines are multiplied by before the softmax; higher looks at the nearest wrong documents only
    query_tokens, document_tokens: the longest texts, their ends are cut
    train_layers: how many of the upper layers learn, None: all; fewer is quicker, and safer with few pairs
    precision: auto (the fastest that the device has in hardware), fp32, fp16 or bf16; weights are kept in fp32
    max_pairs: how many pairs to learn from, drawn at random; None: all
    evaluate_every: steps between two looks at valid, after each of which a stopped training can go on
    valid_queries, valid_documents: how many queries of valid are asked, among how many documents
    seed: of order, draws and dropout
    """

    base: str = EMBEDDED
    epochs: int = 1
    batch_size: int = 32
    memory_size: int = 64
    rate: float = 2e-5
    warmup: float = 0.1
    decay: float = 0.01
    scale: float = 20.0
    query_tokens: int = 256
    document_tokens: int = 512
    train_layers: int | None = None
    precision: str = "auto"
    max_pairs: int | None = None
    evaluate_every: int = 100
    valid_queries: int = 300
    valid_documents: int = 1000
    seed: int = DEFAULT_SEED

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)
        least = {"batch_size": 2, "max_pairs": 2, "query_tokens": 4, "document_tokens": 4}
        names = ("epochs", "memory_size", "train_layers", "evaluate_every", "valid_queries", "valid_documents")
        for name in (*least, *names):
            value = getattr(self, name)
            if value is not None and value < least.get(name, 1):
                raise SettingsError(f"{name} is {value}; it must be {least.get(name, 1)} or more.")
        if not self.rate > 0 or not self.scale > 0:
            raise SettingsError(f"rate is {self.rate} and scale {self.scale}; both must be above 0.")
