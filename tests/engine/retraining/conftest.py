from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from recommended import build

from engine.workspace import Workspace


def quiet(patch: pytest.MonkeyPatch) -> None:
    """MLflow's copy of each run and model takes most of a small retraining's time, and has tests of its own."""
    for name in ("log_run", "log_training"):
        patch.setattr(f"engine.recording.{name}", lambda *arguments, **named: None)


@pytest.fixture(autouse=True)
def without_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet(monkeypatch)


@pytest.fixture(scope="session")
def trained_for_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop with a trained pipeline; copy it to change it."""
    with pytest.MonkeyPatch.context() as patch:
        quiet(patch)
        return build(tmp_path_factory.mktemp("retrained")).path


@pytest.fixture
def shop(trained_for_days: Path, home: Path) -> Workspace:
    """A copy of the small shop that scripts see as theirs."""
    return Workspace.open(Path(shutil.copytree(trained_for_days, home / "demo")))
