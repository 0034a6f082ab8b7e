"""How fast an index is built, and what of the answers it keeps: python benchmarks/index_build.py [--n 112000]

Made-up documents (titles and keywords of English words, by topic). In one run: documents a second of
sentence-transformers with its defaults and of each backend here, taking turns on the same sample, wall-clock and
processor time; Recall@10 of known items with the vectors of each backend, searched exactly; then the whole build of n
documents with one backend: seconds, peak memory, disk; and what Chroma's graph finds of the exact 100 nearest, without
a filter and with one that keeps 1 %. About 25 minutes on two cores for 112,000; --n 5000 takes two.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.artifacts import ArtifactStore, Card, new_version
from engine.models.base_models import EMBEDDED, find_base
from engine.search.documents import KIND, NAME, Document, save_documents
from engine.search.encoders import EncoderConfig, load_encoder, load_model, slug
from engine.search.exact import nearest
from engine.search.index import Index, IndexConfig, open_index
from engine.settings import load_settings
from engine.workspace import Workspace, new_workspace

TOPICS, TOPIC_WORDS, ROUNDS = 1500, 40, 3
N_QUERIES, K, DEEP, SHARE = 500, 10, 100, 0.01
DEFAULT = "sentence-transformers"
Encode = Callable[[Sequence[str]], NDArray[np.float32]]


def main() -> None:
    """Make the documents, time the encoders, compare their answers, build the whole and ask it."""
    arguments = _arguments()
    documents, queries, targets = made(arguments.n)
    texts = [document.text for document in documents]
    encoders = _encoders(arguments.backends)
    print(f"{len(texts):,} documents, {load_settings().threads} threads")
    _speeds(encoders, texts[:: max(1, len(texts) // arguments.sample)][: arguments.sample], len(texts))
    _kept(encoders, texts, queries, targets, arguments.pool)
    if arguments.build:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            workspace = new_workspace(Path(folder), "bench")
            save_documents(workspace, Card(KIND, NAME, new_version(), {}, "", "", 0), documents)
            _build(workspace, arguments.build, min(IndexConfig.exact_below, arguments.n // 10))
            index = open_index(workspace)
            store = ArtifactStore(workspace)
            found = store.card("index", slug(EMBEDDED), index.version).metrics["recall@100"]
            asked = "asked" if index.collection is not None else "not asked: every vector is read"
            print(f"the graph finds {found:.4f} of the exact 100 nearest of moved vectors, so it is {asked}")
            compare_with_exact(index, load_encoder().encode_queries(queries))
            index.close()


def made(n: int, seed: int = 0) -> tuple[list[Document], list[str], NDArray[np.int64]]:
    """n documents, `N_QUERIES` queries of a few words of one, and which one that is."""
    rng = np.random.default_rng(seed)
    vocabulary = (find_base(EMBEDDED) / "vocab.txt").read_text(encoding="utf-8").splitlines()
    words = np.array([word for word in vocabulary if word.isascii() and word.isalpha() and len(word) >= 4])
    topics = rng.choice(words, (TOPICS, TOPIC_WORDS))
    topic = rng.integers(0, TOPICS, n)
    titles = np.concatenate([_drawn(topics[topic], 6, rng), rng.choice(words, (n, 3))], axis=1)
    said = _drawn(topics[topic], 8, rng)
    documents = []
    for row in range(n):
        keywords = tuple(" ".join(pair) for pair in said[row].reshape(-1, 2)[: rng.integers(1, 5)])
        documents.append(Document(f"sku-{row:07}", f"{' '.join(titles[row]).title()} {row % 97}", keywords=keywords))
    targets = rng.choice(n, min(N_QUERIES, n), replace=False)
    queries = [" ".join([*rng.choice(titles[row], 3, replace=False), said[row][0]]).lower() for row in targets]
    return documents, queries, targets


def compare_with_exact(index: Index, queries: NDArray[np.float32]) -> None:
    """Print what `index` finds of the exact 100 nearest of (n, dim) `queries`, without a filter and with two."""
    n = len(index.item_ids)
    filters = {
        "no filter": None,
        f"keeping {SHARE:.0%}": np.random.default_rng(1).random(n) < SHARE,
        "keeping 30%": np.random.default_rng(2).random(n) < 0.3,
    }
    for name, eligible in filters.items():
        exact = nearest(index.embeddings.vectors, queries, DEEP, eligible).rows
        start = time.perf_counter()
        rows = np.concatenate([index.search(query[None], DEEP, eligible).rows for query in queries])
        milliseconds = (time.perf_counter() - start) / len(queries) * 1000
        recall = np.mean([np.isin(a, b).mean() for a, b in zip(exact, rows, strict=True)])
        print(f"search, {name:12} recall@{DEEP} {recall:.4f}, {milliseconds:.1f} ms a query", flush=True)


def _drawn(words: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[Any]:
    places = np.argsort(rng.random(words.shape), axis=1)[:, :count]
    return np.take_along_axis(words, places, axis=1)


def _encoders(backends: Sequence[str]) -> dict[str, tuple[Encode, Encode]]:
    """For each way how it encodes documents and queries."""
    model = load_model(find_base(EMBEDDED))
    plain: Encode = lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)  # noqa: E731
    found = {DEFAULT: (plain, plain)}
    for name in backends:
        loaded = load_encoder(config=EncoderConfig(backend=name))
        found[name] = (loaded.encode_documents, loaded.encode_queries)
    return found


def _speeds(encoders: dict[str, tuple[Encode, Encode]], sample: Sequence[str], n: int) -> None:
    wall: dict[str, list[float]] = {name: [] for name in encoders}
    used: dict[str, list[float]] = {name: [] for name in encoders}
    for turn in range(ROUNDS):
        texts = sample[turn::ROUNDS]
        for name, (encode, _) in encoders.items():
            start, cpu = time.perf_counter(), time.process_time()
            encode(texts)
            wall[name].append(len(texts) / (time.perf_counter() - start))
            used[name].append(len(texts) / (time.process_time() - cpu))
    print(
        f"{'':24} docs/s   ratio   docs per processor second   ratio   (median of {ROUNDS} turns, {len(sample):,} docs)"
    )
    for name in encoders:
        speed, per_cpu = np.median(wall[name]), np.median(used[name])
        ratio = np.median(np.divide(wall[name], wall[DEFAULT]))
        per_ratio = np.median(np.divide(used[name], used[DEFAULT]))
        extrapolated = f"{n:,} would take {n / speed / 60:.1f} min"
        print(f"{name:24} {speed:6.0f} {ratio:7.2f} {per_cpu:18.0f} {per_ratio:17.2f}   {extrapolated}", flush=True)


def _kept(
    encoders: dict[str, tuple[Encode, Encode]],
    texts: Sequence[str],
    queries: Sequence[str],
    targets: NDArray[np.int64],
    pool: int,
) -> None:
    """Recall@10 of the known items among `pool` documents, and how much of the default's lists stays."""
    chosen = np.unique(np.concatenate([targets, np.arange(len(texts))[:: max(1, len(texts) // pool)]]))
    places = np.searchsorted(chosen, targets)
    exact: NDArray[np.int64] | None = None
    print(f"{'':24} Recall@{K}   kept   overlap of the {K} nearest   (among {len(chosen):,})")
    for name, (encode, ask) in encoders.items():
        rows = nearest(encode([texts[row] for row in chosen]), ask(queries), K).rows
        exact = rows if exact is None else exact
        recall, base = [np.mean((lists == places[:, None]).any(axis=1)) for lists in (rows, exact)]
        overlap = np.mean([np.isin(a, b).mean() for a, b in zip(exact, rows, strict=True)])
        print(f"{name:24} {recall:9.4f} {recall / base:6.4f} {overlap:10.4f}", flush=True)


def _build(workspace: Workspace, backend: str, exact_below: int) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom engine.search.encoders import EncoderConfig\n"
        "from engine.search.index import IndexConfig, build_index\nfrom engine.workspace import Workspace\n"
        "build_index(Workspace.open(Path(sys.argv[1])), encoding=EncoderConfig(backend=sys.argv[2]),\n"
        "            config=IndexConfig(exact_below=int(sys.argv[3])))"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, str(workspace.path), backend, str(exact_below)], check=True)
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"build with {backend}: {seconds:,.0f} s, {usage.ru_utime + usage.ru_stime:,.0f} processor seconds, peak "
        f"memory {usage.ru_maxrss / 2**20:.2f} GB"
    )
    for kind in ("embeddings", "index"):
        size = sum(f.stat().st_size for f in (workspace.path / "artifacts" / kind).rglob("*") if f.is_file())
        print(f"  {kind} on disk {size / 2**20:,.0f} MB")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--n", type=int, default=112_000, help="how many documents")
    made.add_argument("--sample", type=int, default=1500, help="how many of them are timed")
    made.add_argument("--pool", type=int, default=10_000, help="how many of them Recall@10 is measured among")
    made.add_argument("--backends", nargs="*", default=["torch", "openvino"])
    made.add_argument("--build", default="openvino", metavar="BACKEND", help='with which all are built; "" for none')
    made.add_argument("--folder", type=Path, help="where the workspace is made, and removed afterwards")
    return made.parse_args()


if __name__ == "__main__":
    main()
