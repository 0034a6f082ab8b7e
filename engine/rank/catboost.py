"""CatBoost as a ranker: symmetric trees and statistics of categories made in an order, kept as the library's cbm.

L. Prokhorenkova et al., CatBoost: unbiased boosting with categorical features, NeurIPS 2018. Lists are learned with
YetiRank (A. Gulin et al., Winning the transfer learning track of Yahoo!'s learning to rank challenge, JMLR W&CP 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from engine.rank.base import Training
from engine.rank.rows import Features, Rows
from engine.rank.trees import Curves, Trees, each_round, threads
from engine.rank.trees_config import TreesConfig
from engine.typed import setting

_METRICS = {"ndcg@5": "NDCG:top=5;hints=skip_train~false", "log loss": "Logloss"}
_OBJECTIVES = {"classification": "Logloss", "lambdarank": "YetiRank"}
_UNKNOWN = -1  # the code of an unknown category: the library wants whole numbers


@dataclass(frozen=True)
class CatBoostConfig(TreesConfig):
    """How CatBoost grows trees.

    depth: levels of each tree, which are symmetric; one_hot: categories up to which each gets a split of its own,
    above it statistics are made of them; the others as in TreesConfig
    """

    l2: float = setting(3.0, least=0)
    depth: int = setting(6, least=1, most=15)
    one_hot: int = setting(10, least=2, most=255)


class CatBoost(Trees):
    """Trees of CatBoost."""

    Config: ClassVar[type[Any]] = CatBoostConfig
    name: ClassVar[str] = "CatBoost"
    file: ClassVar[str] = "model.cbm"

    def _check_device(self) -> None:
        from catboost.utils import get_gpu_device_count

        if self.config.device == "gpu" and not get_gpu_device_count():
            raise self._no_gpu("it finds no CUDA device")

    def _refusals(self) -> tuple[type[Exception], ...]:
        from catboost import CatBoostError

        return (CatBoostError,)

    def _learn(self, rows: Rows, valid: Rows | None, training: Training) -> tuple[Any, Curves]:
        import catboost

        config = self.config
        stops = bool(valid and config.patience)
        model = catboost.CatBoost(self._settings(training.seed))
        model.fit(
            self._pool(rows),
            eval_set=self._pool(valid) if valid else None,
            use_best_model=stops,
            early_stopping_rounds=config.patience if stops else None,
            callbacks=[_Told(each_round(training, self.name, config.rounds))] if config.device == "cpu" else None,
        )
        parts = {"learn": "train", "validation": "valid"}
        metric = _METRICS[self._metric].split(";hints")[0]
        told = model.get_evals_result()
        return model, {f"{parts[part]} {self._metric}": _curve(values, metric) for part, values in told.items()}

    def _settings(self, seed: int) -> dict[str, Any]:
        config = self.config
        return {
            "loss_function": _OBJECTIVES[config.objective],
            "eval_metric": _METRICS[self._metric],
            "iterations": config.rounds,
            "learning_rate": config.rate,
            "depth": config.depth,
            "l2_leaf_reg": config.l2,
            "bootstrap_type": "Bernoulli",
            "subsample": config.rows,
            "border_count": config.bins,
            "one_hot_max_size": config.one_hot,
            "task_type": config.device.upper(),
            "thread_count": threads(),
            "random_seed": seed,
            "allow_writing_files": False,
            "logging_level": "Silent",
            **({"rsm": config.features} if config.device == "cpu" else {}),
        }

    def _pool(self, rows: Rows) -> Any:
        import catboost

        per_list = rows.list_weights if self.config.lists_count else None
        return catboost.Pool(
            self._table(rows.features),
            label=rows.wanted,
            weight=None if self.config.lists_count else rows.weights,
            group_id=rows.owner,
            group_weight=None if per_list is None else per_list[rows.owner],
            cat_features=self.codes,
            thread_count=threads(),
        )

    def _table(self, features: Features) -> Any:
        """The features as CatBoost takes them: amounts as they are, codes as whole numbers."""
        if not self.codes:
            return features
        columns: dict[int, Any] = {place: features[:, place] for place in range(features.shape[1])}
        for place in self.codes:
            known = features[:, place]
            columns[place] = np.where(np.isnan(known), _UNKNOWN, known).astype(np.int32)
        return pd.DataFrame(columns)

    def _asked(self, features: Features) -> Any:
        import catboost

        return catboost.Pool(self._table(features), cat_features=self.codes, thread_count=threads())

    def _margins(self, features: Features) -> Any:
        return self._model.predict(
            self._asked(features), prediction_type="RawFormulaVal", thread_count=threads(), task_type="CPU"
        )

    def _contributions(self, features: Features) -> Any:
        told = self._model.get_feature_importance(
            self._asked(features), type="ShapValues", thread_count=threads(), verbose=False
        )
        return told[:, :-1]

    def _gains(self) -> Any:
        return self._model.get_feature_importance(type="PredictionValuesChange", thread_count=threads())

    def _write(self, path: Path) -> None:
        self._model.save_model(str(path), format="cbm")

    def _read(self, data: bytes) -> Any:
        import catboost

        model = catboost.CatBoost()
        model.load_model(blob=data)
        return model


class _Told:
    """CatBoost's callback that tells the progress and never stops."""

    def __init__(self, told: Any) -> None:
        self._told = told

    def after_iteration(self, info: Any) -> bool:
        self._told(info.iteration - 1)
        return True


def _curve(values: Any, metric: str) -> list[float]:
    """The watched figure among those that CatBoost measured: it always adds the loss."""
    return next(list(told) for name, told in values.items() if name.startswith(metric))
