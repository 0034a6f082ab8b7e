"""Who may ask what, over HTTP."""

from __future__ import annotations

import io

import pytest
from fastapi.testclient import TestClient

from engine.errors import StorageError
from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.serve.logs import write_logs


@pytest.fixture
def app(workspace):
    return create_app(workspace.path, ServeConfig(rate=1, burst=5))


@pytest.fixture
def client(app):
    with TestClient(app) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def kind(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


ROUTES = ["/recommendations/u", "/similar/i", "/items/i/tags", "/search?q=x", "/metrics"]


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_asks_without_a_key(client, route):
    for headers in ({}, bearer(""), bearer("shw_1_2"), bearer("x" * 9000), {"Authorization": "Basic dTpw"}):
        answer = client.get(route, headers=headers)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert client.post("/events", json={"events": []}).status_code == 401
    assert client.post("/recommendations", json={"events": []}).status_code == 401


def test_health_needs_no_key(client):
    assert client.get("/health").status_code == 200
    assert {client.get(path).status_code for path in ("/version", "/openapi.json")} == {200}


def test_a_key_does_what_it_was_made_for_and_nothing_else(app, client):
    key = app.state.service.keys.make("shop", ["read"])
    assert kind(client.get("/recommendations/u", headers=bearer(key))) == (503, "not-built")
    assert kind(client.get("/metrics", headers=bearer(key))) == (403, "scope")
    told = {"events": [{"event_id": "e", "user_id": "u", "item_id": "i", "event": "view"}]}
    assert kind(client.post("/events", json=told, headers=bearer(key))) == (403, "scope")
    assert client.get("/metrics", headers=bearer(app.state.service.keys.make("p", ["metrics"]))).status_code == 200


def test_a_key_that_asks_too_often_is_told_when_to_come_again_and_others_are_not(app, client):
    one, other = (app.state.service.keys.make(name, ["read"]) for name in ("a", "b"))
    answers = [client.get("/similar/i", headers=bearer(one)) for _ in range(7)]
    assert kind(answers[-1]) == (429, "too-many-requests") and answers[-1].headers["retry-after"] == "1"
    assert answers[0].status_code == 503 and client.get("/similar/i", headers=bearer(other)).status_code == 503


def test_whoever_tries_out_keys_is_slowed_down(client):
    answers = [client.get("/similar/i", headers=bearer(f"shw_{n}_{n}")) for n in range(7)]
    assert kind(answers[0]) == (401, "unknown-key") and kind(answers[-1]) == (429, "too-many-requests")


def test_keys_that_cannot_be_checked_open_nothing(app, client, monkeypatch):
    key = app.state.service.keys.make("shop", ["read"])

    def gone(_):
        raise StorageError("The database of the service can't be used (OperationalError).")

    monkeypatch.setattr(app.state.service.keys, "_find", gone)
    assert kind(client.get("/recommendations/u", headers=bearer(key))) == (503, "unavailable")


def test_the_log_names_the_key_by_its_public_part_only(app, client):
    key = app.state.service.keys.make("shop", ["read"])
    write_logs(lines := io.StringIO())
    client.get("/recommendations/somebody", headers=bearer(key))
    app.state.service.lines.write()
    logged = lines.getvalue()
    assert key.split("_")[1] in logged and key.split("_")[2] not in logged and "somebody" not in logged
