"""A ranker whose answers are known by construction: a weighted sum of features, unknown ones counting nothing."""

from dataclasses import dataclass

import numpy as np

from engine.rank.calibration import Calibration
from engine.rank.config import EnsembleConfig
from engine.rank.ensemble import Ensemble
from engine.rank.lists import Lists
from engine.rank.panel import Panel


@dataclass(frozen=True)
class Linear:
    """slopes: by feature name."""

    slopes: dict
    columns: tuple

    def scores(self, lists: Lists) -> np.ndarray:
        return np.array([sum(parts.values()) for parts in self.explain(lists)])

    def explain(self, lists: Lists) -> list:
        return [
            {name: float(np.nan_to_num(row[lists.names.index(name)])) * slope for name, slope in self.slopes.items()}
            for row in lists.features
        ]


@dataclass(frozen=True)
class Loyal:
    """Reads no features: items later in the stock score higher."""

    columns: tuple = ()

    def scores(self, lists: Lists) -> np.ndarray:
        return lists.items / len(lists.stock)

    def explain(self, lists: Lists) -> list:
        return [{"i000": float(item) / len(lists.stock)} for item in lists.items]


def make_ensemble(weights: dict) -> Ensemble:
    """Members' scores are taken as they are, and each member's part is its weighted score."""
    plain = {name: Calibration() for name in weights}
    return Ensemble(EnsembleConfig(members=()), plain, {name: (w,) for name, w in weights.items()}, Calibration())


def make_panel(lists: Lists, weights: dict | None = None) -> Panel:
    """Three members: one for what is popular, one for what suits, one that reads no features."""
    members = {
        "popular": Linear({"item_events": 0.01}, lists.columns),
        "suits": Linear({"pair_affinity": 1.0, "hour": 0.001}, lists.columns),
        "loyal": Loyal(),
    }
    return Panel(members, make_ensemble(weights or {"popular": 0.5, "suits": 0.3, "loyal": 0.2}))
