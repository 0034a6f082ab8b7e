"""The service over the small shop, asked over HTTP: who likes bags is known by construction."""

from __future__ import annotations

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from engine.artifacts import ArtifactStore
from engine.errors import StorageError
from engine.hiding import Hiding
from engine.recommend.pipeline import Pipeline
from engine.recommending.training import train_pipeline
from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.serve.logs import write_logs
from engine.workspace import Workspace
from tests.recommended import BAGS, GONE, HOSTILE, SHOES, SOURCES, build

ODD = "U-01"  # likes bags
EVEN = "U-00"  # likes shoes


@contextmanager
def asked(workspace: Workspace, **config):
    """A client of a running service without keys."""
    with TestClient(
        create_app(workspace.path, ServeConfig(**{"open": True, "rate": 0, "deadline": 20, **config}))
    ) as client:
        yield client


@pytest.fixture(scope="module")
def client(trained_shop, tmp_path_factory):
    """A service that tests only read from."""
    url = f"sqlite:///{tmp_path_factory.mktemp('db') / 'service.sqlite'}"
    app = create_app(trained_shop, ServeConfig(open=True, rate=0, deadline=20), database=url)
    with TestClient(app) as client:
        yield client


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def event(event_id: str, user: str = "fresh", item: str = SHOES[0], kind: str = "view", **more) -> dict:
    return {"event_id": event_id, "user_id": user, "item_id": item, "event": kind, **more}


def tell(client: TestClient, *events: dict):
    return client.post("/events", json={"events": list(events)})


def problem(answer, status: int, kind: str) -> dict:
    document = answer.json()
    assert answer.status_code == status and document["type"] == f"urn:shelfwise:problem:{kind}", answer.text
    assert answer.headers["content-type"] == "application/problem+json" and document["status"] == status
    assert document["instance"].endswith(answer.headers["x-request-id"])
    assert "Traceback" not in answer.text and ".py" not in answer.text
    return document


def test_a_user_gets_their_taste_by_the_pipeline_of_the_app(client, trained_shop):
    answer = client.get(f"/recommendations/{ODD}", params={"k": 4, "explain": True})
    assert set(ids(answer)) <= set(BAGS) and len(ids(answer)) == 4
    said = answer.json()
    assert (said["source"], said["reason"], said["known"], said["degraded"]) == ("pipeline", None, True, [])
    assert said["model"] == ArtifactStore(Workspace.open(trained_shop)).current("recommenders", "pipeline", command="")
    assert all(item["because"] for item in said["items"]) and [item["place"] for item in said["items"]] == [1, 2, 3, 4]


def test_an_unknown_user_gets_what_is_popular_and_that_is_said(client):
    said = client.get("/recommendations/nobody").json()
    assert len(said["items"]) == 10 and not said["known"] and said["source"] == "pipeline"


def test_a_category_holds(client):
    assert set(ids(client.get(f"/recommendations/{EVEN}", params={"category": "Bags", "k": 5}))) <= set(BAGS)
    document = problem(client.get(f"/recommendations/{EVEN}", params={"category": "Bag"}), 422, "unknown-category")
    assert "Bags" in document["detail"]


def test_a_session_counts_and_is_not_stored(client):
    steps = [{"item_id": item, "event": "view"} for item in SHOES[:3]]
    answer = client.post("/recommendations", json={"events": steps, "k": 5, "explain": True})
    assert ids(answer)[0] in SHOES and answer.json()["known"]
    assert not client.get("/recommendations/").is_success
    assert client.post("/recommendations", json={"events": []}).json()["known"] is False


def test_a_session_comes_after_what_is_known_of_the_user(client):
    bought = [{"item_id": item, "event": "transaction"} for item in BAGS]
    answer = client.post("/recommendations", json={"events": bought, "user_id": ODD, "k": 5})
    assert not set(ids(answer)) & set(BAGS)


def test_similar_items_are_of_the_same_taste_and_can_be_bought(client):
    said = client.get(f"/similar/{SHOES[2]}", params={"k": 8}).json()
    found = [item["item_id"] for item in said["items"]]
    assert set(found) <= set(SHOES) - {GONE, SHOES[2]} and found and said["source"] == "item_knn"
    new = client.get("/similar/new-bag").json()
    assert new["source"] == "category" and {item["item_id"] for item in new["items"]} <= set(BAGS)


def test_what_is_not_there_is_a_problem_document(client):
    problem(client.get("/similar/no-such"), 404, "not-found")
    problem(client.get("/no/such/route"), 404, "not-found")
    problem(client.get("/recommendations/a%0d%0aX-Header:%20b"), 404, "not-found")
    problem(client.post("/health"), 405, "method-not-allowed")
    problem(client.get("/items/bag-02/tags"), 503, "not-built")
    problem(client.get("/search", params={"q": "bag"}), 503, "not-built")


@pytest.mark.parametrize(
    "user_id",
    [
        HOSTILE,
        "Zoë 🛍 пользователь",
        "../../../etc/passwd",
        "..%2f..%2fworkspace.json",
        "' OR 1=1 --",
        "a/b",
        "%00x"[3:],
        "x" * 256,
    ],
)
def test_any_id_is_just_an_id(client, user_id):
    answer = client.get(f"/recommendations/{quote(user_id, safe='')}", params={"k": 3})
    assert len(ids(answer)) == 3
    assert client.get(f"/similar/{quote(user_id, safe='')}").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/recommendations/u?k=0", "/recommendations/u?k=101", "/recommendations/u?k=ten", "/recommendations/" + "x" * 257,
     "/recommendations/a%00b", "/search?q=", "/search?q=x&min_price=nan",
     "/search?q=x&min_price=3&max_price=1"],
)  # fmt: skip
def test_values_that_cannot_be_used_are_named_and_not_repeated(client, path):
    problem(client.get(path), 422, "invalid")


def test_validation_points_at_the_place_without_the_value(client):
    document = problem(tell(client, event("e", user="secret\nuser")), 422, "invalid")
    assert document["errors"][0]["pointer"] == "/body/events/0/user_id" and "secret" not in json.dumps(document)


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff\xfe", b'{"events": [NaN]}', b""])
def test_bodies_that_are_no_request_are_told_so(client, body):
    answer = client.post("/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code, "bad-request" if answer.status_code == 400 else "invalid")


def test_a_body_is_limited_whether_it_says_its_length_or_not(shop):
    with asked(shop, most_body=1000) as client:
        problem(client.post("/events", content=b"x" * 1001), 413, "too-large")
        parts = (b"x" * 100 for _ in range(11))
        answer = client.post("/events", content=parts, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413 and answer.headers["content-type"] == "application/problem+json"


def test_events_count_in_the_next_list_and_only_once(shop):
    with asked(shop) as client:
        before = client.get("/recommendations/fresh").json()
        said = tell(client, *(event(f"e{n}", item=item) for n, item in enumerate(SHOES[:3]))).json()
        assert said["stored"] == 3 and all(one["folded"] for one in said["outcomes"]) and not before["known"]
        after = client.get("/recommendations/fresh", params={"k": 5}).json()
        assert after["known"] and after["items"][0]["item_id"] in SHOES
        again = tell(client, event("e0"), event("e1", item=BAGS[0])).json()
        assert [one["outcome"] for one in again["outcomes"]] == ["duplicate", "conflict"]
        assert client.get("/recommendations/fresh", params={"k": 5}).json() == after


def test_what_is_bought_is_not_recommended_from_then_on(shop):
    with asked(shop) as client:
        first = ids(client.get(f"/recommendations/{ODD}", params={"k": 1}))[0]
        tell(client, event("bought", user=ODD, item=first, kind="transaction"))
        assert first not in ids(client.get(f"/recommendations/{ODD}", params={"k": 20}))


def test_times_are_handled_and_said(shop):
    with asked(shop) as client:
        said = tell(
            client,
            event("ahead", timestamp="2999-01-01T00:00:00Z"),
            event("late", timestamp="2024-03-01T00:00:00+05:00"),
            event("now"),
            event("unknown", item="not in the catalogue"),
            event("seen", kind="impression"),
        ).json()  # fmt: skip
        assert [one["adjusted"] for one in said["outcomes"]] == ["clock_skew", "late", None, None, None]
        assert [one["folded"] for one in said["outcomes"]] == [True, True, True, False, False]
        times = [one.micros for one in client.app.state.service.database.events_of(["fresh"])["fresh"]]
        assert max(times) <= time.time_ns() // 1000 and times == sorted(times)
        problem(tell(client, event("naive", timestamp="2024-03-01T00:00:00")), 422, "invalid")


def test_a_batch_has_a_limit_and_is_stored_whole_or_not(shop):
    with asked(shop, most_events=3) as client:
        problem(tell(client, *(event(str(n)) for n in range(4))), 413, "too-many-events")
        assert tell(client, *(event(str(n)) for n in range(3))).json()["stored"] == 3


def test_events_outlive_the_service(shop):
    with asked(shop) as client:
        tell(client, event("e", item=SHOES[4]))
    with asked(shop) as client:
        assert client.get("/recommendations/fresh").json()["known"]


def test_popular_items_within_the_deadline_when_the_models_are_slow(shop, monkeypatch):
    with asked(shop, deadline=0.05) as client:
        gather = Pipeline.gather
        monkeypatch.setattr(Pipeline, "gather", lambda *a, **b: time.sleep(0.3) or gather(*a, **b))
        said = client.get(f"/recommendations/{ODD}", params={"k": 5, "category": "Bags"}).json()
        assert (said["source"], said["reason"]) == ("popular", "deadline")
        assert {item["item_id"] for item in said["items"]} <= set(BAGS) and len(said["items"]) == 5
        assert 'shelfwise_fallbacks_total{reason="deadline",route="recommendations"} 1.0' in client.get("/metrics").text


def test_popular_items_when_a_model_breaks_and_the_log_says_where_but_not_who(shop, monkeypatch):
    with asked(shop) as client:
        lines = io.StringIO()
        write_logs(lines)

        def broken(*_, **__):
            raise ValueError(f"no such user: {ODD}")

        monkeypatch.setattr(Pipeline, "gather", broken)
        said = client.get(f"/recommendations/{ODD}").json()
        assert (said["source"], said["reason"], len(said["items"])) == ("popular", "error", 10)
        assert GONE not in {item["item_id"] for item in said["items"]}
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert ODD not in lines.getvalue() and logged[0]["error"] == "ValueError" and "broken" in logged[0]["where"][-1]
    assert logged[1]["route"] == "/recommendations/{user_id}" and logged[1]["status"] == 200


def test_popular_items_where_nothing_is_trained(tmp_path):
    with asked(build(tmp_path, trained=False)) as client:
        said = client.get(f"/recommendations/{ODD}", params={"category": "Shoes", "k": 5}).json()
        assert (said["source"], said["reason"], said["model"]) == ("popular", "no_model", None)
        assert {item["item_id"] for item in said["items"]} <= set(SHOES) and len(said["items"]) == 5
        assert client.get(f"/similar/{SHOES[1]}").json()["source"] == "category"
        assert client.get("/ready").status_code == 503 and client.get("/health").status_code == 200
        assert tell(client, event("e")).json()["stored"] == 1


def test_an_empty_store_says_so(workspace):
    with asked(workspace) as client:
        problem(client.get("/recommendations/u"), 503, "not-built")
        problem(client.get("/similar/i"), 503, "not-built")


def test_lists_go_on_when_the_database_does_not_and_events_are_to_be_sent_again(shop, monkeypatch):
    with asked(shop) as client:
        database = client.app.state.service.database

        def gone(*_):
            raise StorageError("The database of the service can't be used (OperationalError).")

        for name in ("events_of", "add", "ping"):
            monkeypatch.setattr(database, name, gone)
        said = client.get(f"/recommendations/{ODD}").json()
        assert said["source"] == "pipeline" and said["degraded"] == ["recent_events"]
        answer = tell(client, event("e"))
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] and not client.get("/ready").json()["database"]


def test_a_bug_is_a_problem_document_and_never_a_stack_trace(shop, monkeypatch):
    with asked(shop) as client:
        monkeypatch.setattr("engine.serve.finding.similar", None)
        problem(client.get("/similar/bag-01"), 500, "internal")
        assert 'shelfwise_errors_total{kind="TypeError",route="/similar/{item_id}"} 1.0' in client.get("/metrics").text


def test_a_newly_trained_pipeline_serves_without_a_restart(shop):
    with asked(shop, refresh=0.05) as client:
        old = client.get(f"/recommendations/{ODD}").json()["model"]
        train_pipeline(shop, SOURCES, seed=2, trials=3)
        new, statuses = _model_after(client, old)
        assert new > old and statuses == {200}
        info = client.get("/metrics").text
        assert f'shelfwise_model_info{{part="recommendations",version="{new}"}} 1.0' in info
        assert f'shelfwise_model_info{{part="recommendations",version="{old}"}} 0.0' in info


def test_no_request_is_dropped_while_versions_change_under_load(shop):
    with asked(shop, refresh=0.05, deadline=60) as client:
        done, answers = threading.Event(), []

        def ask() -> None:
            while not done.is_set():
                answers.append(client.get(f"/recommendations/{ODD}"))

        with ThreadPoolExecutor(3) as askers:
            for _ in range(3):
                askers.submit(ask)
            train_pipeline(shop, SOURCES, seed=3, trials=2)
            newest = ArtifactStore(shop).current("recommenders", "pipeline", command="")
            until = time.monotonic() + 30
            while time.monotonic() < until and not (answers and answers[-1].json()["model"] == newest):
                time.sleep(0.05)
            done.set()
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["source"] for answer in answers} == {"pipeline"}
    assert len({answer.json()["model"] for answer in answers}) == 2


def _model_after(client: TestClient, old: str) -> tuple[str, set[int]]:
    statuses, until = set(), time.monotonic() + 30
    while time.monotonic() < until:
        answer = client.get(f"/recommendations/{ODD}")
        statuses.add(answer.status_code)
        if answer.json()["model"] != old:
            return answer.json()["model"], statuses
    raise AssertionError("the new version never came to serve")


def test_a_damaged_version_leaves_the_old_one_serving(shop):
    with asked(shop) as client:
        old = client.get(f"/recommendations/{ODD}").json()
        card = train_pipeline(shop, SOURCES, seed=2, trials=3)
        del card
        store = ArtifactStore(shop)
        folder = store.open("recommenders", "item_knn", store.current("recommenders", "item_knn", command=""))
        next(file for file in folder.iterdir() if file.suffix == ".npz").write_bytes(b"")
        client.portal.call(client.app.state.service.refresh)
        assert client.get(f"/recommendations/{ODD}").json() == old
        ready = client.get("/ready")
        assert ready.status_code == 200 and ready.json()["parts"]["recommendations"]["behind"]
        assert 'outcome="failed",part="recommendations"' in client.get("/metrics").text


def test_what_people_hide_is_gone_with_the_next_look(shop):
    with asked(shop) as client:
        first = ids(client.get(f"/recommendations/{ODD}"))[0]
        Hiding(shop).hide([first], who="Ann")
        client.portal.call(client.app.state.service.refresh)
        assert first not in ids(client.get(f"/recommendations/{ODD}", params={"k": 30}))


def test_request_ids_are_kept_where_they_are_harmless(client):
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    for bad in ("a b", "x" * 65, "<script>"):
        assert client.get("/health", headers={"X-Request-ID": bad}).headers["x-request-id"] != bad


def test_figures_by_route_stage_and_user(client):
    client.get(f"/recommendations/{ODD}")
    text = client.get("/metrics").text
    for line in (
        'shelfwise_request_seconds_count{route="/recommendations/{user_id}"}',
        'shelfwise_stage_seconds_count{stage="gather"}',
        'shelfwise_lists_total{user="known"}',
        'shelfwise_model_made_seconds{part="recommendations"} 1.',
    ):
        assert line in text
    assert ODD not in text


def test_versions_and_readiness(client):
    assert client.get("/ready").json()["ready"]
    said = client.get("/version").json()
    assert said["service"] and said["models"]["recommendations"] and said["models"]["search"] is None


def test_the_document_of_the_api_is_whole(client):
    document = client.get("/openapi.json").json()
    asked_of = {"/recommendations", "/recommendations/{user_id}", "/similar/{item_id}", "/items/{item_id}/tags"}
    assert set(document["paths"]) == asked_of | {"/search", "/events", "/health", "/ready", "/version", "/metrics"}
    assert document["components"]["schemas"]["RecommendationsAnswer"]["examples"]
    assert "application/problem+json" in document["paths"]["/events"]["post"]["responses"]["422"]["content"]
