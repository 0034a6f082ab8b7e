"""What goes wrong around the service, for real: the answers that are left, and that nothing acknowledged is lost."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event as alchemy

from engine.artifacts import ArtifactStore
from engine.recommending.training import train_pipeline
from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.serve.storage import FILE
from engine.workspace import Workspace
from tests.recommended import BAGS, SHOES, SOURCES

ODD = "U-01"  # likes bags


@contextmanager
def asked(workspace: Workspace, **config):
    """A client of a running service without keys, unless they are asked for."""
    settings = {"open": True, "rate": 0, "deadline": 20, **config}
    with TestClient(create_app(workspace.path, ServeConfig(**settings))) as client:
        yield client


def told(*numbers: int, user: str = "fresh", item: str = BAGS[0]) -> dict:
    return {"events": [{"event_id": f"e{n}", "user_id": user, "item_id": item, "event": "view"} for n in numbers]}


def kind(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def look(client: TestClient) -> dict:
    client.portal.call(client.app.state.service.refresh)
    return client.get("/ready").json()["parts"]["recommendations"]


def model(workspace: Workspace, name: str):
    store = ArtifactStore(workspace)
    return store.open("recommenders", name, store.current("recommenders", name, command=""))


def remove(workspace: Workspace) -> None:
    shutil.rmtree(model(workspace, "item_knn"))


def remove_all(workspace: Workspace) -> None:
    shutil.rmtree(workspace.path / "artifacts")


def truncate(workspace: Workspace) -> None:
    file = max(model(workspace, "item_knn").iterdir(), key=lambda file: file.stat().st_size)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def make_other_version(workspace: Workspace) -> None:
    """A folder that a newer release may have written: its card has fields that this one doesn't know."""
    card = model(workspace, "pipeline") / "card.json"
    card.write_text(card.read_text(encoding="utf-8").replace('"kind"', '"format": 99, "kind"'), encoding="utf-8")


def point_nowhere(workspace: Workspace) -> None:
    (model(workspace, "pipeline").parent / "CURRENT").write_text("20990101-000000-000000\n", encoding="utf-8")


def spoil_pointer(workspace: Workspace) -> None:
    (model(workspace, "pipeline").parent / "CURRENT").write_bytes(b"\xff\x00")


def spoil_workspace(workspace: Workspace) -> None:
    (workspace.path / "workspace.json").write_text("{", encoding="utf-8")


FAULTS = [remove, remove_all, truncate, make_other_version, point_nowhere, spoil_pointer, spoil_workspace]


@pytest.mark.parametrize("spoil", FAULTS)
def test_what_serves_goes_on_whatever_becomes_of_its_folder(shop, spoil):
    with asked(shop) as client:
        before = client.get(f"/recommendations/{ODD}").json()
        spoil(shop)
        look(client)
        assert client.get(f"/recommendations/{ODD}").json() == before and before["source"] == "pipeline"
        assert client.get("/ready").status_code == 200


@pytest.mark.parametrize("spoil", FAULTS[:-1])
def test_a_service_that_starts_with_a_spoiled_model_shows_what_is_popular_until_there_is_one(shop, spoil):
    spoil(shop)
    with asked(shop, retry=0.01) as client:
        said = client.get(f"/recommendations/{ODD}", params={"k": 5}).json()
        assert (said["source"], said["reason"], len(said["items"])) == ("popular", "no_model", 5)
        assert client.get("/ready").status_code == 503 and client.post("/events", json=told(1)).status_code == 200
        if spoil is not make_other_version:
            shutil.rmtree(shop.path / "artifacts", ignore_errors=True)
        train_pipeline(shop, SOURCES, seed=2, trials=2)
        assert look(client)["version"]
        assert client.get(f"/recommendations/{ODD}").json()["source"] == "pipeline"


def test_a_service_starts_over_a_workspace_that_cannot_be_read(shop):
    spoil_workspace(shop)
    with asked(shop) as client:
        assert client.get("/health").status_code == 200
        assert kind(client.get(f"/recommendations/{ODD}")) == (503, "not-built")


def test_a_database_that_is_locked_is_waited_for_a_while_and_lists_go_on(shop):
    with asked(shop, store_deadline=0.3) as client:
        other = sqlite3.connect(shop.path / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answer = client.post("/events", json=told(1))
        assert kind(answer) == (503, "unavailable") and answer.headers["retry-after"]
        said = client.get(f"/recommendations/{ODD}").json()
        assert said["source"] == "pipeline" and said["degraded"] == []
        other.execute("COMMIT")
        other.close()
        said = client.post("/events", json=told(1)).json()  # the first try may have come through after its deadline
        assert said["stored"] + said["duplicates"] == 1


def take_away(workspace: Workspace) -> None:
    away = workspace.path / "away"
    away.mkdir()
    for file in workspace.path.glob(f"{FILE}*"):
        file.rename(away / file.name)


def bring_back(workspace: Workspace) -> None:
    for file in (workspace.path / "away").iterdir():
        file.rename(workspace.path / file.name)


def test_keys_open_while_the_database_does_not_answer_and_new_ones_must_wait(shop):
    with asked(shop, open=False, keys_for=0.001, store_deadline=0.2, deadline=5) as client:
        service = client.app.state.service
        known, new = (
            {"Authorization": f"Bearer {service.keys.make(name, ['read', 'events'])}"} for name in ("known", "new")
        )
        assert client.get(f"/recommendations/{ODD}", headers=known).status_code == 200
        take_away(shop)
        assert client.get(f"/recommendations/{ODD}", headers=known).json()["source"] == "pipeline"
        assert kind(client.get(f"/recommendations/{ODD}", headers=new)) == (503, "unavailable")
        assert kind(client.post("/events", json=told(1), headers=known)) == (503, "unavailable")
        bring_back(shop)
        assert client.get(f"/recommendations/{ODD}", headers=new).status_code == 200
        service.keys.withdraw(known["Authorization"].split("_")[1])
        time.sleep(0.01)
        assert client.get(f"/recommendations/{ODD}", headers=known).status_code == 401


def test_a_database_that_is_gone_acknowledges_nothing_and_goes_on_where_it_was_when_it_is_back(shop):
    with asked(shop) as client:
        assert client.post("/events", json=told(1)).json()["stored"] == 1
        take_away(shop)
        assert kind(client.post("/events", json=told(2))) == (503, "unavailable")
        assert not client.get("/ready").json()["database"]
        assert client.get(f"/recommendations/{ODD}").json()["source"] == "pipeline"
        assert not (shop.path / FILE).exists()
        bring_back(shop)
        assert client.post("/events", json=told(1, 2)).json()["outcomes"][0]["outcome"] == "duplicate"
        assert client.get("/ready").json()["database"]


def test_a_database_that_is_no_database_is_told_as_one_that_is_gone(shop):
    with asked(shop) as client:
        client.post("/events", json=told(1))
        for file in shop.path.glob(f"{FILE}*"):  # the log too: by it alone a whole database could be read
            file.unlink()
        (shop.path / FILE).write_bytes(b"no database " * 1000)
        assert kind(client.post("/events", json=told(2))) == (503, "unavailable")
        assert client.get(f"/recommendations/{ODD}").json()["degraded"] == ["recent_events"]


def test_a_full_database_acknowledges_nothing_and_goes_on_when_there_is_room(shop):
    with asked(shop) as client:
        engine = client.app.state.service.database.engine
        pages = sqlite3.connect(shop.path / FILE).execute("PRAGMA page_count").fetchone()[0]
        engine.dispose()
        alchemy.listen(engine, "connect", limit := lambda raw, _: raw.execute(f"PRAGMA max_page_count={pages + 2}"))
        acknowledged, statuses = set(), Counter()
        for start in range(0, 2000, 100):
            answer = client.post("/events", json=told(*range(start, start + 100), user="x" * 200))
            statuses[answer.status_code] += 1
            if answer.status_code == 200:
                acknowledged |= set(range(start, start + 100))
        assert set(statuses) <= {200, 503} and statuses[503]
        assert client.get(f"/recommendations/{ODD}").json()["source"] == "pipeline"
        alchemy.remove(engine, "connect", limit)
        engine.dispose()
        said = client.post("/events", json={"events": told(*range(1000), user="x" * 200)["events"]}).json()
        first = sum(number < 1000 for number in acknowledged)
        assert (said["duplicates"], said["stored"]) == (first, 1000 - first)


def test_a_slow_disk_holds_up_events_only(shop):
    with asked(shop) as client:
        engine, goes_on = client.app.state.service.database.engine, threading.Event()
        begun = threading.Semaphore(0)

        @alchemy.listens_for(engine, "commit")
        def slowly(connection) -> None:
            if connection.connection.in_transaction:
                begun.release()
                goes_on.wait(20)

        with ThreadPoolExecutor(1) as senders:
            sent = senders.submit(client.post, "/events", json=told(1))
            begun.acquire(timeout=10)
            said = client.get(f"/recommendations/{ODD}", params={"k": 3}).json()
            waiting = not sent.done()
            goes_on.set()
            assert waiting and said["source"] == "pipeline" and sent.result(20).json()["stored"] == 1


def test_a_burst_from_many_clients_is_stored_once_and_each_hears_what_became_of_its_own(shop):
    with asked(shop, store_deadline=60) as client:
        requests = [told(n, n + 1, user=f"u{n}") for n in range(0, 400, 2)] * 2
        with ThreadPoolExecutor(16) as senders:
            answers = list(senders.map(lambda body: client.post("/events", json=body), requests))
        assert {answer.status_code for answer in answers} == {200}
        for answer, body in zip(answers, requests, strict=True):
            own = [one["event_id"] for one in body["events"]]
            assert [one["event_id"] for one in answer.json()["outcomes"]] == own
        assert sum(answer.json()["stored"] for answer in answers) == 400
        assert sum(answer.json()["duplicates"] for answer in answers) == 400


def test_a_conflict_is_told_to_its_own_request_when_many_are_stored_together(shop):
    with asked(shop, store_deadline=60) as client:
        bodies = [told(n // 4, user=f"u{n // 4}", item=(BAGS + SHOES)[n % 4]) for n in range(160)]
        with ThreadPoolExecutor(16) as senders:
            answers = list(senders.map(lambda body: client.post("/events", json=body).json(), bodies))
        outcomes = [
            Counter(answers[place]["outcomes"][0]["outcome"] for place in range(n, n + 4)) for n in range(0, 160, 4)
        ]
        assert outcomes == [Counter(stored=1, conflict=3)] * 40


def test_clocks_at_the_ends_of_time(shop):
    with asked(shop) as client:
        moments = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T23:59:59Z"]
        for place, moment in enumerate(moments):
            body = told(place)
            body["events"][0]["timestamp"] = moment
            assert client.post("/events", json=body).status_code in (200, 422)
        assert client.get("/recommendations/fresh").json()["source"] == "pipeline"


@pytest.mark.parametrize(
    "body",
    [
        b'{"events": [{"event_id": "\\ud800", "user_id": "u", "item_id": "i", "event": "view"}]}',
        b'{"events": [{"event_id": "e", "user_id": "u", "item_id": "i", "event": "view", "price": 1e999}]}',
        b'{"events": [{"event_id": "e", "user_id": "u", "item_id": "i", "event": "view", "price": Infinity}]}',
        b'{"events": [{"event_id": "e", "user_id": "u", "item_id": "i", "event": "view", "price": '
        + b"9" * 5000
        + b"}]}",
        b'{"events": [{"event_id": "e", "user_id": "u", "item_id": "i", "event": "view", "timestamp": 1e10}]}',
        b'{"events": [{"event_id": "e", "user_id": "u", "item_id": "i", "event": "view", "timestamp": "1700000000"}]}',
        b'{"events": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"events": [' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"]}",
        b'{"events": [], "events": {"0": {}}}',
        b"null",
        b"\x00",
    ],
)
def test_hostile_json_is_told_so_and_nothing_is_stored(shop, body):
    with asked(shop) as client:
        answer = client.post("/events", content=body, headers={"Content-Type": "application/json"})
        assert kind(answer) in ((422, "invalid"), (400, "bad-request"))
        session = body.replace(b'"event_id": "e", ', b"")
        answer = client.post("/recommendations", content=session, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_other_content_types_are_refused(shop, content_type):
    with asked(shop) as client:
        answer = client.post("/events", content=b"a=b", headers={"Content-Type": content_type})
        assert kind(answer) in ((422, "invalid"), (400, "bad-request"))


def test_parameters_that_come_twice_count_once(shop):
    with asked(shop) as client:
        assert len(client.get(f"/recommendations/{ODD}?k=2&k=3").json()["items"]) == 3
        assert kind(client.get(f"/recommendations/{ODD}?k=2&k=x")) == (422, "invalid")
        assert client.get(f"/recommendations/{ODD}?k=2&unknown=1").status_code == 200


def test_headers_of_an_answer_hold_nothing_that_was_sent(shop):
    with asked(shop) as client:
        answer = client.get("/recommendations/a%0d%0aSet-Cookie:%20a=b%20", headers={"X-Request-ID": b"\xe9, b"})
        assert "set-cookie" not in answer.headers and "é" not in str(answer.headers)
