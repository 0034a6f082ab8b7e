"""Lists made together are those made one by one."""

from __future__ import annotations

import asyncio

import pytest

from engine.recommend.pipeline import Pipeline
from engine.serve.app import make_service
from engine.serve.config import ServeConfig
from engine.serve.making import Asked, Kind, make_lists
from engine.serve.storage import Event
from tests.recommended import BAGS, SHOES


@pytest.fixture
def service(shop):
    made = make_service(shop.path, ServeConfig(remember=0), None)
    made.parts.recommending.refresh()
    yield made
    made.work.close()
    made.database.close()


ASKED = [
    Asked("U-01", 5),
    Asked("nobody", 5),
    Asked("", 5, steps=[(SHOES[0], "view"), (SHOES[1], "view")]),
    Asked("U-00", 5, steps=[(BAGS[0], "transaction")]),
    Asked("fresh", 5),
    Asked("U-01", 5),
    Asked("", 5),
]


def kind(service) -> Kind:
    return Kind(service, service.parts.recommending.current.value, 5, None)


def told(made) -> list[tuple[list[int], bool, bool]]:
    return [(one.listed.rows.tolist(), one.listed.known, one.recent) for one in made]


def test_together_as_alone(service):
    service.database.add([Event("e", "fresh", BAGS[4], "view", 1, 1), Event("f", "U-01", BAGS[0], "transaction", 2, 2)])
    both = told(asyncio.run(make_lists(kind(service), ASKED)))
    assert both == [told(asyncio.run(make_lists(kind(service), [one])))[0] for one in ASKED]
    assert [known for _, known, _ in both] == [True, False, True, True, True, True, False]
    assert both[0] == both[5] and both[1] == both[6] and both[0] != both[1]


def test_whoever_breaks_it_gets_the_error_and_nobody_else(service, monkeypatch):
    gather = Pipeline.gather

    def fragile(self, histories, **more):
        if (histories.weights.indptr[1:] == histories.weights.indptr[:-1]).any():
            raise ValueError("somebody is unknown")
        return gather(self, histories, **more)

    monkeypatch.setattr(Pipeline, "gather", fragile)
    made = asyncio.run(make_lists(kind(service), ASKED))
    failed = [place for place, one in enumerate(made) if isinstance(one, ValueError)]
    assert failed == [1, 4, 6]
