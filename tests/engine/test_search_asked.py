"""Judged queries in three parts: what an encoder learns from is what the second stage learns from, never test."""

from __future__ import annotations

import pandas as pd
import pytest

from engine.artifacts import Card
from engine.errors import DataError
from engine.search.documents import KIND, NAME, Document, save_documents
from engine.search_asked import asked_queries, judged_parts

THINGS = ("lamp", "kettle", "scarf", "drum", "spade", "mirror")
SEED = 3


def judge(workspace, n):
    """n queries, each with a good answer and a bad one."""
    card = Card(KIND, NAME, "1", config={}, data_hash="", split="", seed=0)
    save_documents(workspace, card, [Document(f"I-{thing}", f"A {thing}") for thing in THINGS])
    rows = [
        {
            "query_id": f"Q{i:02d}",
            "query": f"{THINGS[i % 6]} {i}",
            "item_id": f"I-{THINGS[(i + j) % 6]}",
            "relevance": r,
        }
        for i in range(n)
        for j, r in enumerate((3.0, 1.0))
    ]
    with workspace.replace_tables("test") as writer:
        writer.write("judgments", pd.DataFrame(rows).assign(source="test"))


def test_encoder_and_second_stage_learn_from_the_same_part(workspace):
    judge(workspace, 60)
    asked = asked_queries(workspace, SEED)
    assert asked.about.startswith("judged queries")
    train, valid = judged_parts(workspace, SEED)
    for pairs, part in ((train, "train"), (valid, "valid")):
        assert pairs.queries == asked.parts[part].texts
        assert all(text.endswith(query.split()[0]) for query, text in zip(pairs.queries, pairs.positives, strict=True))
        assert all(pairs.negatives)
    assert len(train) > len(valid) > 0
    assert not {*train.queries, *valid.queries} & set(asked.parts["test"].texts)


def test_too_few_judged_queries_say_what_to_do(workspace):
    judge(workspace, 9)
    with pytest.raises(DataError, match=r"Fewer than 10 queries .* import judgments"):
        judged_parts(workspace, SEED)
