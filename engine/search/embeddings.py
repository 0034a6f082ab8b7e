"""The vectors of documents, which every index is made from and which are never thrown away.

    artifacts/embeddings/<encoder>/<version>/   vectors.npy (n, dim) float32, rows.parquet, card.json with checksums
    embeddings/<encoder>/<sha256>.npz           shards of a run under way: hashes and their vectors

A text is embedded once: its hash (text and encoder) finds its vector in the versions that are whole and in the shards
of a run that was stopped. A kill loses the shard under way and nothing else.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.atomic import TEMPORARY, remove, storage_errors
from engine.errors import ArtifactError, StorageError, shown
from engine.search.encoders import slug
from engine.search.shards import shard_hashes, shard_vectors, whole_shards, write_shard
from engine.workspace import Workspace

KIND = "embeddings"
VECTORS, ROWS = "vectors.npy", "rows.parquet"
COMMAND = ".venv/bin/python scripts/build_index.py --workspace {name} --encoder {encoder}"
SHARD = 1024  # texts embedded between two writes
COPIED = 4096  # vectors copied at once, so that memory stays flat

OnDone = Callable[[int], None]


class TextEncoder(Protocol):
    """What the embeddings need of an encoder."""

    @property
    def name(self) -> str:
        """By which it was asked for."""
        ...

    @property
    def dim(self) -> int:
        """The vectors' length."""
        ...

    @property
    def weights(self) -> str:
        """A hash of the model: queries must be encoded under the same one."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides about a text's vector."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) vectors of length 1."""
        ...


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One version, opened and verified.

    item_ids: (n,) in the order of the documents it was made from
    vectors:  (n, dim) float32 of length 1, mapped from the disk
    weights:  the encoder's hash, which queries must share
    """

    version: str
    item_ids: NDArray[np.object_]
    vectors: NDArray[np.float32]
    weights: str


def embed(
    workspace: Workspace,
    encoder: TextEncoder,
    item_ids: Sequence[str],
    texts: Sequence[str],
    *,
    shard: int = SHARD,
    on_done: OnDone | None = None,
) -> Card:
    """Embed what is new among `texts` (one for each of `item_ids`) and make a version of all of them that serves.

    When nothing changed, the version that serves stays. on_done(n) is called for every n documents that are ready.
    Raises StorageError when another process embeds with this encoder.
    """
    with _building(workspace, encoder.name) as folder:
        hashes = content_hashes(encoder.fingerprint, texts)
        stored = _whole_versions(workspace, encoder.name)
        current = stored[0] if stored else None
        if current and _same(current[0] / ROWS, item_ids, hashes):
            (on_done or _ignored)(len(texts))
            ArtifactStore(workspace).promote(KIND, current[1].name, current[1].version)  # a kill may have come before
            return current[1]
        known = {hash_ for source in _sources(stored, folder, encoder.dim) for hash_ in source.hashes}
        missing = {hash_: text for hash_, text in zip(hashes, texts, strict=True) if hash_ not in known}
        _embed_missing(folder, encoder, missing, Counter(hashes), _Steps(shard, on_done or _ignored))
        card = _save(workspace, encoder, item_ids, hashes, _sources(stored, folder, encoder.dim))
        remove(folder)
        return card


def open_embeddings(workspace: Workspace, encoder: str, version: str | None = None) -> Embeddings:
    """The embeddings of `version` (default: the one that serves), their checksums verified.

    Raises NotBuiltError with the command when there are none, ArtifactError when files are damaged.
    """
    store, command = ArtifactStore(workspace), COMMAND.format(name=workspace.name, encoder=encoder)
    version = version or store.current(KIND, slug(encoder), command=command)
    folder = store.open(KIND, slug(encoder), version)
    card = store.card(KIND, slug(encoder), version)
    try:
        ids = pq.read_table(folder / ROWS, columns=["item_id"], partitioning=None).column(0).to_pylist()
        vectors = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, pa.ArrowInvalid) as error:
        raise ArtifactError(f"{folder} can't be read ({error}); build it again: {command}") from None
    return Embeddings(version, np.array(ids, dtype=object), vectors, str(card.config["weights"]))


def content_hashes(fingerprint: str, texts: Iterable[str]) -> list[bytes]:
    """For each text 16 bytes that change with the text or the encoder."""
    return [hashlib.sha256(f"{fingerprint}\n{text}".encode()).digest()[:16] for text in texts]


@dataclass(frozen=True)
class _Source:
    """A file with vectors, and the hash of the text of each."""

    file: Path
    hashes: list[bytes]

    def vectors(self) -> NDArray[np.float32]:
        if self.file.suffix == ".npy":
            mapped: NDArray[np.float32] = np.load(self.file, mmap_mode="r", allow_pickle=False)
            return mapped
        return shard_vectors(self.file)


@contextmanager
def _building(workspace: Workspace, encoder: str) -> Iterator[Path]:
    """The folder of the shards of `encoder`, for one builder at a time."""
    folder = workspace.path / KIND / slug(encoder)
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f".lock-{folder.name}"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise StorageError(
                f"Another process is embedding the documents of workspace {shown(workspace.name)} with "
                f"{shown(encoder)}; run it again when that one ends."
            ) from None
    try:
        with storage_errors(folder):
            folder.mkdir(exist_ok=True)
        for leftover in folder.glob(f"{TEMPORARY}*"):
            remove(leftover)
        yield folder
    finally:
        lock.release()


@dataclass(frozen=True)
class _Steps:
    """How many texts are embedded between two writes, and whom to tell."""

    shard: int
    on_done: OnDone


def _embed_missing(
    folder: Path, encoder: TextEncoder, missing: dict[bytes, str], counts: Counter[bytes], steps: _Steps
) -> None:
    """Embed each text of `missing` once, however many documents have it."""
    steps.on_done(counts.total() - sum(counts[hash_] for hash_ in missing))
    waiting = iter(missing.items())
    while some := dict(islice(waiting, steps.shard)):
        write_shard(folder, list(some), encoder.encode_documents(list(some.values())))
        steps.on_done(sum(counts[hash_] for hash_ in some))


def _sources(stored: Sequence[tuple[Path, Card]], shards: Path, dim: int) -> list[_Source]:
    versions = [_Source(place / VECTORS, _hashes(place / ROWS)) for place, _ in stored]
    return versions + [_Source(file, shard_hashes(file)) for file in whole_shards(shards, dim)]


def _whole_versions(workspace: Workspace, encoder: str) -> list[tuple[Path, Card]]:
    """Folders and cards of the versions whose files are undamaged, the newest first."""
    store, found = ArtifactStore(workspace), []
    for version in reversed(store.versions(KIND, slug(encoder))):
        try:
            found.append((store.open(KIND, slug(encoder), version), store.card(KIND, slug(encoder), version)))
        except ArtifactError:
            continue  # what it held is embedded again, which is the repair
    return found


def _hashes(rows: Path) -> list[bytes]:
    column: list[bytes] = pq.read_table(rows, columns=["hash"], partitioning=None).column(0).to_pylist()
    return column


def _same(rows: Path, item_ids: Sequence[str], hashes: list[bytes]) -> bool:
    stored = pq.read_table(rows, partitioning=None)
    return [*stored.column("hash").to_pylist(), *stored.column("item_id").to_pylist()] == [*hashes, *item_ids]


def _save(
    workspace: Workspace,
    encoder: TextEncoder,
    item_ids: Sequence[str],
    hashes: list[bytes],
    sources: Sequence[_Source],
) -> Card:
    def write(folder: Path) -> None:
        target = np.lib.format.open_memmap(
            folder / VECTORS, mode="w+", dtype=np.float32, shape=(len(hashes), encoder.dim)
        )
        _collect(target, hashes, sources)
        target.flush()
        rows = {"item_id": pa.array(list(item_ids), pa.string()), "hash": pa.array(hashes, pa.binary())}
        pq.write_table(pa.table(rows), folder / ROWS, compression="zstd")

    config = {"encoder": encoder.name, "weights": encoder.weights, "fingerprint": encoder.fingerprint}
    card = Card(
        kind=KIND,
        name=slug(encoder.name),
        version=new_version(),
        config={**config, "dim": encoder.dim, "n": len(hashes)},
        data_hash=hashlib.sha256(b"".join(hashes)).hexdigest()[:16],
        split="",
        seed=0,
        libraries=library_versions("torch", "sentence-transformers", "openvino"),
    )
    return ArtifactStore(workspace).save(card, write)


def _collect(target: NDArray[np.float32], hashes: Sequence[bytes], sources: Sequence[_Source]) -> None:
    """Fill `target` with the vectors that belong to `hashes`, a block at a time."""
    left = np.ones(len(hashes), dtype=bool)
    for source in sources:
        places = {hash_: place for place, hash_ in enumerate(source.hashes)}
        rows = np.array([row for row in np.flatnonzero(left).tolist() if hashes[row] in places], dtype=np.int64)
        vectors = source.vectors() if len(rows) else np.empty((0, 0), dtype=np.float32)
        for start in range(0, len(rows), COPIED):
            block = rows[start : start + COPIED]
            target[block] = vectors[[places[hashes[row]] for row in block.tolist()]]
        left[rows] = False


def _ignored(_: int) -> None:
    """Nobody wants to know."""
