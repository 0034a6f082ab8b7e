"""The second stage: what words and meaning found, put in order by trees that learned from judged queries.

LambdaMART (C. Burges, From RankNet to LambdaRank to LambdaMART, 2010; LightGBM's lambdarank), which optimises the first
places of NDCG. The model is kept as LightGBM's own text. Of each hit it says what every feature added to the score
(S. Lundberg, S.-I. Lee, A unified approach to interpreting model predictions, NeurIPS 2017).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import ArtifactError, DataError
from engine.ranked import Ranked
from engine.search.bm25 import stacked
from engine.search.features import NAMES, Features
from engine.search.hybrid import Candidates, Hybrid, trace_of
from engine.settings import load_settings

MODEL, CONFIG = "second_stage.txt", "second_stage.json"
LEVELS = 4  # of relevance, above "not relevant"
GAINS = [0, 2, 3, 4, 5]
FIXED = {
    "objective": "lambdarank",
    "label_gain": GAINS,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


@dataclass(frozen=True)
class SecondStageConfig:
    """How the order is learned.

    depth: candidates that are put in order, the rest keep theirs; rounds: trees; leaves: of each; rate: how much each
    counts; least: pairs in a leaf; first: places whose order counts in learning; seed: of sampling
    """

    depth: int = 100
    rounds: int = 300
    leaves: int = 31
    rate: float = 0.05
    least: int = 100
    first: int = 30
    seed: int = 0


@dataclass(frozen=True)
class Examples:
    """Queries to learn from: for each query its candidates' signals and their grades.

    signals: (n_pairs, n_features); levels: (n_pairs,) 0 (not relevant, or not judged) to LEVELS; sizes: (n_queries,)
    pairs of each query, in order
    """

    signals: NDArray[np.float32]
    levels: NDArray[np.int64]
    sizes: NDArray[np.int64]


class Order:
    """Fitted trees: signals in, scores out."""

    def __init__(self, model: Any, config: SecondStageConfig) -> None:
        self._model, self.config = model, config

    @classmethod
    def fit(cls, examples: Examples, config: SecondStageConfig | None = None) -> Order:
        """Learn from `examples`. Raises DataError when no candidate is relevant."""
        config = config or SecondStageConfig()
        if not examples.levels.any():
            raise DataError("No judged item is among the candidates of its query, so there is no order to learn.")
        import lightgbm

        settings = {
            **FIXED,
            "num_leaves": config.leaves,
            "learning_rate": config.rate,
            "min_data_in_leaf": max(1, min(config.least, len(examples.levels) // 50)),
            "lambdarank_truncation_level": config.first,
            "seed": config.seed,
            "num_threads": load_settings().threads,
        }
        data = lightgbm.Dataset(examples.signals, label=examples.levels, group=examples.sizes, feature_name=list(NAMES))
        return cls(lightgbm.train(settings, data, num_boost_round=config.rounds), config)

    def scores(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n_pairs,) higher is better; comparable within one query only."""
        if not len(signals):
            return np.empty(0, dtype=np.float32)
        return np.asarray(self._model.predict(signals, num_threads=1), dtype=np.float32)

    def contributions(self, signals: NDArray[np.float32]) -> list[dict[str, float]]:
        """For each pair what each feature added to its score; they add up to it but for a constant."""
        if not len(signals):
            return []
        told = np.asarray(self._model.predict(signals, num_threads=1, pred_contrib=True))[:, :-1]
        return [dict(zip(NAMES, map(float, row), strict=True)) for row in told]

    def save(self, folder: Path) -> None:
        """Write the model and its settings into an existing `folder`."""
        text = self._model.model_to_string()
        (folder / MODEL).write_text(text, encoding="utf-8")
        said = {"config": asdict(self.config), "features": list(NAMES), "sha256": _checksum(text)}
        (folder / CONFIG).write_text(json.dumps(said), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Order:
        """Read what `save` wrote. Raises ArtifactError when it changed or was made with other features.

        The checksum comes first, because LightGBM ends the whole process over a text that is cut short.
        """
        try:
            said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            text = (folder / MODEL).read_text(encoding="utf-8")
            if tuple(said["features"]) != NAMES:
                raise ValueError("it was made with other features")
            if _checksum(text) != said["sha256"]:
                raise ValueError(f"{MODEL} isn't what was saved")
            config = SecondStageConfig(**said["config"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{folder} doesn't hold a whole second stage ({error}); train it again.") from None
        import lightgbm

        return cls(lightgbm.Booster(model_str=text), config)


class SecondStage:
    """The retriever that puts the candidates of `hybrid` into the order that was learned."""

    Config = SecondStageConfig

    def __init__(self, hybrid: Hybrid, features: Features, order: Order) -> None:
        self.hybrid, self.features, self.order = hybrid, features, order

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """(n_items,) the catalogue."""
        return self.hybrid.item_ids

    def search(self, queries: Sequence[str], k: int, *, eligible: NDArray[np.bool_] | None = None) -> Ranked:
        """The k best items of each query; scores are comparable within its list only."""
        found = self.hybrid.candidates(queries, k, eligible=eligible)
        return stacked([(rows[:k], scores[:k]) for rows, scores in map(self.ordered, found)], k)

    def trace(self, query: str, k: int, eligible: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """The hits of one query: what `Hybrid.trace` says, second_stage_score, second_stage_rank and contributions.

        contributions: what each feature added to the score, {} for hits beyond the depth that is put in order.
        """
        found = self.hybrid.candidates([query], k, eligible=eligible)[0]
        told = trace_of(found, self.item_ids).set_index(found.rows)
        rows, scores = self.ordered(found)
        first = found.first(self.order.config.depth)
        why = dict(zip(first.rows, self.order.contributions(self.features.of(first)), strict=True))
        ordered = told.loc[rows[:k]].assign(score=scores[:k], second_stage_score=scores[:k])
        ordered["second_stage_rank"] = np.arange(1, len(ordered) + 1)
        ordered["contributions"] = [why.get(row, {}) for row in rows[:k]]
        return ordered.reset_index(drop=True)

    def ordered(self, found: Candidates) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores of all candidates: those of the depth in the new order, the rest below in the old one."""
        first = found.first(self.order.config.depth)
        scores = self.order.scores(self.features.of(first))
        order = np.argsort(-scores, kind="stable")
        rest = found.rows[len(first) :]
        below = float(scores.min(initial=0.0)) - np.arange(1, len(rest) + 1, dtype=np.float32)
        return np.concatenate([first.rows[order], rest]), np.concatenate([scores[order], below]).astype(np.float32)


def examples(found: Sequence[Candidates], graded: Sequence[dict[int, float]], features: Features) -> Examples:
    """What to learn from: of each query the candidates, and the grades of its relevant items by row.

    Queries without a relevant candidate are left out: every order of them is as good.
    """
    most = max((grade for grades in graded for grade in grades.values()), default=1.0)
    least = min((grade for grades in graded for grade in grades.values()), default=0.0)
    signals, levels = [], []
    for candidates, grades in zip(found, graded, strict=True):
        if not grades.keys() & set(candidates.rows.tolist()):
            continue
        signals.append(features.of(candidates))
        levels.append([_level(grades.get(int(row)), least, most) for row in candidates.rows])
    sizes = np.array([len(one) for one in levels], dtype=np.int64)
    stacked_signals = np.concatenate(signals) if signals else np.empty((0, len(NAMES)), dtype=np.float32)
    return Examples(stacked_signals, np.array([n for one in levels for n in one], dtype=np.int64), sizes)


def _level(grade: float | None, least: float, most: float) -> int:
    if grade is None:
        return 0
    return LEVELS if most == least else 1 + round((LEVELS - 1) * (grade - least) / (most - least))


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
