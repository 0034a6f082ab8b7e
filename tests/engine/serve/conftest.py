from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import pytest

from engine.serve.storage import Database, database_url
from engine.workspace import Workspace
from tests.recommended import build

POSTGRES = os.environ.get("SHELFWISE_TEST_POSTGRES")


@pytest.fixture(scope="session")
def trained_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop with a trained pipeline; copy it to change it, its database apart."""
    return build(tmp_path_factory.mktemp("served")).path


@pytest.fixture
def shop(trained_shop: Path, tmp_path: Path) -> Workspace:
    """A copy of the small shop."""
    return Workspace.open(Path(shutil.copytree(trained_shop, tmp_path / "demo")))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """An empty database of the service, of each kind; a PostgreSQL is asked for by SHELFWISE_TEST_POSTGRES."""
    if request.param == "postgresql" and not POSTGRES:
        pytest.skip("SHELFWISE_TEST_POSTGRES names no database to test on")
    if request.param == "sqlite":
        yield from _opened(database_url(tmp_path))
        return
    server = Database(database_url(tmp_path, POSTGRES))
    name = f"test_{uuid.uuid4().hex[:12]}"
    _run(server, f"CREATE DATABASE {name}")
    yield from _opened(database_url(tmp_path, POSTGRES).set(database=name))
    _run(server, f"DROP DATABASE {name}")
    server.close()


def _opened(url):
    made = Database(url)
    made.create()
    yield made
    made.close()


def _run(server: Database, command: str) -> None:
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(command)
