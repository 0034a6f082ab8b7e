"""Tags and search over the tagged shop, asked over HTTP."""

from __future__ import annotations

import time

import pytest
from fastapi.testclient import TestClient

from engine.decisions import Decisions
from engine.search.bm25 import Bm25
from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.workflows import catalogue_predictions, train_tagger
from engine.workspace import Workspace
from tests.searched import build
from tests.tagged import fill, made


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.recording.log_run", lambda *_: None)
        workspace = fill(Workspace.create(tmp_path_factory.mktemp("home") / "shop"), made(120))
        train_tagger(workspace, "prior", seed=1)
    build(workspace, trained=False)
    return workspace


@pytest.fixture(scope="module")
def client(workspace):
    config = ServeConfig(open=True, rate=0, search_deadline=20)
    with TestClient(create_app(workspace.path, config)) as client:
        yield client


def test_tags_are_those_of_the_app_most_probable_first(client, workspace):
    said = client.get("/items/SKU-003/tags").json()
    frame = catalogue_predictions(workspace, "prior")
    own = frame[frame["item_id"] == "SKU-003"]
    assert {tag["tag"]: tag["probability"] for tag in said["tags"]} == dict(
        zip(own["tag"], own["probability"], strict=True)
    )
    chances = [tag["probability"] for tag in said["tags"]]
    assert said["tagger"] == "prior" and chances == sorted(chances, reverse=True)
    assert {tag["tag"] for tag in said["tags"] if tag["shown"]} == set(
        own["tag"][own["probability"] >= own["threshold"]]
    )
    assert client.get("/items/nothing/tags").status_code == 404


def test_what_people_decided_stands_above_the_tagger(workspace):
    decisions, item = Decisions(workspace), "SKU-004"
    frame = catalogue_predictions(workspace, "prior").query("item_id == @item").sort_values("probability")
    likely, unlikely = frame["tag"].iloc[-1], frame["tag"].iloc[0]
    with TestClient(create_app(workspace.path, ServeConfig(open=True, rate=0, refresh=0.05))) as client:
        tags = {tag["tag"]: tag for tag in client.get(f"/items/{item}/tags").json()["tags"]}
        assert tags[likely]["decision"] is None and tags[unlikely]["decision"] is None
        batches = [
            decisions.reject([(item, likely)], reason="Nobody says so", who="Ann"),
            decisions.confirm([(item, unlikely)], who="Ann"),
            decisions.add([(item, "given by hand")], who="Ann"),
            decisions.reject([(item, "never predicted")], reason="Nobody says so", who="Ann"),
        ]
        wait_until(lambda: client.get(f"/items/{item}/tags").json()["tags"][0]["decision"] == "added")
        told = client.get(f"/items/{item}/tags").json()["tags"]
        for batch in batches:
            decisions.undo(batch, who="Ann")
        wait_until(lambda: client.get(f"/items/{item}/tags").json()["tags"] == list(tags.values()))
    assert told[0] == {"tag": "given by hand", "probability": None, "decision": "added", "shown": True}
    said = {tag["tag"]: (tag["decision"], tag["shown"]) for tag in told}
    assert said[likely] == ("rejected", False) and said[unlikely] == ("confirmed", True)
    assert "never predicted" not in said and len(told) == len(tags) + 1


def wait_until(ready):
    end = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_query_finds_by_the_best_retriever_that_is_built(client, workspace):
    title = workspace.read("items").set_index("item_id").loc["SKU-005", "title"]
    said = client.get("/search", params={"q": title, "k": 5}).json()
    assert said["source"] == "bm25" and said["reason"] is None and said["items"][0]["item_id"] == "SKU-005"


def test_filters_hold_and_names_there_are_not_are_told(client):
    said = client.get("/search", params={"q": "SKU Bags Shoes item", "category": "Bags", "k": 100}).json()
    assert {item["category"] for item in said["items"]} <= {"Bags"}
    answer = client.get("/search", params={"q": "bag", "category": "Bagz"})
    assert answer.status_code == 422 and "Bags" in answer.json()["detail"]


@pytest.mark.parametrize("wrong", ["slow", "broken"])
def test_a_search_that_fails_shows_popular_items_that_pass_and_says_so(workspace, monkeypatch, wrong):
    def search(*_, **__):
        if wrong == "broken":
            raise ValueError(wrong)
        time.sleep(0.3)

    with TestClient(create_app(workspace.path, ServeConfig(open=True, search_deadline=0.1))) as client:
        monkeypatch.setattr(Bm25, "search", search)
        monkeypatch.delattr(Bm25, "trace", raising=False)
        said = client.get("/search", params={"q": "bag", "category": "Shoes", "k": 3}).json()
    assert said["source"] == "popular" and said["reason"] == {"slow": "deadline", "broken": "error"}[wrong]
    assert [item["category"] for item in said["items"]] == ["Shoes"] * 3
