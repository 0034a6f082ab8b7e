"""What most recommenders share: a configuration, the catalogue's ids, which items were trained, saving and loading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError, DataError
from engine.recommend.interactions import Interactions, TrainingSet, training_set
from engine.recommend.storage import ARRAYS, load_model, save_model


class Model:
    """Base of the recommenders: `state` names the attributes that, with `item_ids` and `trained`, are the model."""

    Config: ClassVar[type[Any]]
    state: ClassVar[tuple[str, ...]] = ()
    item_ids: NDArray[np.object_]
    trained: NDArray[np.bool_]

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    def training(self, data: Interactions) -> TrainingSet:
        """The part of `data` that has the minima of the configuration."""
        return training_set(
            data,
            min_user_interactions=self.config.min_user_interactions,
            min_item_interactions=self.config.min_item_interactions,
        )

    def columns(self, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """The places of the trained items that may be recommended, ascending."""
        return np.flatnonzero(self.trained if eligible is None else self.trained & eligible)

    def save(self, folder: Path) -> None:
        """Write the model's files into an existing folder."""
        arrays: Mapping[str, Any] = {name: getattr(self, name) for name in ("item_ids", "trained", *self.state)}
        save_model(folder, self.config, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ArtifactError naming the file that is missing or doesn't fit."""
        config, arrays = load_model(folder, cls.Config)
        missing = [name for name in ("item_ids", "trained", *cls.state) if name not in arrays]
        if missing:
            raise ArtifactError(f"{folder / ARRAYS} has no {missing[0]}; it is of another model, train it again.")
        model = cls(config)
        for name, value in arrays.items():
            setattr(model, name, value)
        return model


def check_finite(model: str, **arrays: NDArray[Any]) -> None:
    """Raise DataError naming the array of a fitted `model` that holds NaN or infinity."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DataError(
                f"Fitting {model} failed: {(~np.isfinite(array)).sum():,} of its {name} aren't finite numbers; lower "
                f"alpha or raise the regularization. The version that served before still does."
            )
