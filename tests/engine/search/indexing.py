"""A workspace with documents and embeddings of a made-up encoder, small enough to be indexed in a moment."""

from __future__ import annotations

from engine.artifacts import Card, new_version
from engine.search.documents import KIND, NAME, Document, save_documents
from engine.search.embeddings import embed
from engine.workspace import Workspace
from tests.engine.search.counting import CountingEncoder


def documents(n: int) -> list[Document]:
    return [
        Document(f"sku-{place:04}", f"shoe {place}", category="Shoes" if place % 2 else "Bags", price=float(place))
        for place in range(n)
    ]


def saved(workspace: Workspace, made: list[Document]) -> None:
    save_documents(workspace, Card(KIND, NAME, new_version(), {}, "", "", 0), made)


def embedded(workspace: Workspace, n: int, encoder: CountingEncoder | None = None) -> CountingEncoder:
    """Save n documents and their vectors."""
    encoder, made = encoder or CountingEncoder(), documents(n)
    saved(workspace, made)
    embed(workspace, encoder, [one.item_id for one in made], [one.text for one in made], shard=64)
    return encoder
