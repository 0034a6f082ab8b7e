from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.workspace import Workspace
from tests.recommended import build


@pytest.fixture(scope="session")
def trained_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop with a trained pipeline; copy it to change it, its database apart."""
    return build(tmp_path_factory.mktemp("served")).path


@pytest.fixture
def shop(trained_shop: Path, tmp_path: Path) -> Workspace:
    """A copy of the small shop."""
    return Workspace.open(Path(shutil.copytree(trained_shop, tmp_path / "demo")))
