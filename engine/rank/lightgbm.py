"""LightGBM as a ranker: trees that grow leaf by leaf, kept as the library's own text.

G. Ke et al., LightGBM: A highly efficient gradient boosting decision tree, NeurIPS 2017.
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

_METRICS = {"ndcg@5": "ndcg", "log loss": "binary_logloss"}
_OBJECTIVES = {"classification": "binary", "lambdarank": "lambdarank"}


@dataclass(frozen=True)
class LightGbmConfig(TreesConfig):
    """How LightGBM grows trees.

    leaves: of each tree at most; least: candidates in a leaf at least; the others as in TreesConfig
    """

    leaves: int = setting(31, least=2)
    least: int = setting(50, least=1)


class LightGbm(Trees):
    """Trees of LightGBM."""

    Config: ClassVar[type[Any]] = LightGbmConfig
    name: ClassVar[str] = "LightGBM"
    file: ClassVar[str] = "model.txt"

    def _check_device(self) -> None:
        """LightGBM says only when it trains whether it finds a GPU; see `_learn`."""

    def _refusals(self) -> tuple[type[Exception], ...]:
        from lightgbm.basic import LightGBMError

        return (LightGBMError,)

    def _learn(self, rows: Rows, valid: Rows | None, training: Training) -> tuple[Any, Curves]:
        import lightgbm

        config = self.config
        curves: dict[str, dict[str, list[float]]] = {}
        data = self._dataset(rows, None, training.seed)
        watch = {"train": data} | ({"valid": self._dataset(valid, data, training.seed)} if valid else {})
        told = each_round(training, self.name, config.rounds)
        callbacks = [lightgbm.record_evaluation(curves), lambda env: told(env.iteration)]
        if valid and config.patience:
            callbacks.append(lightgbm.early_stopping(config.patience, verbose=False))
        try:
            model = lightgbm.train(
                self._settings(training.seed),
                data,
                num_boost_round=config.rounds,
                valid_sets=list(watch.values()),
                valid_names=list(watch),
                callbacks=callbacks,
            )
        except lightgbm.basic.LightGBMError as error:
            if config.device == "gpu" and any(word in str(error) for word in ("GPU", "OpenCL", "CUDA")):
                raise self._no_gpu(str(error)) from error
            raise
        return _cut(model), {f"{part} {self._metric}": next(iter(told.values())) for part, told in curves.items()}

    def _settings(self, seed: int) -> dict[str, Any]:
        config = self.config
        return {
            "objective": _OBJECTIVES[config.objective],
            "metric": _METRICS[self._metric],
            "eval_at": [5],
            "label_gain": [0, 1],
            "learning_rate": config.rate,
            "num_leaves": config.leaves,
            "min_data_in_leaf": config.least,
            "lambda_l2": config.l2,
            "bagging_fraction": config.rows,
            "bagging_freq": int(config.rows < 1),
            "feature_fraction": config.features,
            "device_type": config.device,
            "num_threads": threads(),
            "seed": seed,
            "deterministic": config.device == "cpu",
            "force_row_wise": config.device == "cpu",
            "verbose": -1,
            **self._binning(seed),
        }

    def _binning(self, seed: int) -> dict[str, Any]:
        return {"max_bin": self.config.bins, "data_random_seed": seed, "verbose": -1, "num_threads": threads()}

    def _dataset(self, rows: Rows, reference: Any, seed: int) -> Any:
        import lightgbm

        per_list = rows.list_weights if self.config.lists_count else None
        return lightgbm.Dataset(
            rows.features,
            label=rows.wanted,
            weight=rows.weights if per_list is None else per_list[rows.owner],
            group=rows.sizes,
            reference=reference,
            params=self._binning(seed),
            feature_name=[f"f{place}" for place in range(len(self.columns))],  # names may hold what its format can't
            categorical_feature=self.codes,
        )

    def _margins(self, features: Features) -> Any:
        return self._model.predict(features, raw_score=True, num_threads=threads())

    def _contributions(self, features: Features) -> Any:
        return self._model.predict(features, pred_contrib=True, num_threads=threads())[:, :-1]

    def _gains(self) -> Any:
        return self._model.feature_importance("gain")

    def _write(self, path: Path) -> None:
        path.write_text(self._model.model_to_string(), encoding="utf-8")

    def _read(self, data: bytes) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=data.decode("utf-8"))


def _cut(model: Any) -> Any:
    """The model up to its best round: what is saved scores as what is kept."""
    import lightgbm

    best = model.best_iteration
    return lightgbm.Booster(model_str=model.model_to_string(num_iteration=best if best > 0 else None))
