"""How long a query takes, stage by stage.

    .venv/bin/python benchmarks/search_latency.py [--n 112000] [--queries 200]

n made-up documents (those of index_build.py), one client and then 20 at once, each asking one query after another. For
each: p50 and p95 of the whole, and of its stages: encode (the query's words and vector), retrieve (BM25 and the nearest
vectors), fuse, rerank (features and trees). Before it, what the index finds of the exact 100 nearest, without a filter
and with filters that keep 1 % and 30 %. The query is encoded by the embedded model; so that building takes minutes,
documents have vectors of another kind, of the same length and number, made of their words. The second stage is learned
from some of the made-up queries, as many trees as usual. About ten minutes on two cores for 112,000.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import zlib
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.index_build import compare_with_exact, made
from engine.artifacts import ArtifactStore, Card, new_version
from engine.search.bm25 import Bm25
from engine.search.dense import Dense
from engine.search.documents import KIND, NAME, read_documents, save_documents
from engine.search.embeddings import embed
from engine.search.encoders import EMBEDDED, load_encoder, slug
from engine.search.evaluation import Queries
from engine.search.features import Features
from engine.search.fields import read_fields
from engine.search.hybrid import Hybrid
from engine.search.index import index_embeddings, open_index
from engine.search.learning import learn
from engine.search.query import QueryAnalysis
from engine.search.second_stage import SecondStage
from engine.settings import load_settings
from engine.workspace import Workspace, new_workspace

STAGES = ("encode", "retrieve", "fuse", "rerank", "all")
CLIENTS = (1, 20)
LEARNED_FROM = 100


class Clock:
    """Seconds of each stage of the query that a thread is at."""

    def __init__(self) -> None:
        self._here = threading.local()

    def start(self) -> None:
        """Begin a query."""
        self._here.spent = dict.fromkeys(STAGES, 0.0)

    def timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """`work`, its time added to `stage`."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                self._here.spent[stage] += time.perf_counter() - start

        return wrapped

    def stop(self, whole: float, candidates: float) -> dict[str, float]:
        """The stages of the query that ends, given the seconds of all and of finding candidates."""
        spent = self._here.spent
        fuse = candidates - spent["encode"] - spent["retrieve"]
        return {**spent, "fuse": fuse, "rerank": whole - candidates, "all": whole}


class Quick:
    """Vectors made of words in no time; a query is encoded by the real model as well, for the time it takes."""

    def __init__(self) -> None:
        self._real = load_encoder()
        self.name, self.dim = EMBEDDED, self._real.dim
        self.weights = self.fingerprint = "quick"
        self._words: dict[str, NDArray[np.float32]] = {}

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) the normalised sums of a random vector for each word."""
        vectors = np.array([np.sum([self._of(word) for word in text.lower().split()], axis=0) for text in texts])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As `encode_documents`, in the time of the real model."""
        self._real.encode_queries(texts)
        return self.encode_documents(texts)

    def _of(self, word: str) -> NDArray[np.float32]:
        if word not in self._words:
            drawn = np.random.default_rng(zlib.crc32(word.encode())).normal(size=self.dim)
            self._words[word] = drawn.astype(np.float32)
        return self._words[word]


def main(argv: Sequence[str] | None = None) -> None:
    """Make the catalogue, learn, ask, print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, default=112_000, help="documents (default: 112,000)")
    arguments.add_argument("--queries", type=int, default=200, help="timed for each number of clients")
    chosen = arguments.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        workspace = new_workspace(Path(place), "bench")
        stage, queries = _built(workspace, chosen.n)
        _show_recall(workspace, stage.hybrid.dense, queries)
        clock = _watched(stage)
        asked = (queries * (1 + chosen.queries // len(queries)))[: chosen.queries]
        _ask(stage, clock, asked[:20])  # what is read on first use is read now
        print(f"{chosen.n:,} documents, {chosen.queries} queries, {load_settings().threads} threads; milliseconds")
        print(" " * 22 + "".join(f"{name:>10}" for name in STAGES))
        for clients in CLIENTS:
            with ThreadPoolExecutor(clients) as pool:
                start = time.perf_counter()
                found = list(pool.map(lambda query: _ask(stage, clock, [query])[0], asked))
                rate = len(asked) / (time.perf_counter() - start)
            for quantile in (50, 95):
                cells = (1000 * np.percentile([one[name] for one in found], quantile) for name in STAGES)
                print(f"{clients:>3} clients, p{quantile}".ljust(22) + "".join(f"{cell:10.1f}" for cell in cells))
            print(f"    {rate:.0f} queries a second")


def _built(workspace: Workspace, n: int) -> tuple[SecondStage, list[str]]:
    documents, queries, targets = made(n)
    save_documents(workspace, Card(KIND, NAME, new_version(), {}, "", "", 0), documents)
    read, encoder = read_documents(workspace), Quick()
    _told("vectors", lambda: embed(workspace, encoder, read.item_ids.tolist(), read.texts))
    _told("index", lambda: index_embeddings(workspace))
    dense = Dense(encoder, open_index(workspace), read.item_ids)
    fields = _told("terms", lambda: read_fields(read.frame, read.version))
    bm25 = _told("bm25", lambda: Bm25.build(fields, read.item_ids))
    wanted = [[documents[row].item_id] for row in targets]
    known = Queries([f"q{i}" for i in range(len(queries))], queries, wanted)
    first = np.arange(len(queries)) < LEARNED_FROM
    features = Features(fields, read.frame, dense.vectors_of)
    few = known.choose(first)
    learned = _told("learning", lambda: learn(Hybrid(bm25, dense), features, few, few))
    if learned.second_stage is None:
        raise SystemExit("No query found its document, so there is no second stage to time.")
    return learned.second_stage, known.choose(~first).texts


def _show_recall(workspace: Workspace, dense: Any, queries: Sequence[str]) -> None:
    """What is found of the exact 100 nearest, and by what: the graph, or all vectors where it finds too few."""
    index = dense.index
    graph = ArtifactStore(workspace).card("index", slug(EMBEDDED), index.version).metrics["recall@100"]
    served = "the graph" if index.collection is not None else "reading every vector"
    print(f"the graph finds {graph:.4f} of the exact 100 nearest of moved vectors; queries are answered by {served}")
    compare_with_exact(index, dense.encoder.encode_documents(queries))


def _watched(stage: SecondStage) -> Clock:
    """A clock on every stage of `stage`, put around the methods that it calls."""
    clock, hybrid = Clock(), stage.hybrid
    reader, scores = hybrid.bm25.reader, hybrid.bm25.scores
    words: Callable[[QueryAnalysis], Any] = clock.timed("retrieve", scores)
    hybrid.bm25.scores = words  # type: ignore[method-assign]
    reader.read = clock.timed("encode", reader.read)  # type: ignore[method-assign]
    hybrid.dense = _Watched(hybrid.dense, clock)
    return clock


class _Watched:
    """The dense retriever with a clock."""

    def __init__(self, dense: Any, clock: Clock) -> None:
        self.item_ids, self.vectors_of, self.search = dense.item_ids, dense.vectors_of, dense.search
        self.nearest = clock.timed("retrieve", dense.nearest)
        self.encoder = _Encoding(clock.timed("encode", dense.encoder.encode_queries))


class _Encoding:
    """An encoder of queries with a clock."""

    def __init__(self, encode: Callable[[Sequence[str]], NDArray[np.float32]]) -> None:
        self.encode_queries = encode


def _ask(stage: SecondStage, clock: Clock, queries: Sequence[str]) -> list[dict[str, float]]:
    spent = []
    for query in queries:
        clock.start()
        start = time.perf_counter()
        found = stage.hybrid.candidates([query])
        candidates = time.perf_counter() - start
        stage.ordered(found[0])
        spent.append(clock.stop(time.perf_counter() - start, candidates))
    return spent


def _told(what: str, work: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    done = work()
    print(f"{what}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return done


if __name__ == "__main__":
    main()
