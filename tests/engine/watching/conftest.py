from __future__ import annotations

import pytest

from engine.watching.store import Store
from tests.engine.serve.conftest import database  # noqa: F401 - a fixture


@pytest.fixture
def store(database):  # noqa: F811
    """The same database, read as pages do."""
    made = Store(database.engine.url)
    yield made
    made.close()
