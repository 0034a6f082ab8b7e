"""Where nobody judged any query, search learns from reviews that came after the documents."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from engine.errors import DataError
from engine.runs import RunStore
from engine.search.building import build_documents
from engine.search.extraction import extract_keywords
from engine.search.index import build_index
from engine.search.order import SecondStageConfig
from engine.search.registry import RETRIEVERS
from engine.search.review_splits import current_split, split_reviews
from engine.searching import open_retriever, train_search

SAID = {
    "lamp": "bright light for reading in bed",
    "kettle": "boils water fast for tea",
    "scarf": "warm wool around the neck in winter",
    "drum": "loud noise for a party",
    "spade": "digs holes in the garden soil",
    "mirror": "shows your face while shaving",
}


def fill(workspace, n):
    """n reviews a product, one a day in turn: each says what the product is for, and how often that was said."""
    items = [{"item_id": f"{kind}-1", "title": f"A {kind}", "category": "Home"} for kind in SAID]
    start = datetime(2024, 1, 1, tzinfo=UTC)
    reviews = [
        {
            "review_id": f"R{day}",
            "item_id": f"{kind}-1",
            "text": f"It {said}, day {day}.",
            "rating": 4.0,
            "timestamp": start + timedelta(days=day),
        }
        for day, (kind, said) in enumerate(list(SAID.items()) * n)
    ]
    with workspace.replace_tables("test") as writer:
        writer.write("items", pd.DataFrame(items))
        writer.write("reviews", pd.DataFrame(reviews))
    split_reviews(workspace)
    extract_keywords(workspace, "train")
    build_documents(workspace)
    build_index(workspace)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


def test_later_reviews_teach_where_nobody_judged(workspace):
    fill(workspace, 30)
    report = train_search(workspace, config=SecondStageConfig(rounds=20, least=1), seed=0)
    assert set(report.runs) == set(RETRIEVERS.parts)
    split = current_split(workspace)
    for name, run in report.runs.items():
        assert run.split == f"time {split.hash} test" and run.eligibility.startswith("reviews as queries")
        assert set(RunStore(workspace).rows(run.id)["query_id"]) == {f"R{day}" for day in range(162, 180)}, name
    assert report.figures["second_stage"]["mrr"] > 0.9 > report.figures["popular"]["mrr"]
    assert open_retriever(workspace, "second_stage").search(["holes in the soil"], 1).rows.shape == (1, 1)


def test_too_few_later_reviews_say_what_to_do(workspace):
    fill(workspace, 10)
    with pytest.raises(DataError, match="6 later reviews and fewer than 10 judged queries; import judgments"):
        train_search(workspace, seed=0)
