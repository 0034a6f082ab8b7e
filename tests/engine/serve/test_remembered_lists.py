"""Lists that are remembered, asked for over HTTP: an event, a new version, a hidden item count in the next list."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from engine.errors import StorageError
from engine.hiding import Hiding
from engine.recommend.pipeline import Pipeline
from engine.recommending.training import train_pipeline
from engine.serve.ahead import newest_users
from engine.serve.app import create_app
from engine.serve.changes import UNSURE
from engine.serve.config import ServeConfig
from engine.settings import PROJECT
from engine.workspace import Workspace
from tests.recommended import BAGS, SHOES, SOURCES
from tests.running import serving

ODD, EVEN = "U-01", "U-00"
STORE = """
import sys
from engine.serve.storage import Database, Event, database_url
from sqlalchemy.engine import make_url
made = Database(make_url(sys.argv[1]))
made.add([Event("other", sys.argv[2], sys.argv[3], "transaction", 1_800_000_000_000_000, 1)])
made.close()
"""


@contextmanager
def asked(workspace: Workspace, database: str | None = None, **config):
    settings = {"open": True, "rate": 0, "deadline": 20, "refresh": 1000, "ahead": 0, **config}
    with TestClient(create_app(workspace.path, ServeConfig(**settings), database=database)) as client:
        yield client


@pytest.fixture
def url(database) -> str:
    """Of each kind of database."""
    return database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")


def ids(client: TestClient, user: str = ODD, k: int = 5, **more) -> list[str]:
    answer = client.get(f"/recommendations/{user}", params={"k": k, **more})
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def hits(client: TestClient) -> int:
    return int(client.app.state.service.metrics.remembered_of["yes",]._value.get())


def buy(client: TestClient, event_id: str, item: str, user: str = ODD) -> None:
    told = {"event_id": event_id, "user_id": user, "item_id": item, "event": "transaction"}
    assert client.post("/events", json={"events": [told]}).json()["stored"] == 1


def test_an_event_counts_in_the_next_list_whoever_stored_it(shop, url):
    with asked(shop, url) as client:
        first = ids(client)
        assert ids(client) == first and hits(client) == 1
        other = ids(client, EVEN)
        buy(client, "own", first[0])
        second = ids(client)
        assert first[0] not in second and hits(client) == 1 and ids(client) == second and hits(client) == 2
        subprocess.run([sys.executable, "-c", STORE, url, ODD, second[0]], check=True, cwd=PROJECT)
        third = ids(client)
        assert second[0] not in third and hits(client) == 2
        assert ids(client, EVEN) == other and hits(client) == 3  # nobody else's list was forgotten


def test_two_processes_never_give_a_list_that_is_older_than_an_event(shop):
    with serving(shop, "--ahead", "0", workers=2) as service:
        for n, item in enumerate(BAGS[:8]):
            for _ in range(6):
                service.ask(f"/recommendations/{ODD}?k=12")  # both have it
            event = {"event_id": f"e{n}", "user_id": ODD, "item_id": item, "event": "transaction"}
            assert service.ask("/events", {"events": [event]})[1]["stored"] == 1
            for _ in range(6):
                said = service.ask(f"/recommendations/{ODD}?k=12")[1]
                assert not {one["item_id"] for one in said["items"]} & set(BAGS[: n + 1])
        text = urllib.request.urlopen(f"http://127.0.0.1:{service.port}/metrics").read().decode()
    (hit,) = (line for line in text.splitlines() if line.startswith('shelfwise_remembered_lists_total{hit="yes"'))
    assert float(hit.split()[-1]) > 20


def test_a_list_is_of_its_length_its_category_and_nobody_else(shop):
    with asked(shop) as client:
        plain = ids(client)
        assert ids(client, k=3) == plain[:3] and set(ids(client, category="Shoes")) <= set(SHOES) and hits(client) == 0
        assert ids(client, k=3) == plain[:3] and set(ids(client, category="Shoes")) <= set(SHOES) and hits(client) == 2
        assert ids(client, EVEN) != plain and hits(client) == 2


def test_what_is_explained_or_of_a_session_is_made_each_time(shop):
    with asked(shop) as client:
        ids(client)
        for _ in range(2):
            said = client.get(f"/recommendations/{ODD}", params={"k": 5, "explain": True}).json()
            assert all(item["because"] for item in said["items"])
            steps = [{"item_id": SHOES[0], "event": "view"}]
            assert client.post("/recommendations", json={"user_id": ODD, "events": steps, "k": 5}).status_code == 200
        assert hits(client) == 0 and ids(client) == [item["item_id"] for item in said["items"]] and hits(client) == 1


def test_a_session_leaves_nothing_behind(shop):
    with asked(shop) as client:
        steps = [{"item_id": item, "event": "transaction"} for item in BAGS]
        client.post("/recommendations", json={"user_id": ODD, "events": steps, "k": 5})
        assert set(ids(client)) <= set(BAGS) and hits(client) == 0


def test_a_new_version_and_a_hidden_item_count_at_once(shop):
    with asked(shop) as client:
        first = ids(client)
        Hiding(shop).hide([first[0]], who="Ann")
        client.portal.call(client.app.state.service.refresh)
        assert first[0] not in ids(client) and hits(client) == 0
        old = client.get(f"/recommendations/{ODD}", params={"k": 5}).json()["model"]
        train_pipeline(shop, SOURCES, seed=2, trials=3)
        client.portal.call(client.app.state.service.refresh)
        assert client.get(f"/recommendations/{ODD}", params={"k": 5}).json()["model"] > old and hits(client) == 1


def test_an_event_while_the_list_is_made_is_in_the_one_after_it(shop, monkeypatch):
    with asked(shop) as client:
        gather, service = Pipeline.gather, client.app.state.service
        bought = ids(client)[0]
        client.portal.call(service.remembered.clear)

        def slow(self, *given, **more):  # the events are read by now
            monkeypatch.setattr(Pipeline, "gather", gather)
            buy(client, "meanwhile", bought)
            return gather(self, *given, **more)

        monkeypatch.setattr(Pipeline, "gather", slow)
        assert bought in ids(client)  # nobody had told of it when this was asked
        assert bought not in ids(client) and hits(client) == 0


def test_nothing_is_remembered_without_the_events(shop, monkeypatch):
    with asked(shop) as client:
        database, remembered = client.app.state.service.database, client.app.state.service.remembered

        def gone(*_):
            raise StorageError("gone")

        with monkeypatch.context() as patch:
            patch.setattr(database, "events_of", gone)
            patch.setattr(remembered._changes, "look", lambda: UNSURE)
            for _ in range(2):
                assert client.get(f"/recommendations/{ODD}").json()["degraded"] == ["recent_events"]
        assert client.get(f"/recommendations/{ODD}").json()["degraded"] == [] and hits(client) == 0


def test_only_so_many_are_kept(shop):
    with asked(shop, remember=7) as client:
        for n in range(30):
            ids(client, f"U-{n:02d}")
        assert len(client.app.state.service.remembered) == 7
    with asked(shop, remember=0) as client:
        assert ids(client) == ids(client) and hits(client) == 0


def test_lists_are_made_ahead_for_those_who_came_last(shop, monkeypatch):
    monkeypatch.setattr("engine.serve.ahead.EVERY", 0.01)
    with asked(shop, ahead=0.9, remember=20) as client:
        service = client.app.state.service
        _until(lambda: len(service.remembered) == 20)
        log = service.parts.recommending.current.value.shop.log
        newest = newest_users(log, 20)
        assert newest[0] == "cold" and len(newest) == 20
        made = [ids(client, user, k=10) for user in newest if "<" not in user]
        assert hits(client) == len(made) == 19
        buy(client, "e", made[0][0], newest[0])
        assert made[0][0] not in ids(client, newest[0], k=10)
        Hiding(shop).hide([made[1][0]], who="Ann")
        client.portal.call(service.refresh)
        _until(lambda: len(service.remembered) == 20)
        _until(lambda: made[1][0] not in ids(client, newest[2], k=10) and hits(client) > 19)


def test_the_list_of_whoever_did_something_is_made_again_before_they_ask(shop, monkeypatch):
    monkeypatch.setattr("engine.serve.ahead.EVERY", 0.01)
    with asked(shop, ahead=0.9) as client:
        memory = client.app.state.service.remembered
        first = ids(client, ODD, k=10)
        _until(lambda: {ODD, EVEN} <= set(memory._users))
        buy(client, "e", first[0], ODD)
        key = next(iter(memory._users[EVEN]))
        _until(lambda: memory.get(key, ODD) and first[0] not in _items(client, memory.get(key, ODD)))
        before = hits(client)
        assert first[0] not in ids(client, ODD, k=10) and hits(client) == before + 1


def _items(client: TestClient, listed) -> list[str]:
    catalogue = client.app.state.service.parts.recommending.current.value.shop.catalogue
    return catalogue.item_ids[listed.rows].tolist()


def _until(done) -> None:
    until = time.monotonic() + 20
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)
