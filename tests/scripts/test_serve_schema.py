"""The service keeps to its OpenAPI document: asked in every way that schemathesis thinks of, with a seed."""

from __future__ import annotations

import pytest

from tests.running import build_whole, make_key, serving

pytest.importorskip("schemathesis")


def test_nothing_that_is_asked_breaks_the_service_or_its_document(home):
    from tests.checked_schema import check_schema

    workspace = build_whole(home)
    with serving(workspace, "--deadline", "20", key=make_key(workspace)) as served:
        checked = check_schema(served.port, served.key, home, examples=8, seed=11)
    assert checked.operations == 10 and checked.asked > 400
    assert not checked.failures, checked.text[-8000:]
