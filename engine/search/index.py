"""The index of a catalogue's vectors: one Chroma directory per version, made from the embeddings and disposable.

One builder writes it beside the versions, verifies it (samples must find themselves) and closes it; then it is put in
place and the pointer flips. Nobody writes to it again: what changes on the disk is damage, found by checksums when it
is opened. Then, and for filters that keep few and for small catalogues, the embeddings are searched exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.atomic import remove, storage_errors
from engine.errors import ArtifactError, StorageError, shown
from engine.search.documents import read_documents
from engine.search.embeddings import COMMAND, Embeddings, embed, open_embeddings
from engine.search.embeddings import KIND as EMBEDDINGS
from engine.search.encoders import EMBEDDED, EncoderConfig, load_encoder, slug
from engine.search.indexed import LEAST_RECALL, Index, IndexConfig, graph_recall, verify
from engine.settings import load_chroma_address
from engine.workspace import Workspace

__all__ = ["Index", "IndexConfig", "build_index", "index_embeddings", "open_index"]

KIND, FOLDER = "index", "chroma"
KEPT = 2  # versions: the one that serves, and the one before it for whoever has it open
FILTERED = ("category", "brand", "price", "rating", "available")  # of the documents, kept beside each vector


def build_index(
    workspace: Workspace,
    encoder: str = EMBEDDED,
    *,
    encoding: EncoderConfig | None = None,
    config: IndexConfig | None = None,
    chroma: str | None = None,
    on_done: Callable[[int], None] | None = None,
) -> Card:
    """Embed what is new in the workspace's documents and build the index that serves; nothing to do keeps it.

    chroma: address of a Chroma server that takes the index instead of a folder. on_done(n): n more documents are
    embedded. Raises NotBuiltError when documents are missing, StorageError when another process builds.
    """
    documents = read_documents(workspace)
    loaded = load_encoder(encoder, workspace=workspace, config=encoding)
    embed(workspace, loaded, documents.item_ids.tolist(), documents.texts, on_done=on_done)
    return index_embeddings(workspace, encoder, config=config, chroma=chroma)


def index_embeddings(
    workspace: Workspace, encoder: str = EMBEDDED, *, config: IndexConfig | None = None, chroma: str | None = None
) -> Card:
    """Build the index of the embeddings that serve; one that is there already, whole and of these, is kept.

    Raises ArtifactError when samples don't find themselves in what was built, StorageError when another process builds.
    """
    with _building(workspace, encoder) as folder:
        embeddings, config = open_embeddings(workspace, encoder), config or IndexConfig()
        card = _card(encoder, embeddings, config, chroma)
        kept = _kept(workspace, card)
        if kept is not None:
            return kept
        recall = _write(folder, card, embeddings, _metadata(workspace, embeddings), chroma)
        card = replace(card, metrics={"recall@100": round(recall, 4)})
        stored = ArtifactStore(workspace).save(card, lambda place: _move(folder, place))
        _prune(workspace, encoder, chroma)
        return stored


def open_index(
    workspace: Workspace,
    encoder: str = EMBEDDED,
    *,
    version: str | None = None,
    rebuild: bool = False,
    chroma: str | None = None,
) -> Index:
    """The index of `version` (default: the one that serves), its checksums verified.

    A damaged one is replaced by exact search of the embeddings, and `problem` says so; rebuild: build it again first.
    chroma: address of the Chroma server for an index that lies on one (default: SHELFWISE_CHROMA).
    Raises NotBuiltError with the command when nothing is built, ArtifactError when the embeddings are damaged too.
    """
    store, command = ArtifactStore(workspace), COMMAND.format(name=workspace.name, encoder=encoder)
    chroma = chroma or load_chroma_address()
    try:
        chosen = version or store.current(KIND, slug(encoder), command=command)
        return _open(workspace, encoder, chosen, chroma)
    except ArtifactError as error:
        if rebuild and version is None:
            return _open(workspace, encoder, _rebuilt(workspace, encoder, chroma).version, chroma)
        embeddings = open_embeddings(workspace, encoder)
        problem = f"{error} Until then every vector is read instead, which is exact and slower. Command: {command}"
        return Index("", embeddings, IndexConfig(), problem=problem)


def _open(workspace: Workspace, encoder: str, version: str, chroma: str | None) -> Index:
    store = ArtifactStore(workspace)
    folder, card = store.open(KIND, slug(encoder), version), store.card(KIND, slug(encoder), version)
    try:
        config, made_from = IndexConfig(**card.config["index"]), str(card.config["embeddings"])
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"The card in {folder} can't be used ({error!r}); build it again.") from None
    embeddings = open_embeddings(workspace, encoder, made_from)
    if len(embeddings.item_ids) <= config.exact_below or card.metrics.get("recall@100", 1.0) < LEAST_RECALL:
        return Index(version, embeddings, config)  # Chroma needn't even be loaded
    return _with_collection(folder, card, embeddings, chroma)


def _rebuilt(workspace: Workspace, encoder: str, chroma: str | None) -> Card:
    """Build the newest index again as its card says, or as usual where the card is damaged too."""
    store = ArtifactStore(workspace)
    try:
        said = store.card(KIND, slug(encoder), store.versions(KIND, slug(encoder))[-1]).config
        config, on_server = IndexConfig(**said["index"]), bool(said["collection"])
    except (ArtifactError, IndexError, KeyError, TypeError):
        config, on_server = IndexConfig(), False
    return index_embeddings(workspace, encoder, config=config, chroma=chroma if on_server else None)


def _with_collection(folder: Path, card: Card, embeddings: Embeddings, address: str | None) -> Index:
    from engine.search.chroma import open_folder, open_server

    if card.config["collection"]:
        if address is None:
            raise ArtifactError("The index lies on a Chroma server, and SHELFWISE_CHROMA doesn't name its address.")
        collection = open_server(address, str(card.config["collection"]))
    else:
        collection = open_folder(folder / FOLDER)
    rows = {item: row for row, item in enumerate(embeddings.item_ids.tolist())}
    return Index(card.version, embeddings, IndexConfig(**card.config["index"]), collection, _rows=rows)


def _write(
    folder: Path, card: Card, embeddings: Embeddings, metadata: list[dict[str, Any]], address: str | None
) -> float:
    """Write the index that `card` describes, open it as a reader would, and verify it; returns its recall at 100."""
    from engine.search.chroma import Hnsw, write_folder, write_server

    index: dict[str, Any] = card.config["index"]
    hnsw = Hnsw(index["neighbours"], index["construction"], index["search"])
    ids = embeddings.item_ids.tolist()
    if address is None:
        write_folder(folder / FOLDER, ids, embeddings.vectors, metadata, hnsw)
    else:
        write_server(address, card.config["collection"], ids, embeddings.vectors, metadata, hnsw)
    opened = _with_collection(folder, card, embeddings, address)
    try:
        verify(opened)
        return graph_recall(opened)
    finally:
        opened.close()


def _card(encoder: str, embeddings: Embeddings, config: IndexConfig, chroma: str | None) -> Card:
    version = new_version()
    return Card(
        kind=KIND,
        name=slug(encoder),
        version=version,
        config={
            "encoder": encoder,
            "embeddings": embeddings.version,
            "index": asdict(config),
            "collection": f"{slug(encoder)}-{version}" if chroma else "",
        },
        data_hash=embeddings.version,
        split="",
        seed=0,
        libraries=library_versions("chromadb"),
    )


def _kept(workspace: Workspace, wanted: Card) -> Card | None:
    """The card of the newest index, made the one that serves, when it is whole and what `wanted` asks for."""
    store = ArtifactStore(workspace)
    for version in store.versions(KIND, wanted.name)[-1:]:
        try:
            store.open(KIND, wanted.name, version)
            card = store.card(KIND, wanted.name, version)
        except ArtifactError:
            return None  # damaged: it is built again
        same = all(card.config.get(key) == wanted.config[key] for key in ("embeddings", "index"))
        if same and bool(card.config.get("collection")) == bool(wanted.config["collection"]):
            store.promote(KIND, wanted.name, version)
            return card
    return None


def _metadata(workspace: Workspace, embeddings: Embeddings) -> list[dict[str, Any]]:
    """What each item can be filtered by in Chroma itself; the id stands for those that have nothing."""
    frame = read_documents(workspace).frame.set_index("item_id")
    columns = {name: frame[name].astype(object).to_dict() for name in FILTERED if name in frame}
    return [
        {"item_id": item} | {name: said[item] for name, said in columns.items() if not pd.isna(said.get(item))}
        for item in embeddings.item_ids.tolist()
    ]


@contextmanager
def _building(workspace: Workspace, encoder: str) -> Iterator[Path]:
    """A new folder to build in, for one builder at a time."""
    folder = workspace.path / f".building-{KIND}-{slug(encoder)}"
    with storage_errors(folder):
        lock = FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise StorageError(
                f"Another process is building the index of workspace {shown(workspace.name)} with {shown(encoder)}; "
                "run it again when that one ends."
            ) from None
        try:
            remove(folder)
            folder.mkdir()
            yield folder
        finally:
            remove(folder)
            lock.release()


def _move(folder: Path, place: Path) -> None:
    for part in folder.iterdir():
        part.replace(place / part.name)


def _prune(workspace: Workspace, encoder: str, chroma: str | None) -> None:
    """Remove old versions of the index, and of the embeddings that only they were made from."""
    store, name = ArtifactStore(workspace), slug(encoder)
    for version in store.versions(KIND, name)[:-KEPT]:
        _drop_collection(store, name, version, chroma)
        store.discard(KIND, name, version)
    used = {store.card(KIND, name, version).config.get("embeddings") for version in store.versions(KIND, name)}
    for version in store.versions(EMBEDDINGS, name)[:-1]:
        if version not in used:
            store.discard(EMBEDDINGS, name, version)


def _drop_collection(store: ArtifactStore, name: str, version: str, chroma: str | None) -> None:
    collection = store.card(KIND, name, version).config.get("collection")
    if collection and chroma:
        from engine.search.chroma import delete_from_server

        delete_from_server(chroma, str(collection))
