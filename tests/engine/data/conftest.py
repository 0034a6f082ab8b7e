"""What the tests of readers share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.data.base import ImportReport, Reader

Collected = tuple[dict[str, list[dict[str, Any]]], ImportReport]


@pytest.fixture
def collect() -> Callable[..., Collected]:
    """Run a reader over paths: the values of its rows by table, and its report."""

    def run(reader: Reader, *paths: Path) -> Collected:
        report = ImportReport()
        tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in reader.rows(paths, report):
            assert row.file and row.line > 0
            tables[row.table].append(dict(row.values))
        return tables, report

    return run
