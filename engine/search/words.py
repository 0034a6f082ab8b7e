"""The index of words of a workspace: built of its documents and what train reviews say of them, stored, opened."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.search.bm25 import Bm25, Bm25Config
from engine.search.documents import Documents, read_documents
from engine.search.fields import read_fields
from engine.search.review_words import read_reviews
from engine.workspace import Workspace

KIND = "bm25"
COMMAND = ".venv/bin/python scripts/train_search.py --workspace {name}"


def open_words(workspace: Workspace, documents: Documents) -> Bm25:
    """BM25 over `documents`: the stored index when it was made of them, otherwise one made now and not stored."""
    stored = _stored(workspace, documents.version)
    if stored:
        return Bm25.load(stored)
    fields = read_fields(documents.frame, documents.version, read_reviews(workspace, documents))
    return Bm25.build(fields, documents.item_ids)


def build_words(workspace: Workspace) -> Bm25:
    """Index the documents that serve by words, store the index, and return the retriever; one that is there is kept."""
    documents = read_documents(workspace)
    bm25 = open_words(workspace, documents)
    if _stored(workspace, documents.version):
        return bm25
    card = Card(
        kind=KIND,
        name=KIND,
        version=new_version(),
        config=_config(documents.version),
        data_hash=documents.version,
        split="",
        seed=0,
        libraries=library_versions("numpy", "bm25s"),
    )
    ArtifactStore(workspace).save(card, bm25.save)
    return bm25


def _stored(workspace: Workspace, documents: str) -> Path | None:
    """The stored index of words, if it was made of that version of the documents and with today's settings."""
    store = ArtifactStore(workspace)
    if KIND not in store.names(KIND):
        return None
    version = store.current(KIND, KIND, command=COMMAND.format(name=workspace.name))
    made_as = store.card(KIND, KIND, version).config
    return store.open(KIND, KIND, version) if made_as == _config(documents) else None


def _config(documents: str) -> dict[str, Any]:
    return {**asdict(Bm25Config()), "documents": documents}
