"""Whatever is sent, the answer is an answer or a problem document, and never a failure inside."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.serve.app import create_app
from engine.serve.config import ServeConfig

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(max_size=300)
ROUTES = st.sampled_from(["/recommendations/{}", "/similar/{}", "/items/{}/tags", "/{}"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
EVENT = st.fixed_dictionaries(
    {
        "event_id": TEXT,
        "user_id": TEXT,
        "item_id": TEXT | VALUES,
        "event": st.sampled_from(["view", "transaction", "click", "nothing"]),
    },
    optional={"timestamp": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | TEXT, "price": st.floats()},
)


@pytest.fixture(scope="module")
def client(trained_shop, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('db') / 'service.sqlite'}"
    with TestClient(create_app(trained_shop, ServeConfig(open=True, rate=0, deadline=20), database=url)) as client:
        yield client


def sound(answer) -> None:
    if answer.status_code >= 400:
        document = answer.json()
        assert document["status"] == answer.status_code and document["type"].startswith("urn:shelfwise:problem:")
        built = document["type"].endswith("not-built")
        assert answer.status_code < 500 or built, answer.text


@FEW
@given(route=ROUTES, text=TEXT.filter(lambda text: "\n" not in text), k=st.integers() | TEXT, category=TEXT)
def test_any_path_and_any_query(client, route, text, k, category):
    sound(client.get(route.format(quote(text, safe="", errors="replace")), params={"k": k}))
    sound(client.get("/recommendations/u", params={"category": category}))


@FEW
@given(body=VALUES | st.fixed_dictionaries({"events": st.lists(EVENT, max_size=5)}))
def test_any_body(client, body):
    for route in ("/events", "/recommendations"):
        sound(client.post(route, content=json.dumps(body), headers={"Content-Type": "application/json"}))


@FEW
@given(body=st.binary(max_size=200))
def test_any_bytes(client, body):
    sound(client.post("/events", content=body, headers={"Content-Type": "application/json"}))
