"""Gradient-boosted trees over pairs of item and tag: LightGBM, kept as its own text format.

G. Ke et al., LightGBM: A highly efficient gradient boosting decision tree, NeurIPS 2017. The library is loaded when a
tagger that needs it learns or is read. The number of threads, from the settings, changes no result.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.settings import load_settings

Floats = NDArray[np.float64]
FILE = "booster.txt"
FIXED = {
    "objective": "binary",
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


@dataclass(frozen=True)
class Trees:
    """How trees are grown.

    rounds: how many; leaves: of each; rate: how much each counts; least: pairs in a leaf at least; seed: of the
    sampling of pairs and features
    """

    rounds: int
    leaves: int
    rate: float
    least: int
    seed: int = 0


class Booster:
    """Fitted trees: pairs' signals in, probabilities out."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def fit(cls, signals: NDArray[np.float32], true: NDArray[np.bool_], *, kinds: list[int], trees: Trees) -> Booster:
        """Learn from `signals` (n_pairs, n_signals) and `true` (n_pairs,); columns `kinds` hold codes, not amounts.

        Raises DataError when no pair is true, or all are.
        """
        if true.all() or not true.any():
            said = "every" if len(true) and true.all() else "none"
            raise DataError(f"Of {len(true)} pairs of item and tag {said} is true, so there is nothing to tell apart.")
        import lightgbm

        settings = {
            **FIXED,
            "num_leaves": trees.leaves,
            "learning_rate": trees.rate,
            "min_data_in_leaf": trees.least,
            "num_threads": load_settings().threads,
            "seed": trees.seed,
        }
        data = lightgbm.Dataset(signals, label=true.astype(np.float32), categorical_feature=kinds)
        return cls(lightgbm.train(settings, data, num_boost_round=trees.rounds))

    def probabilities(self, signals: NDArray[np.float32]) -> Floats:
        """(n_pairs,) for `signals` (n_pairs, n_signals)."""
        if not len(signals):
            return np.empty(0)
        return np.asarray(self._model.predict(signals, num_threads=load_settings().threads), dtype=np.float64)

    @property
    def n_signals(self) -> int:
        """How many signals a pair has."""
        return int(self._model.num_feature())

    def save(self, folder: Path) -> str:
        """Write booster.txt into `folder`; returns its checksum, which `load` wants back."""
        text = self._model.model_to_string()
        (folder / FILE).write_text(text, encoding="utf-8")
        return checksum(text)

    @classmethod
    def load(cls, folder: Path, *, expected: str) -> Booster:
        """Read what `save` wrote. ValueError when it changed: LightGBM ends the whole process over a text cut short."""
        text = (folder / FILE).read_text(encoding="utf-8")
        if checksum(text) != expected:
            raise ValueError(f"{FILE} isn't what was saved")
        import lightgbm

        return cls(lightgbm.Booster(model_str=text))


def checksum(text: str) -> str:
    """SHA-256 of `text`, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
