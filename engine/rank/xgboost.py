"""XGBoost as a ranker: trees that grow level by level, kept as the library's JSON.

T. Chen, C. Guestrin, XGBoost: A scalable tree boosting system, KDD 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from engine.rank.base import Training
from engine.rank.rows import Features, Rows
from engine.rank.trees import Curves, Trees, each_round, threads
from engine.rank.trees_config import TreesConfig
from engine.typed import setting

_METRICS = {"ndcg@5": "ndcg@5", "log loss": "logloss"}
_OBJECTIVES = {"classification": "binary:logistic", "lambdarank": "rank:ndcg"}


@dataclass(frozen=True)
class XgBoostConfig(TreesConfig):
    """How XGBoost grows trees.

    depth: levels of each tree; least: weight of a leaf at least, in sums of the loss's second derivative (a candidate
    that the model is unsure of weighs 1/4 in classification); the others as in TreesConfig
    """

    depth: int = setting(6, least=1, most=15)
    least: float = setting(5.0, least=0)


class XgBoost(Trees):
    """Trees of XGBoost."""

    Config: ClassVar[type[Any]] = XgBoostConfig
    name: ClassVar[str] = "XGBoost"
    file: ClassVar[str] = "model.json"

    def _check_device(self) -> None:
        import xgboost

        if self.config.device == "gpu" and not xgboost.build_info().get("USE_CUDA"):
            raise self._no_gpu("this build has none (the package xgboost has one, xgboost-cpu hasn't)")

    def _refusals(self) -> tuple[type[Exception], ...]:
        from xgboost.core import XGBoostError

        return (XGBoostError,)

    def _learn(self, rows: Rows, valid: Rows | None, training: Training) -> tuple[Any, Curves]:
        import xgboost

        config = self.config
        told: dict[str, dict[str, list[float]]] = {}
        data = self._matrix(rows, None)
        watch = [(data, "train")] if self._listed(rows) or self._metric == "log loss" else []
        watch += [(self._matrix(valid, data), "valid")] if valid else []
        callbacks = [_callback(each_round(training, self.name, config.rounds))]
        model = xgboost.train(
            self._settings(training.seed),
            data,
            num_boost_round=config.rounds,
            evals=watch,
            evals_result=told,
            early_stopping_rounds=config.patience if valid and config.patience else None,
            verbose_eval=False,
            callbacks=callbacks,
        )
        if valid and config.patience:
            model = model[: model.best_iteration + 1]
        return model, {f"{part} {self._metric}": next(iter(values.values())) for part, values in told.items()}

    def _settings(self, seed: int) -> dict[str, Any]:
        config = self.config
        return {
            "objective": _OBJECTIVES[config.objective],
            "eval_metric": _METRICS[self._metric],
            "tree_method": "hist",
            "eta": config.rate,
            "max_depth": config.depth,
            "min_child_weight": config.least,
            "lambda": config.l2,
            "subsample": config.rows,
            "colsample_bytree": config.features,
            "max_bin": config.bins,
            "device": "cuda" if config.device == "gpu" else "cpu",
            "nthread": threads(),
            "seed": seed,
            "verbosity": 0,
        }

    def _matrix(self, rows: Rows, reference: Any) -> Any:
        import xgboost

        return xgboost.QuantileDMatrix(
            rows.features,
            label=rows.wanted,
            weight=rows.list_weights if self.config.lists_count else rows.weights,
            group=rows.sizes if self._listed(rows) else None,
            ref=reference,
            max_bin=self.config.bins,
            **self._kinds(),
        )

    def _listed(self, rows: Rows) -> bool:
        """Whether XGBoost is told of lists: with them, it takes no weights of candidates."""
        return self.config.lists_count or (rows.weights is None and self._metric == "ndcg@5")

    def _kinds(self) -> dict[str, Any]:
        kinds = ["c" if place in self.codes else "q" for place in range(len(self.columns))]
        return {"feature_types": kinds, "enable_categorical": True, "nthread": threads()}

    def _ask(self, features: Features, **how: Any) -> Any:
        import xgboost

        self._model.set_param({"nthread": threads(), "device": "cpu"})
        return self._model.predict(xgboost.DMatrix(features, **self._kinds()), **how)

    def _margins(self, features: Features) -> Any:
        return self._ask(features, output_margin=True)

    def _contributions(self, features: Features) -> Any:
        return self._ask(features, pred_contribs=True)[:, :-1]

    def _gains(self) -> Any:
        gains = self._model.get_score(importance_type="total_gain")
        return [gains.get(f"f{place}", 0.0) for place in range(len(self.columns))]

    def _write(self, path: Path) -> None:
        path.write_bytes(self._model.save_raw("json"))

    def _read(self, data: bytes) -> Any:
        import xgboost

        model = xgboost.Booster()
        model.load_model(bytearray(data))
        return model


def _callback(told: Any) -> Any:
    import xgboost

    class Told(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            told(epoch)
            return False

    return Told()
