from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from recommended import build

from engine.workspace import Workspace


@pytest.fixture(scope="session")
def trained_for_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop with a trained pipeline; copy it to change it."""
    return build(tmp_path_factory.mktemp("retrained")).path


@pytest.fixture
def shop(trained_for_days: Path, home: Path) -> Workspace:
    """A copy of the small shop that scripts see as theirs."""
    return Workspace.open(Path(shutil.copytree(trained_for_days, home / "demo")))
