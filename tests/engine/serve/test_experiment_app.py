"""An experiment over the small shop, asked over HTTP: what each user gets, what is noted, and what is told of it."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from engine.artifacts import ArtifactStore
from engine.recommending.training import KIND, PIPELINE, train_pipeline
from engine.serve import exposures
from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.serve.exposures import EXPOSURES
from engine.serve.outcomes import outcomes
from engine.serve.storage import EVENTS
from engine.serve.variants import FILE, Experiment, Variant, start_experiment, stop_experiment
from engine.workspace import Workspace
from tests.recommended import SHOES, SOURCES

STARTED = "2026-01-01T00:00:00+00:00"
USERS = [f"U-{n:02d}" for n in range(40)]


@contextmanager
def asked(workspace: Workspace, **config):
    settings = {"open": True, "rate": 0, "deadline": 20, "refresh": 1000, "retry": 1e-9, **config}
    with TestClient(create_app(workspace.path, ServeConfig(**settings))) as client:
        yield client


def refresh(client: TestClient) -> None:
    client.portal.call(client.app.state.service.refresh)


def experiment(version: str | None, name: str = "spring") -> Experiment:
    return Experiment(name, "salt", STARTED, (Variant("control", 0.5), Variant("new", 0.5, version)))


def listed(client: TestClient, user_id: str) -> dict:
    answer = client.get(f"/recommendations/{user_id}")
    assert answer.status_code == 200
    return answer.json()


def exposed(client: TestClient) -> dict[str, tuple]:
    service = client.app.state.service
    client.portal.call(service.exposures.write)
    with service.database.begin() as connection:
        return {row.user_id: row for row in connection.execute(select(EXPOSURES))}


@pytest.fixture(scope="module")
def twice_trained(trained_shop, tmp_path_factory):
    """The shop with a second version of its pipeline, the first one serving; the two versions, oldest first."""
    shop = Workspace.open(shutil.copytree(trained_shop, tmp_path_factory.mktemp("twice") / "demo"))
    train_pipeline(shop, SOURCES[1:], seed=2, trials=3)
    store = ArtifactStore(shop)
    old, new = store.versions(KIND, PIPELINE)
    store.promote(KIND, PIPELINE, old)
    return shop.path, old, new


@pytest.fixture
def trial(twice_trained, tmp_path):
    path, old, new = twice_trained
    return Workspace.open(shutil.copytree(path, tmp_path / "trial")), old, new


def test_users_get_the_version_of_their_variant_and_are_noted(trial):
    shop, old, new = trial
    test = experiment(new)
    start_experiment(shop.path, test)
    with asked(shop) as client:
        for user_id in USERS:
            said, due = listed(client, user_id), test.variant_of(user_id)
            assert (said["variant"], said["model"]) == (due.name, due.version or old) and said["degraded"] == []
        listed(client, USERS[0])
        found = exposed(client)
        assert {user: (row.variant, row.model) for user, row in found.items()} == {
            user: (test.variant_of(user).name, test.variant_of(user).version or old) for user in USERS
        }
        assert found[USERS[0]].lists == 2 and found[USERS[1]].lists == 1
        said = client.post("/recommendations", json={"events": []}).json()
        assert said["variant"] is None and said["model"] == old and len(exposed(client)) == len(USERS)
        text = client.get("/metrics").text
        count = sum(test.variant_of(user).name == "new" for user in USERS[1:]) + 2 * (
            test.variant_of(USERS[0]).name == "new"
        )
        assert f'shelfwise_variant_lists_total{{experiment="spring",variant="new"}} {count}.0' in text
        assert f'shelfwise_model_info{{part="variant:new",version="{new}"}} 1.0' in text


def test_a_variant_is_opened_over_the_models_that_it_was_measured_with(trial):
    shop, _, new = trial
    start_experiment(shop.path, experiment(new))
    with asked(shop) as client:
        slot = client.app.state.service.parts.experimenting.running.slots["new"]
        assert "item_knn" not in slot.current.value.pipeline.models


def test_nothing_is_noted_where_no_experiment_runs(shop):
    with asked(shop) as client:
        assert listed(client, "U-01")["variant"] is None and exposed(client) == {}
        assert client.get("/ready").json()["experiment"] is None


def test_an_experiment_begins_and_ends_without_a_restart(trial):
    shop, old, new = trial
    with asked(shop) as client:
        user = next(user for user in USERS if experiment(new).variant_of(user).version)
        assert listed(client, user)["model"] == old
        start_experiment(shop.path, experiment(new))
        refresh(client)
        assert listed(client, user)["model"] == new
        stop_experiment(shop.path)
        refresh(client)
        said = listed(client, user)
        assert (said["model"], said["variant"]) == (old, None)
        assert f'shelfwise_model_info{{part="variant:new",version="{new}"}} 0.0' in client.get("/metrics").text
        start_experiment(shop.path, experiment(new, "autumn"))
        refresh(client)
        assert listed(client, user)["model"] == new
        assert f'shelfwise_model_info{{part="variant:new",version="{new}"}} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_version_that_cannot_be_opened_leaves_its_users_with_everyones(trial, harm):
    shop, old, new = trial
    test = experiment("20200101-000000-000000" if harm == "missing" else new)
    start_experiment(shop.path, test)
    file = ArtifactStore(shop).open(KIND, PIPELINE, new) / "pipeline.json"
    whole = file.read_bytes()
    file.write_bytes(b"{")
    with asked(shop) as client:
        theirs = [user for user in USERS if test.variant_of(user).version]
        for user in USERS:
            said = listed(client, user)
            assert said["model"] == old and said["degraded"] == (["variant"] if user in theirs else [])
            assert said["variant"] == (None if user in theirs else "control")
        found = exposed(client)
        assert {user for user, row in found.items() if row.lists == 0} == set(theirs)
        assert {row.instead for row in found.values() if not row.lists} == {1}
        figures = {one.variant: one for one in outcomes(client.app.state.service.database, test).variants}
        assert (figures["new"].users, figures["new"].instead) == (0, len(theirs))
        ready = client.get("/ready")
        state = ready.json()["experiment"]["variants"]
        assert ready.status_code == 200 and (state["control"]["serves"], state["new"]["serves"]) == (True, False)
        text = client.get("/metrics").text
        assert f'shelfwise_variant_instead_total{{experiment="spring",variant="new"}} {len(theirs)}.0' in text
        assert 'shelfwise_variant_lists_total{experiment="spring",variant="new"} 0.0' in text
        assert 'shelfwise_model_swaps_total{outcome="failed",part="variant:new"}' in text
        if harm == "damaged":
            file.write_bytes(whole)
            refresh(client)
            assert listed(client, theirs[0])["variant"] == "new"
            row = exposed(client)[theirs[0]]
            assert (row.lists, row.instead, row.model) == (1, 1, new) and row.happened > found[theirs[0]].happened


def test_a_list_of_popular_items_is_the_variants_too(trial, monkeypatch):
    shop, _, new = trial
    test = experiment(new)
    start_experiment(shop.path, test)
    with asked(shop) as client:
        monkeypatch.setattr("engine.recommend.pipeline.Pipeline.gather", None)
        said = listed(client, "U-01")
        assert said["source"] == "popular" and said["variant"] == test.variant_of("U-01").name
        assert exposed(client)["U-01"].lists == 1


def test_a_damaged_file_leaves_the_experiment_as_it_is(trial):
    shop, _, new = trial
    test = experiment(new)
    start_experiment(shop.path, test)
    with asked(shop) as client:
        (shop.path / FILE).write_text('{"name": "other"')
        refresh(client)
        assert listed(client, "U-01")["variant"] == test.variant_of("U-01").name
        assert "experiment.json" in client.get("/ready").json()["experiment"]["problem"]
    with asked(shop) as client:  # after a restart there is no other to go on with
        assert listed(client, "U-01")["variant"] is None
        state = client.get("/ready").json()["experiment"]
        assert state["name"] is None and "experiment.json" in state["problem"]


def test_what_was_noted_is_written_before_the_service_ends(trial):
    shop, _, new = trial
    start_experiment(shop.path, experiment(new))
    with asked(shop) as client:
        listed(client, "Zoë")
    with asked(shop) as client:
        assert exposed(client)["Zoë"].lists == 1
        assert listed(client, "Zoë")["variant"] == exposed(client)["Zoë"].variant


def test_no_answer_waits_while_exposures_are_written(trial, monkeypatch):
    shop, _, new = trial
    start_experiment(shop.path, experiment(new))
    begun, go = threading.Event(), threading.Event()
    write = exposures.write_exposures

    def slow(*arguments) -> None:
        begun.set()
        assert go.wait(60)
        write(*arguments)

    with asked(shop) as client:
        monkeypatch.setattr(exposures, "write_exposures", slow)
        listed(client, "U-01")
        writing = client.portal.start_task_soon(client.app.state.service.exposures.write)
        assert begun.wait(60)
        assert listed(client, "U-02")["items"] and not writing.done()
        go.set()
        writing.result(60)
        assert set(exposed(client)) == {"U-01", "U-02"}


def test_events_and_revenue_count_by_variant_and_once(trial):
    shop, _, new = trial
    test = experiment(new)
    with asked(shop) as client:
        tell = lambda *events: client.post("/events", json={"events": list(events)})  # noqa: E731

        def bought(event_id: str, user: str, **more) -> dict:
            return {"event_id": event_id, "user_id": user, "item_id": SHOES[0], "event": "transaction", **more}

        tell(bought("a", "U-01", price=3, quantity=2))
        start_experiment(shop.path, test)
        refresh(client)
        tell(bought("a", "U-01", price=3, quantity=2), bought("b", "U-01", price=4))
        tell({**bought("c", "U-01", price=9), "event": "view"})
        text = client.get("/metrics").text
        name = test.variant_of("U-01").name
        for variant, events, revenue in (("everyone", 1, 6), (name, 1, 4)):
            assert f'shelfwise_variant_events_total{{event="transaction",variant="{variant}"}} {events}.0' in text
            assert f'shelfwise_variant_revenue_total{{variant="{variant}"}} {revenue}.0' in text
        assert f'shelfwise_variant_events_total{{event="view",variant="{name}"}} 1.0' in text
        problem = tell({**bought("d", "U-01"), "variant": "control"})
        assert problem.status_code == 422 and json.loads(problem.text)["errors"]


def test_a_transaction_without_a_price_gets_that_of_the_catalogue(shop):
    with asked(shop) as client:
        told = {"user_id": "U-01", "item_id": SHOES[0], "event": "transaction"}
        events = [
            {**told, "event_id": "free", "price": 0},
            {**told, "event_id": "none", "quantity": 3},
            {**told, "event_id": "view", "event": "view"},
            {**told, "event_id": "unknown", "item_id": "not in the catalogue"},
        ]
        assert client.post("/events", json={"events": events}).json()["stored"] == 4
        with client.app.state.service.database.begin() as connection:
            prices = {row.event_id: row.price for row in connection.execute(select(EVENTS))}
        assert prices == {"free": 0.0, "none": 22.0, "view": None, "unknown": None}
        assert 'shelfwise_variant_revenue_total{variant="everyone"} 66.0' in client.get("/metrics").text
