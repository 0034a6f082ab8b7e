"""What kills, second builders and damaged files do to an index: python benchmarks/index_crash.py [--kills 50]

While other processes keep the processors busy, builds of a growing catalogue are killed with SIGKILL at random
moments. After each the index that serves is opened and 200 sampled items must find themselves; no document whose
vector was on the disk may be embedded again. Then two builders start at once, and each file of the index is cut,
zeroed and bit-flipped in turn: that must be found at opening, answered around, and rebuilt without embedding
anything. Ends with an error when any of it fails. About 8 minutes on two cores; --kills 5 takes one.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.artifacts import ArtifactStore, Card, new_version
from engine.errors import StorageError
from engine.search.base import NONE
from engine.search.documents import KIND, NAME, Document, read_documents, save_documents
from engine.search.embeddings import content_hashes, embed
from engine.search.index import IndexConfig, index_embeddings, open_index
from engine.search.indexed import Index, verify
from engine.search.shards import shard_hashes
from engine.workspace import Workspace, new_workspace

ENCODER, DIM, SHARD, GROWTH = "hashing", 64, 32, 256
GRAPH = IndexConfig(exact_below=10)
TOLD = 3  # exit code of a builder that found another at work
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "zeroed": lambda data: bytes(len(data)),
    "flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
}


@dataclass(frozen=True)
class HashingEncoder:
    """Vectors drawn from each text's hash; every text that was embedded is a line of `log`."""

    log: Path
    name: str = ENCODER
    dim: int = DIM
    weights: str = "hashing"
    fingerprint: str = "hashing"

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) vectors of length 1, in 50 ms."""
        time.sleep(0.05)
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        vectors = np.array([np.random.default_rng(seed).normal(size=DIM) for seed in seeds], dtype=np.float32)
        with self.log.open("a", encoding="utf-8") as log:
            log.write("".join(f"{text}\n" for text in texts))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main() -> None:
    """Kill, race and damage."""
    arguments = _arguments()
    if arguments.builder:
        sys.exit(_build(Workspace.open(arguments.builder[0]), arguments.builder[1]))
    rng = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as folder, _busy(arguments.burners):
        workspace, log = new_workspace(Path(folder), "crash"), Path(folder) / "embedded.txt"
        _grow(workspace, arguments.n)
        start = time.perf_counter()
        subprocess.run(_command(workspace, log), check=True)
        _kills(workspace, log, arguments.kills, time.perf_counter() - start, rng)
        _race(workspace, log)
        _damages(workspace, log)


def _kills(workspace: Workspace, log: Path, kills: int, seconds: float, rng: np.random.Generator) -> None:
    finished = advanced = 0
    for _ in range(kills):
        _grow(workspace, len(read_documents(workspace).item_ids) + GROWTH)
        stored, serving = _stored(workspace), open_index(workspace, ENCODER).version
        before = len(_lines(log))
        process = subprocess.Popen(_command(workspace, log), stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.2, 1.0) * seconds)
        finished += process.poll() is not None
        process.kill()
        process.wait()
        again = set(content_hashes(HashingEncoder.fingerprint, _lines(log)[before:])) & stored
        if again:
            raise SystemExit(f"{len(again)} documents were embedded again although their vectors were on the disk")
        advanced += _verified(workspace) != serving
    subprocess.run(_command(workspace, log), check=True)
    _verified(workspace)
    times = Counter(_lines(log))
    repeated = sum(count - 1 for count in times.values())
    print(
        f"{kills} kills ({finished} came after the end, {advanced} times the new index served already): each time the "
        f"index that served was whole and 200 of 200 sampled items found themselves"
    )
    print(
        f"{len(times):,} texts embedded; {repeated} of them again, all from shards that were under way at a kill",
        flush=True,
    )


def _race(workspace: Workspace, log: Path) -> None:
    _grow(workspace, len(read_documents(workspace).item_ids) + GROWTH)
    before = len(_lines(log))
    builders = [subprocess.Popen(_command(workspace, log)) for _ in range(2)]
    codes = sorted(builder.wait() for builder in builders)
    embedded = Counter(_lines(log)[before:])
    if codes not in ([0, 0], [0, TOLD]) or max(embedded.values()) > 1 or len(embedded) != GROWTH:
        raise SystemExit(f"two builders ended with {codes} and embedded {embedded.total()} texts")
    _verified(workspace)
    said = "one was told that the other builds" if TOLD in codes else "one came when the other had ended"
    print(f"two builders at once: {said}; {len(embedded)} texts embedded, each once", flush=True)


def _damages(workspace: Workspace, log: Path) -> None:
    before, count = len(_lines(log)), 0
    for place in range(len(_files(workspace))):
        for damage in DAMAGES.values():
            file = _files(workspace)[place]
            file.write_bytes(damage(file.read_bytes()))
            index = open_index(workspace, ENCODER)
            found = index.search(np.asarray(index.embeddings.vectors[:20]), 5).rows
            if index.problem is None or (found[:, 0] != np.arange(20)).any() or (found == NONE).any():
                raise SystemExit(f"{file} was damaged, and nobody noticed or nothing answered")
            open_index(workspace, ENCODER, rebuild=True).close()
            _verified(workspace)
            count += 1
    if len(_lines(log)) != before:
        raise SystemExit("a rebuild embedded documents again")
    print(
        f"{count} damages ({len(_files(workspace))} files, each {', '.join(DAMAGES)}): all found at opening, answered "
        "from the embeddings, rebuilt without embedding, 200 of 200 found themselves"
    )


def _verified(workspace: Workspace) -> str:
    """The version that serves, whose samples find themselves."""
    index: Index = open_index(workspace, ENCODER)
    if index.problem or index.collection is None:
        raise SystemExit(f"the index that serves is damaged: {index.problem}")
    verify(index)
    index.close()
    return index.version


def _stored(workspace: Workspace) -> set[bytes]:
    """Hashes of the texts whose vectors are on the disk: in versions and in shards."""
    versions = (workspace.path / "artifacts" / "embeddings" / ENCODER).glob("[!.]*/rows.parquet")
    found = {value for file in versions for value in pq.read_table(file, partitioning=None)["hash"].to_pylist()}
    shards = (workspace.path / "embeddings" / ENCODER).glob("[!.]*.npz")
    return found.union(*(shard_hashes(file) for file in shards))


def _files(workspace: Workspace) -> list[Path]:
    store = ArtifactStore(workspace)
    folder = store.open("index", ENCODER, store.current("index", ENCODER, command=""))
    files = [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size and file.name != "card.json"]
    return sorted(files, key=lambda file: file.name)


def _grow(workspace: Workspace, n: int) -> None:
    card = Card(KIND, NAME, new_version(), {}, "", "", 0)
    save_documents(workspace, card, (Document(f"sku-{row:06}", f"item {row}") for row in range(n)))


def _build(workspace: Workspace, log: Path) -> int:
    documents = read_documents(workspace)
    try:
        embed(workspace, HashingEncoder(log), documents.item_ids.tolist(), documents.texts, shard=SHARD)
        index_embeddings(workspace, ENCODER, config=GRAPH)
    except StorageError:
        return TOLD
    return 0


def _command(workspace: Workspace, log: Path) -> list[str]:
    return [sys.executable, __file__, "--builder", str(workspace.path), str(log)]


def _lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines()


@contextmanager
def _busy(burners: int) -> Iterator[None]:
    """Keep processors busy with other work meanwhile."""
    processes = [multiprocessing.get_context("spawn").Process(target=_burn, daemon=True) for _ in range(burners)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def _burn() -> None:
    while True:
        sum(range(10_000))


def _arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--n", type=int, default=2000, help="documents at the beginning")
    made.add_argument("--kills", type=int, default=50)
    made.add_argument("--burners", type=int, default=2, help="processes that keep the processors busy")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--builder", type=Path, nargs=2, help=argparse.SUPPRESS)
    return made.parse_args()


if __name__ == "__main__":
    main()
