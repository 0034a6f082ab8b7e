"""The contract of taggers: fit on items with tags, give a calibrated probability for every tag of the vocabulary."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engine.schema import ItemText


@dataclass(frozen=True)
class TaggedItems:
    """Items with their true tags: `tags[i]` belongs to `items[i]`."""

    items: Sequence[ItemText]
    tags: Sequence[Collection[str]]


class Tagger(Protocol):
    """What every tagger does. Training and prediction use any number of reviews and either language."""

    @property
    def tags(self) -> Sequence[str]:
        """The label vocabulary, in the order of the probabilities' columns."""
        ...

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """(n_tags,): the probability from which each tag is asserted, chosen on valid only."""
        ...

    @property
    def valid_f1(self) -> float:
        """Micro-F1 on valid at the thresholds chosen there: a little too good, and known before test is read."""
        ...

    @property
    def categories(self) -> Sequence[str]:
        """The categories that it learned from, sorted."""
        ...

    @property
    def config(self) -> Any:
        """Its configuration, a frozen dataclass; `type(tagger).Config` is the dataclass."""
        ...

    def fit(self, train: TaggedItems, valid: TaggedItems) -> Self:
        """Learn weights, vocabulary and priors from `train`, calibration and thresholds from `valid`."""
        ...

    def probabilities(self, items: Sequence[ItemText]) -> NDArray[np.float64]:
        """(n_items, n_tags) calibrated probabilities in [0, 1]; a tag outside the item's category list has 0."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model's files into an existing folder: JSON and .npz without pickles."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ArtifactError naming the file that is missing or doesn't fit."""
        ...
