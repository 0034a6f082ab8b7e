"""A search over the small shop whose answers are known: real documents and words, the other retrievers made up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from engine.artifacts import ArtifactStore, Card, new_version
from engine.errors import ArtifactError, NotBuiltError
from engine.ranked import Ranked
from engine.search.bm25 import Bm25
from engine.search.documents import KIND, NAME, Document, read_documents, save_documents
from engine.search.fields import read_fields
from engine.workspace import Workspace

COMMAND = ".venv/bin/python scripts/build_search.py --workspace {name}"


def build(workspace: Workspace, *, trained: bool = True, untitled: Collection[str] = ()) -> None:
    """Documents of the workspace's items as they are, without keywords and summaries.

    trained: with a second stage, in name only; without one, search is by words. untitled: items without a title.
    """
    items = workspace.read("items").sort_values("item_id")
    tags = workspace.read("tags").groupby("item_id")["tag"].agg(tuple)
    documents = [
        Document(
            row["item_id"],
            row["item_id"] if row["item_id"] in untitled else row["title"],
            category=row["category"],
            price=row["price"],
            available=row["available"],
            rating=float(1 + place % 5),
            tags=tags.get(row["item_id"], ()),
        )
        for place, row in enumerate(items.to_dict("records"))
    ]
    data_hash = workspace.data_hash("items", "reviews", "tags")
    card = Card(KIND, NAME, new_version(), config={}, data_hash=data_hash, split="", seed=0, libraries={})
    save_documents(workspace, card, documents)
    if not trained:
        return
    made = Card("search", "second_stage", new_version(), config={}, data_hash="", split="", seed=0, libraries={})
    ArtifactStore(workspace).save(made, lambda folder: (folder / "model.txt").write_text("trees"))


class Encoder:
    """Vectors of how often each letter stands in a text."""

    def encode_queries(self, texts: Sequence[str]) -> Any:
        made = np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])
        return (made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1)).astype(np.float32)


class Index:
    """Says that it is whole."""

    problem = None


class Backwards:
    """Finds what shares words, the last first: a retriever that disagrees."""

    def __init__(self, bm25: Bm25) -> None:
        self._bm25, self.item_ids, self.encoder, self.index = bm25, bm25.item_ids, Encoder(), Index()

    def search(self, queries: Sequence[str], k: int, *, eligible: Any = None) -> Ranked:
        found = self._bm25.search(queries, len(self.item_ids), eligible=eligible)
        n = int((found.rows[0] >= 0).sum())
        rows, scores = found.rows[:, :n][:, ::-1], np.linspace(0.9, 0.5, n, dtype=np.float32)[None, :]
        return Ranked(rows[:, :k], scores[:, :k])

    def similar(self, rows: Sequence[int], k: int) -> Ranked:
        others = [row for row in range(len(self.item_ids)) if row not in rows][:k]
        return Ranked(np.array([others]), np.full((1, len(others)), 0.5, dtype=np.float32))


class Stages:
    """Words in their order, with every stage's score, and features that add up to the last; meaning is `dense`'s."""

    def __init__(self, bm25: Bm25, dense: Backwards) -> None:
        self._bm25, self.dense, self.item_ids = bm25, dense, bm25.item_ids
        self.search = bm25.search

    def trace(self, query: str, k: int, eligible: Any = None) -> pd.DataFrame:
        found = self._bm25.search([query], k, eligible=eligible)
        there = found.rows[0] >= 0
        n, words = int(there.sum()), found.scores[0][there]
        place = np.arange(1, n + 1)
        score = [sum(self._given(p).values()) for p in place]
        return pd.DataFrame(
            {
                "item_id": self.item_ids[found.rows[0][there]],
                "score": score,
                "bm25_score": words,
                "bm25_rank": place,
                "dense_score": 0.8 / place,
                "dense_rank": np.where(place > 3, 0, place),
                "second_stage_score": score,
                "second_stage_rank": place,
            }
        )

    def contributions(self, query: str, item_ids: Sequence[str], eligible: Any = None) -> dict[str, dict[str, float]]:
        found = self._bm25.search([query], len(self.item_ids), eligible=eligible).ids(self.item_ids)[0]
        return {item: self._given(found.index(item) + 1) for item in item_ids}

    @staticmethod
    def _given(place: int) -> dict[str, float]:
        return {"cosine": 2.0 / place, "title_words": 0.4, "price": -0.1 * place}


class Searching:
    """In place of engine.searching: "popular" isn't built, "hybrid" is damaged, the others answer."""

    opened: list[str]

    def __init__(self) -> None:
        self.opened = []

    def open_retriever(self, workspace: Workspace, name: str, *, encoder: str) -> Any:
        self.opened.append(f"{name} {encoder}")
        if name == "popular":
            raise NotBuiltError("Popularity", COMMAND.format(name=workspace.name))
        if name == "hybrid":
            raise ArtifactError(f"hybrid.json is damaged; build it again: {COMMAND.format(name=workspace.name)}")
        documents = read_documents(workspace)
        bm25 = Bm25.build(read_fields(documents.frame, documents.version), documents.item_ids)
        dense = Backwards(bm25)
        return {"bm25": bm25, "dense": dense, "second_stage": Stages(bm25, dense)}[name]
