"""The shop of two tastes with recommendations and, above them, a small ensemble; what must be ranked is known."""

from pathlib import Path

from engine.ranking.config import load_config
from engine.ranking.source import open_source
from engine.ranking.training import train_ensemble
from engine.workspace import Workspace
from tests.recommended import build

SETTINGS = (
    "preprocessing.sources=item_knn,popular,recent",
    "preprocessing.windows=2",
    "preprocessing.vectors=none",
    "models.lightgbm.rounds=15",
    "models.lightgbm.least=5",
    "models.lightgbm.patience=0",
    "models.xgboost.rounds=15",
    "models.xgboost.patience=0",
    "ensemble.members=lightgbm,xgboost",
    "training.seed=1",
)


def build_ranked(home: Path, name: str = "demo", *extra: str) -> Workspace:
    """The workspace; `extra` are further settings. The ensemble's weights are those that valid gives."""
    workspace = build(home, name)
    config = load_config(None, [*SETTINGS, *extra])
    train_ensemble(workspace, config, open_source(workspace, config))
    return workspace
