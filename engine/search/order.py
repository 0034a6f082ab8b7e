"""The order that the second stage learned: trees that tell what answers a query, and trees that tell how well.

LambdaMART (C. Burges, From RankNet to LambdaRank to LambdaMART, 2010; LightGBM's lambdarank) learns from lists of
candidates which of them are relevant; what nobody judged counts as not relevant there. Regression trees learn from the
judged pairs alone how relevant each is. A score is the sum of both, each in units of its own spread. One model for
both tasks, tried on judged queries of a hardware store, was worse at either: judged pairs that no list holds teach it
that what isn't found is relevant.

Models are kept as LightGBM's own text. Of each hit they say what every feature added to the score (S. Lundberg,
S.-I. Lee, A unified approach to interpreting model predictions, NeurIPS 2017).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError, DataError
from engine.search.examples import Examples, Floats
from engine.search.features import NAMES
from engine.settings import load_settings

CONFIG, ORDER, GRADE = "second_stage.json", "second_stage.txt", "second_stage_grade.txt"
GAINS = [0, 2, 3, 4, 5]  # of each level
FEWEST = 50  # judged pairs from which grades are learned
_TREES = {
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
_ORDER = {**_TREES, "objective": "lambdarank", "label_gain": GAINS, "lambda_l2": 5.0}
_GRADE = {**_TREES, "objective": "regression", "lambda_l2": 10.0}


@dataclass(frozen=True)
class SecondStageConfig:
    """How the order is learned.

    depth: candidates that are put in order, the rest keep theirs; rounds: trees of either kind; leaves: of each tree
    that tells whether an item answers; rate: how much each counts; least: pairs in a leaf; first: places whose order
    counts in learning; grade: how much the trees that tell how well an item answers count beside those; grade_leaves:
    of each of them, fewer, because they learn from judged pairs alone; seed: of sampling
    """

    depth: int = 200
    rounds: int = 200
    leaves: int = 31
    rate: float = 0.07
    least: int = 100
    first: int = 30
    grade: float = 0.5
    grade_leaves: int = 7
    seed: int = 0


class Order:
    """Fitted trees: signals in, scores out."""

    def __init__(self, models: Mapping[str, Any], shares: Mapping[str, float], config: SecondStageConfig) -> None:
        self._models, self._shares, self.config = models, shares, config

    @classmethod
    def fit(cls, examples: Examples, config: SecondStageConfig | None = None) -> Order:
        """Learn from `examples`. Raises DataError when no candidate is relevant."""
        config = config or SecondStageConfig()
        if not (examples.levels[examples.listed] > 0).any():
            raise DataError("No judged item is among the candidates of its query, so there is no order to learn.")
        settings = {"lambdarank_truncation_level": config.first, **_ORDER}
        pairs = examples.listed
        owner = np.repeat(np.arange(len(examples.sizes)), examples.sizes)[pairs]
        sizes = np.bincount(owner)
        models = {ORDER: _fitted(settings, examples.signals[pairs], examples.levels[pairs], config, sizes[sizes > 0])}
        shares = {ORDER: 1 / _spread(models[ORDER], examples.signals[pairs])}
        judged = ~np.isnan(examples.grades)
        grades = examples.grades[judged]
        if config.grade and len(grades) >= FEWEST and np.ptp(grades) > 0:
            fewer = replace(config, leaves=config.grade_leaves)
            models[GRADE] = _fitted(_GRADE, examples.signals[judged], grades, fewer)
            shares[GRADE] = config.grade / _spread(models[GRADE], examples.signals[judged])
        return cls(models, shares, config)

    def scores(self, signals: Floats) -> Floats:
        """(n_pairs,) higher is better; comparable within one query only."""
        if not len(signals):
            return np.empty(0, dtype=np.float32)
        told = [self._shares[name] * model.predict(signals, num_threads=1) for name, model in self._models.items()]
        return np.asarray(np.sum(told, axis=0), dtype=np.float32)

    def contributions(self, signals: Floats) -> list[dict[str, float]]:
        """For each pair what each feature added to its score; they add up to it but for a constant."""
        if not len(signals):
            return []
        told = [
            self._shares[name] * np.asarray(model.predict(signals, num_threads=1, pred_contrib=True))[:, :-1]
            for name, model in self._models.items()
        ]
        return [dict(zip(NAMES, map(float, row), strict=True)) for row in np.sum(told, axis=0)]

    def save(self, folder: Path) -> None:
        """Write the models and their settings into an existing `folder`."""
        texts = {name: model.model_to_string() for name, model in self._models.items()}
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        said = {
            "config": asdict(self.config),
            "features": list(NAMES),
            "shares": dict(self._shares),
            "sha256": {name: _checksum(text) for name, text in texts.items()},
        }
        (folder / CONFIG).write_text(json.dumps(said), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Order:
        """Read what `save` wrote. Raises ArtifactError when it changed or was made with other features.

        The checksum comes first, because LightGBM ends the whole process over a text that is cut short.
        """
        try:
            said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            texts = {name: (folder / name).read_text(encoding="utf-8") for name in said["shares"]}
            if tuple(said["features"]) != NAMES:
                raise ValueError("it was made with other features")
            changed = [name for name, text in texts.items() if _checksum(text) != said["sha256"][name]]
            if changed or ORDER not in texts:
                raise ValueError(f"{', '.join(changed) or ORDER} isn't what was saved")
            config = SecondStageConfig(**said["config"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"{folder} doesn't hold a whole second stage ({error}); train it again.") from None
        import lightgbm

        models = {name: lightgbm.Booster(model_str=text) for name, text in texts.items()}
        return cls(models, said["shares"], config)


def _fitted(
    settings: Mapping[str, Any],
    signals: Floats,
    labels: NDArray[Any],
    config: SecondStageConfig,
    sizes: NDArray[np.int64] | None = None,
) -> Any:
    import lightgbm

    chosen = {
        **settings,
        "num_leaves": config.leaves,
        "learning_rate": config.rate,
        "min_data_in_leaf": max(1, min(config.least, len(labels) // 50)),
        "seed": config.seed,
        "num_threads": load_settings().threads,
    }
    data = lightgbm.Dataset(signals, label=labels, group=sizes, feature_name=list(NAMES))
    return lightgbm.train(chosen, data, num_boost_round=config.rounds)


def _spread(model: Any, signals: Floats) -> float:
    """The standard deviation of the model's scores, so that scores of two models can be added."""
    return max(float(np.std(model.predict(signals, num_threads=1))), 1e-6)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
