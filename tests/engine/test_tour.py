"""The tour's stories are looked up in the data, and say so when there is nothing to tell."""

import pandas as pd
import pytest

from engine.runs import RunStore, new_run
from engine.sql import Queries
from engine.tour import stories


def save(workspace, model, ranks):
    hits = [[*(f"x{j}" for j in range(rank - 1)), "right"] for rank in ranks]
    rows = {"query_id": [f"q{i}" for i in range(len(ranks))], "hits": hits, "relevant": [["right"]] * len(ranks)}
    run = new_run("search", model, config={}, data_hash="d", split="s", seed=1, eligibility="all")
    return RunStore(workspace).save(run, pd.DataFrame(rows)).id


@pytest.fixture
def store(workspace):
    when = pd.Timestamp("2024-06-01", tz="UTC")
    items = [{"item_id": name, "title": f"leather {name}", "category": "Bags"} for name in ("bag", "tote")]
    review = {"review_id": "r", "item_id": "tote", "text": "the zip jams", "timestamp": when}
    judged = [
        {"query_id": "1", "query": "leather bag", "item_id": "bag", "relevance": 2.0, "source": "people"},
        {"query_id": "2", "query": "something for school", "item_id": "bag", "relevance": 2.0, "source": "people"},
    ]
    with workspace.replace_tables("plain") as writer:
        writer.write("items", pd.DataFrame(items))
        writer.write("reviews", pd.DataFrame([review]))
        writer.write("tags", pd.DataFrame([{"item_id": "tote", "tag": "zip jams", "source": "human"}]))
        writer.write("judgments", pd.DataFrame(judged))
        event = {"user_id": "u", "item_id": "tote", "event": "view", "timestamp": when}
        writer.write("events", pd.DataFrame([event]))
    return workspace


def told(workspace, tasks=None):
    return {story.key: story for story in stories(Queries(workspace), tasks)}


def test_stories_are_about_what_the_data_hold(store):
    found = told(store, pd.DataFrame({"kind": ["hidden gem"], "item_id": ["bag"], "title": ["leather bag"]}))
    assert dict(found["complaint"].steps[0].parameters) == {"sku": "tote", "tag": "zip jams"}
    assert found["query"].steps[0].parameters["q"] == "something for school"
    assert found["newcomer"].steps[1].parameters["add"] == "tote:addtocart"
    assert found["hidden"].steps[1].parameters == {"sku": "bag"}


def test_a_lead_that_is_none_is_found_and_a_clear_one_is_not(store):
    base = save(store, "bm25", [1, 2] * 20 + [11])
    save(store, "dense", [11] * 30 + [1] * 11)
    assert told(store)["no lead"].steps == ()
    close = save(store, "hybrid", [2, 1] * 20 + [10])
    step = told(store)["no lead"].steps[0]
    assert step.parameters == {"room": "search", "beside": base, "run": close}
    assert "hybrid against bm25: Recall@10 +0.024" in step.said


def test_an_empty_workspace_says_what_is_missing(workspace):
    with workspace.replace_tables("plain") as writer:
        writer.write("items", pd.DataFrame({"item_id": ["a"], "title": ["a"], "category": ["Bags"]}))
    found = told(workspace)
    assert len(found) == 5 and all(not story.steps and story.missing for story in found.values())
