"""The settings that every tagger over an encoder has."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import SettingsError, UnknownNameError
from engine.tags.neural.chunks import UNITS

LOSS_NAMES = ("bce", "focal", "asymmetric")
POOLING_NAMES = ("max", "mean", "soft")


@dataclass(frozen=True)
class NeuralConfig:
    """Settings of reading and learning.

    min_support: how many items of train a tag needs to be learned
    unit: what is read as a chunk: sentence or review
    chunk_tokens, chunk_overlap: the longest chunk in tokens, and how much of it the next one of a long unit repeats
    most_chunks, train_chunks: how many chunks of an item are read, and how many telling ones of them are learned from
    pooling: from a tag's scores of an item's chunks to one: max, mean, or soft (weighted by softmax of the scores)
    loss: bce, focal or asymmetric; gamma: how much focal lowers what is right already
    probe_steps, probe_rate: steps of training the head alone before, and their learning rate
    epochs, patience: passes over train at most (0: the head alone), and how many without better average precision on
        valid end it
    batch_items, accumulate: items in a batch, and batches in a step
    rate, head_rate: the highest learning rates of the encoder's weights and of the head
    warmup: the share of steps in which the rates rise; then they fall as a cosine
    decay: weight decay; dropout: the share of the head's inputs left out in training
    seed: of order, draws and dropout
    tag_shrinkage: with how many items in valid a tag's own threshold counts as much as the global one
    """

    min_support: int = 5
    unit: str = "sentence"
    chunk_tokens: int = 128
    chunk_overlap: int = 32
    most_chunks: int = 256
    train_chunks: int = 16
    pooling: str = "soft"
    loss: str = "bce"
    gamma: float = 2.0
    probe_steps: int = 80
    probe_rate: float = 0.015
    epochs: int = 10
    patience: int = 2
    batch_items: int = 8
    accumulate: int = 1
    rate: float = 5e-5
    head_rate: float = 2e-3
    warmup: float = 0.1
    decay: float = 0.01
    dropout: float = 0.1
    seed: int = 20240607
    tag_shrinkage: float = 100.0

    def __post_init__(self) -> None:
        if self.loss not in LOSS_NAMES:
            raise UnknownNameError("loss", self.loss, LOSS_NAMES)
        if self.pooling not in POOLING_NAMES:
            raise UnknownNameError("pooling", self.pooling, POOLING_NAMES)
        if self.unit not in UNITS:
            raise UnknownNameError("unit", self.unit, UNITS)
        if not 0 <= self.chunk_overlap < self.chunk_tokens - 2:
            raise SettingsError(
                f"chunk_overlap is {self.chunk_overlap}; it must be 0 or more and below chunk_tokens - 2, "
                f"which is {self.chunk_tokens - 2}."
            )
        for name in ("batch_items", "accumulate", "most_chunks", "train_chunks"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
