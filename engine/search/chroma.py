"""Chroma as an index: a folder or a server that is filled once, from vectors, and only asked afterwards.

Opening a folder changes its SQLite file (measured on 1.5.9), so a folder is opened as a private copy of that file
beside links to the vectors. No embedding function is ever named: releases before 1.5.9 run code by it.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
from chromadb.config import Settings
from chromadb.errors import ChromaError
from numpy.typing import NDArray

from engine.errors import ArtifactError, SettingsError, shown
from engine.settings import load_settings

COLLECTION = "items"  # in a folder; on a server names say more
DATABASE = "chroma.sqlite3"
BATCH = 2000  # vectors added at once
LEAST_THRESHOLD = 100  # below, Chroma refuses to flush as one

NEARBY = re.compile(r"[a-z][a-z0-9-]*")  # not a number, which is an address too

Metadata = Mapping[str, str | float | int | bool]
FAILURES = (ChromaError, ValueError, OSError, RuntimeError, httpx.HTTPError, sqlite3.Error)


@dataclass(frozen=True)
class Hnsw:
    """Chroma's graph (Malkov and Yashunin 2018): larger numbers find more and cost more.

    neighbours: links of a vector;  construction: candidates looked at to place one;  search: to answer a query
    """

    neighbours: int = 24
    construction: int = 120
    search: int = 240


class Collection:
    """An opened collection. Close it when it is no longer asked."""

    def __init__(self, client: Any, collection: Any, private: Path | None = None) -> None:
        self._client, self._collection = client, collection
        # also when nobody closes it: at the end of the program
        self._remove = weakref.finalize(self, shutil.rmtree, private, ignore_errors=True) if private else None

    def query(self, vectors: NDArray[np.float32], k: int) -> list[list[str]]:
        """For each of (n, dim) `vectors` the ids of about the k nearest. Raises ArtifactError when Chroma fails."""
        try:
            found = self._collection.query(query_embeddings=vectors, n_results=k, include=[])
        except FAILURES as error:
            raise ArtifactError(f"The Chroma index can't answer ({_first_line(error)}); build it again.") from None
        ids: list[list[str]] = found["ids"]
        return ids

    def close(self) -> None:
        """Let go of files and memory."""
        _close(self._client)
        if self._remove is not None:
            self._remove()


def write_folder(
    folder: Path, ids: Sequence[str], vectors: NDArray[np.float32], metadata: Sequence[Metadata], hnsw: Hnsw
) -> None:
    """Fill the new Chroma directory `folder` and close it; its SQLite file is then made as small as it can be."""
    client: Any = chromadb.PersistentClient(str(folder), settings=_settings())
    try:
        _fill(client, COLLECTION, ids, vectors, metadata, hnsw)
    finally:
        client.close()
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        database.execute("VACUUM")  # what was waiting for the graph left 90 % of the pages empty


def open_folder(folder: Path) -> Collection:
    """The collection in `folder`, which stays as it is. Raises ArtifactError when Chroma can't read it."""
    private = Path(tempfile.mkdtemp(prefix="shelfwise-index-"))
    try:
        shutil.copyfile(folder / DATABASE, private / DATABASE)
        for part in folder.iterdir():
            if part.is_dir():
                (private / part.name).symlink_to(part.resolve(), target_is_directory=True)
        client = chromadb.PersistentClient(str(private), settings=_settings())
        return Collection(client, client.get_collection(COLLECTION, embedding_function=None), private)
    except FAILURES as error:
        shutil.rmtree(private, ignore_errors=True)
        raise ArtifactError(f"{folder} can't be opened by Chroma ({_first_line(error)}); build it again.") from None


def write_server(
    address: str,
    name: str,
    ids: Sequence[str],
    vectors: NDArray[np.float32],
    metadata: Sequence[Metadata],
    hnsw: Hnsw,
) -> None:
    """Fill the new collection `name` of the server at `address`. Raises ArtifactError when the server refuses."""
    with _server(address) as client:
        _fill(client, name, ids, vectors, metadata, hnsw)


def open_server(address: str, name: str) -> Collection:
    """The collection `name` of the server at `address`. Raises ArtifactError when it can't be reached."""
    with _server(address, keep=True) as client:
        return Collection(client, client.get_collection(name, embedding_function=None))


def delete_from_server(address: str, name: str) -> None:
    """Remove the collection `name`, if it is there. Raises ArtifactError when the server can't be reached."""
    with _server(address) as client:
        if name in {collection.name for collection in client.list_collections()}:
            client.delete_collection(name)


def check_address(address: str) -> tuple[str, int, bool]:
    """(host, port, whether encrypted) of `address`.

    Raises SettingsError unless it is https, or http on this machine or by a name without dots, which is one of a
    private network, as containers call each other.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 8000)
    except ValueError:
        host, port, parts = "", 0, urlsplit("")
    local = parts.scheme == "http" and (NEARBY.fullmatch(host) is not None or _is_loopback(host))
    if not host or not (parts.scheme == "https" or local) or parts.path.strip("/") or parts.query or parts.username:
        raise SettingsError(
            f"{shown(address)} can't be a Chroma server's address; it must be https://HOST:PORT, or "
            "http://localhost:PORT on this machine, or http://NAME:PORT where the name has no dots."
        )
    return host, port, parts.scheme == "https"


@contextmanager
def _server(address: str, *, keep: bool = False) -> Iterator[Any]:
    host, port, encrypted = check_address(address)
    try:
        client: Any = chromadb.HttpClient(host, port, ssl=encrypted, settings=_settings())
        yield client
        if not keep:
            _close(client)
    except FAILURES as error:
        raise ArtifactError(f"The Chroma server at {address} refuses ({_first_line(error)}).") from None


def _close(client: Any) -> None:
    """Close a client, and its connections to a server, of which Chroma 1.5.9 leaves two open."""
    client.close()
    for part in (client, client._admin_client):
        session = getattr(part._server, "_session", None)
        if session is not None:
            session.close()


def _fill(
    client: Any,
    name: str,
    ids: Sequence[str],
    vectors: NDArray[np.float32],
    metadata: Sequence[Metadata],
    hnsw: Hnsw,
) -> None:
    graph = {
        "space": "ip",
        "max_neighbors": hnsw.neighbours,
        "ef_construction": hnsw.construction,
        "ef_search": hnsw.search,
        "num_threads": load_settings().threads,
        "sync_threshold": max(len(ids), LEAST_THRESHOLD),  # flushed once, at the end: each flush writes all vectors
        "batch_size": LEAST_THRESHOLD,
    }
    collection = client.create_collection(name, embedding_function=None, configuration={"hnsw": graph})
    for start in range(0, len(ids), BATCH):
        part = slice(start, start + BATCH)
        collection.add(ids=list(ids[part]), embeddings=vectors[part], metadatas=list(metadata[part]))


def _settings() -> Settings:
    return Settings(anonymized_telemetry=False)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
