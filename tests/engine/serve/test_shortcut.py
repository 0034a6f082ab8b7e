"""What is answered without FastAPI is answered as FastAPI does, and by the form that the document of the API shows."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from engine.serve import shortcut
from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.serve.schemas import RecommendationsAnswer
from tests.recommended import HOSTILE

ODD = "U-01"
PLAIN = ["", "?k=1", "?k=7", "?k=100", "?k=10"]
ODD_QUERIES = ["?k=0", "?k=101", "?k=007", "?k=ten", "?k=", "?k=5&k=6", "?k=%35", "?category=Bags", "?k=5&explain=true"]
USERS = [ODD, "nobody", HOSTILE, "Zoë 🛍 пользователь", "a/b", "..%2f..", "x" * 256]
WRONG = ["", "x" * 257, "a\nb", "a\x00b", "\x7f"]


@pytest.fixture(scope="module")
def client(trained_shop, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('db') / 'service.sqlite'}"
    app = create_app(trained_shop, ServeConfig(open=True, rate=0, deadline=20, ahead=0), database=url)
    with TestClient(app) as client:
        yield client


def both(client: TestClient, path: str, monkeypatch, **more) -> tuple:
    """The answer with the shortcut and without it, apart from what is of the request."""
    found = []
    for short in (True, False):
        with monkeypatch.context() as patch:
            if not short:
                patch.setattr(shortcut, "plain", lambda scope: None)
            answer = client.get(path, **more)
        own = answer.headers["x-request-id"]
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        found.append((answer.status_code, answer.content.replace(own.encode(), b"ID"), headers))
    return tuple(found)


def taken(client: TestClient, path: str, monkeypatch) -> bool:
    """Whether the shortcut takes it."""
    seen, plain = [], shortcut.plain
    monkeypatch.setattr(shortcut, "plain", lambda scope: seen.append(plain(scope)) or seen[-1])
    client.get(path)
    return seen[0] is not None


@pytest.mark.parametrize("query", [*PLAIN, *ODD_QUERIES])
def test_the_same_bytes_with_and_without_it(client, query, monkeypatch):
    one, other = both(client, f"/recommendations/{ODD}{query}", monkeypatch)
    assert one == other
    assert taken(client, f"/recommendations/{ODD}{query}", monkeypatch) == (query in PLAIN)


@pytest.mark.parametrize("user", [*USERS, *WRONG])
def test_the_same_for_any_user(client, user, monkeypatch):
    path = f"/recommendations/{quote(user, safe='%/')}?k=3"
    one, other = both(client, path, monkeypatch)
    assert one == other and one[0] == (200 if user in USERS else one[0])
    assert taken(client, path, monkeypatch) == (user in USERS)


@pytest.mark.parametrize("query", ["?k=5", "?k=5&explain=true", "?k=30&category=Bags"])
@pytest.mark.parametrize("user", [ODD, "nobody"])
def test_the_bytes_are_those_of_the_documented_form(client, user, query):
    answer = client.get(f"/recommendations/{user}{query}")
    form = RecommendationsAnswer.model_validate_json(answer.content, strict=True)
    assert set(answer.json()) == set(RecommendationsAnswer.model_fields) and form.items
    assert form.model_dump(mode="json") == answer.json()
    assert list(answer.json()["items"][0]) == list(type(form.items[0]).model_fields)


def test_a_popular_list_is_of_the_form_too(client, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("engine.recommend.pipeline.Pipeline.gather", None)
        answer = client.get("/recommendations/U-09?k=4")
    form = RecommendationsAnswer.model_validate_json(answer.content, strict=True)
    assert (form.source, form.reason, form.known, form.model, len(form.items)) == ("popular", "error", False, None, 4)
    assert form.model_dump(mode="json") == answer.json()


def test_it_is_counted_and_logged_by_the_route(client):
    client.get(f"/recommendations/{ODD}?k=2")
    line = 'shelfwise_requests_total{method="GET",route="/recommendations/{user_id}",status="200"}'
    assert line in client.get("/metrics").text


def test_other_methods_and_routes_are_left_alone(client):
    assert client.post("/recommendations/x").status_code == 405 and client.head(f"/recommendations/{ODD}").status_code
    assert client.get("/health").status_code == 200


def test_keys_and_limits_hold(shop, monkeypatch):
    app = create_app(shop.path, ServeConfig(rate=0.001, burst=3, deadline=20, ahead=0))
    with TestClient(app) as client:
        keys = app.state.service.keys
        reads, tells = ({"Authorization": f"Bearer {keys.make('shop', [scope])}"} for scope in ("read", "events"))
        path = f"/recommendations/{ODD}"
        assert client.get(path).status_code == 401 and client.get(path, headers=tells).status_code == 403
        assert client.get(path, headers={"Authorization": "Bearer no"}).status_code == 401
        assert client.get(path, headers={"Authorization": reads["Authorization"][7:]}).status_code == 401
        statuses = [client.get(path, headers=reads).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = client.get(path, headers=reads)
        assert refused.headers["content-type"] == "application/problem+json" and refused.headers["retry-after"]
        assert refused.json()["type"].endswith("too-many-requests")
        assert refused.json()["instance"].endswith(refused.headers["x-request-id"])
