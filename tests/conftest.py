from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from engine.workspace import Workspace, new_workspace

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of workspaces that scripts and the app see as theirs."""
    monkeypatch.setenv("SHELFWISE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def workspace(home: Path) -> Workspace:
    return new_workspace(home, "shop")


@pytest.fixture
def items() -> pd.DataFrame:
    return pd.DataFrame({"item_id": ["007", "1e5"], "title": ["Tote", "Boot"], "category": ["Bags", "Shoes"]})


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as at a terminal, for the test and what it starts: a shell's background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def ranked_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose workspace "demo" has recommendations and an ensemble above them; copy it to change it."""
    from tests.ranked_shop import build_ranked

    home = tmp_path_factory.mktemp("ranked")
    build_ranked(home)
    return home


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the whole demo store, shared by all tests of a run; copy it to change it."""
    from tests.demo_home import shared_home

    return shared_home(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def ranx() -> Iterator[ModuleType]:
    """A reference library, run as plain Python: compiling it takes a minute, and the cases of tests are small."""
    numba = pytest.importorskip("numba")
    numba.config.DISABLE_JIT = True
    yield pytest.importorskip("ranx")
    numba.config.DISABLE_JIT = False


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets kept beside the project; tests that need it skip where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real data is not at {REAL_DATA}")
    return REAL_DATA
