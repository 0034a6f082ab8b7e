"""Judged queries in three parts: what an encoder learns from is what the second stage learns from, never test."""

from __future__ import annotations

import pandas as pd
import pytest

from engine.artifacts import ArtifactStore, Card, new_version
from engine.errors import DataError
from engine.search.documents import KIND, NAME, Document, save_documents
from engine.search.encoders import ARTIFACT
from engine.search.encoders import KIND as ENCODERS
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


def tuned(workspace, split):
    """An encoder in name only."""
    card = Card(ENCODERS, "tuned", new_version(), config={}, data_hash="", split=split, seed=0)
    ArtifactStore(workspace).save(card, lambda folder: (folder / "config.json").write_text("{}"))
    return f"{ARTIFACT}tuned"


def test_encoder_and_second_stage_share_train_and_none_reads_test(workspace):
    judge(workspace, 60)
    asked = asked_queries(workspace, SEED)
    assert asked.about.startswith("judged queries")
    pairs = judged_parts(workspace, SEED)
    rest = asked_queries(workspace, SEED, encoder=tuned(workspace, pairs.split)).parts
    assert sorted(pairs.train.queries + rest["train"].texts) == sorted(asked.parts["train"].texts)
    assert abs(len(pairs.train) - len(rest["train"])) <= 1
    assert pairs.valid.queries == rest["valid"].texts == asked.parts["valid"].texts
    assert not {*pairs.train.queries, *pairs.valid.queries} & set(rest["test"].texts)


def test_pairs_are_good_answers_beside_worse_ones(workspace):
    judge(workspace, 60)
    made = judged_parts(workspace, SEED)
    for pairs in (made.train, made.valid):
        assert all(text.endswith(query.split()[0]) for query, text in zip(pairs.queries, pairs.positives, strict=True))
        assert all(pairs.negatives)


def test_an_encoder_of_another_split_is_refused_as_it_may_know_test(workspace):
    judge(workspace, 60)
    with pytest.raises(DataError, match=r"another split; fine-tune it again .* --judged --seed 3"):
        asked_queries(workspace, SEED, encoder=tuned(workspace, judged_parts(workspace, SEED + 1).split))
    assert asked_queries(workspace, SEED, encoder=tuned(workspace, "time of reviews")).parts["train"]


def test_too_few_judged_queries_say_what_to_do(workspace):
    judge(workspace, 9)
    with pytest.raises(DataError, match=r"Fewer than 10 queries .* import judgments"):
        judged_parts(workspace, SEED)
