"""The disposable index: what is found, with and without filters; damage; two readers, two builders."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, NotBuiltError, StorageError
from engine.search import index as building
from engine.search.base import NONE
from engine.search.exact import nearest
from engine.search.index import IndexConfig, index_embeddings, open_index
from engine.search.indexed import LEAST_RECALL, graph_recall, verify
from engine.workspace import Workspace, new_workspace
from tests.engine.search.counting import CountingEncoder
from tests.engine.search.indexing import embedded

N = 400
GRAPH = IndexConfig(exact_below=10)
NAME = "counting"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    workspace = new_workspace(tmp_path_factory.mktemp("made"), "template")
    embedded(workspace, N)
    index_embeddings(workspace, NAME, config=GRAPH)
    return workspace.path


@pytest.fixture
def indexed(template, home):
    shutil.copytree(template, home / "indexed")
    return Workspace.open(home / "indexed")


@pytest.fixture
def queries():
    return CountingEncoder().encode_queries([f"query {place}" for place in range(20)])


def chroma_folder(workspace):
    store = ArtifactStore(workspace)
    return store.open("index", NAME, store.current("index", NAME, command="")) / "chroma"


def opened(workspace, **options):
    index = open_index(workspace, NAME, **options)
    assert index.collection is not None
    return index


def test_the_graph_finds_what_exact_search_finds(indexed, queries):
    index = opened(indexed)
    found = index.search(queries, 10)
    exact = nearest(index.embeddings.vectors, queries, 10)
    index.close()
    assert np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(found.rows, exact.rows, strict=True)]) >= 0.98
    assert (np.diff(found.scores, axis=1) <= 0).all()
    np.testing.assert_allclose(found.scores[:, 0], exact.scores[:, 0], rtol=1e-5)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.8])
def test_a_filter_holds_inside_retrieval(indexed, queries, share):
    index = opened(indexed)
    eligible = np.random.default_rng(0).random(N) < share
    found = index.search(queries, 15, eligible)
    exact = nearest(index.embeddings.vectors, queries, 15, eligible)
    index.close()
    assert ((found.rows != NONE).sum(axis=1) == min(15, eligible.sum())).all()
    assert eligible[found.rows[found.rows != NONE]].all()
    assert np.mean([np.isin(a, b).mean() for a, b in zip(exact.rows, found.rows, strict=True)]) >= 0.98


def test_a_filter_whose_items_lie_elsewhere_is_searched_exactly(indexed):
    index = opened(indexed)
    query = index.embeddings.vectors[:1]
    order = nearest(index.embeddings.vectors, query, N).rows[0]
    eligible = np.zeros(N, dtype=bool)
    eligible[order[-120:]] = True
    assert index.search(query, 5, eligible).rows.tolist() == [order[-120:-115].tolist()]
    index.close()


def test_no_queries_and_more_places_than_items(indexed, queries):
    index = opened(indexed)
    assert index.search(queries[:0], 5).rows.shape == (0, 5)
    many = index.search(queries[:1], N + 3)
    index.close()
    assert (many.rows[0] != NONE).sum() == N
    assert np.isneginf(many.scores[0, -3:]).all()


def test_a_small_catalogue_needs_no_chroma(workspace, queries):
    embedded(workspace, 30)
    index_embeddings(workspace, NAME)
    index = open_index(workspace, NAME)
    assert index.collection is None
    assert index.problem is None
    np.testing.assert_array_equal(index.search(queries, 5).rows, nearest(index.embeddings.vectors, queries, 5).rows)


def test_opening_and_asking_leave_the_version_as_it_was(indexed, queries):
    for _ in range(2):
        index = opened(indexed)
        index.search(queries, 5)
        index.close()
    chroma_folder(indexed)  # checksums are verified


def test_nothing_to_do_keeps_the_version_and_changes_make_a_new_one(indexed):
    first = open_index(indexed, NAME).version
    assert index_embeddings(indexed, NAME, config=GRAPH).version == first
    embedded(indexed, N + 1)
    second = index_embeddings(indexed, NAME, config=GRAPH)
    assert second.version != first
    assert len(opened(indexed).item_ids) == N + 1
    assert len(opened(indexed, version=first).item_ids) == N


def test_old_versions_go_with_their_embeddings(indexed):
    for n in (N + 1, N + 2, N + 3):
        embedded(indexed, n)
        index_embeddings(indexed, NAME, config=GRAPH)
    store = ArtifactStore(indexed)
    assert len(store.versions("index", NAME)) == 2
    assert len(store.versions("embeddings", NAME)) == 2


def truncated(data):
    return data[: len(data) // 2]


def zeroed(data):
    return bytes(len(data))


def flipped(data):
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :]


def test_damage_to_any_file_is_found_and_rebuilt_while_vectors_are_read(indexed, queries):
    files = [file for file in chroma_folder(indexed).rglob("*") if file.is_file() and file.stat().st_size]
    assert len(files) >= 4
    for place, damage in zip(range(len(files)), cycle([truncated, zeroed, flipped]), strict=False):
        folder = chroma_folder(indexed)
        found = [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size]
        file = sorted(found, key=lambda file: file.name)[place]
        file.write_bytes(damage(file.read_bytes()))
        serving = open_index(indexed, NAME)
        assert "damaged" in serving.problem
        assert "scripts/build_index.py" in serving.problem
        assert (serving.search(queries, 5).rows != NONE).all()
        repaired = opened(indexed, rebuild=True)
        verify(repaired)
        repaired.close()


def test_a_missing_file_and_a_missing_index_are_told_apart(workspace, indexed):
    next(chroma_folder(indexed).rglob("link_lists.bin")).unlink()
    assert "missing" in open_index(indexed, NAME).problem
    with pytest.raises(NotBuiltError, match=r"build_index\.py"):
        open_index(workspace, "another")


def test_vectors_that_are_lost_are_noticed_when_it_is_built(indexed):
    index = opened(indexed)

    class Forgetful:
        def query(self, vectors, k):
            return [[item for item in ids if item != "sku-0007"] for ids in index.collection.query(vectors, k)]

        def close(self):
            index.close()

    lossy = building.Index(index.version, index.embeddings, GRAPH, Forgetful(), _rows=index._rows)
    verify(index, sampled=N)
    with pytest.raises(ArtifactError, match="1 of 400 sampled items"):
        verify(lossy, sampled=N)
    index.close()


def test_the_second_builder_is_told(indexed):
    with building._building(indexed, NAME), pytest.raises(StorageError, match="Another process is building"):
        index_embeddings(indexed, NAME)


def answers(path, pipe):
    index = open_index(Workspace.open(path), NAME)
    vectors = CountingEncoder().encode_queries([f"query {place}" for place in range(20)])
    pipe.send((index.collection is not None, index.search(vectors, 10).rows.tolist()))
    pipe.recv()
    index.close()


def test_two_processes_reading_one_version_at_once_answer_the_same(indexed):
    spawn = multiprocessing.get_context("spawn")
    pipes, readers = [], []
    for _ in range(2):
        ours, theirs = spawn.Pipe()
        pipes.append(ours)
        readers.append(spawn.Process(target=answers, args=(indexed.path, theirs)))
        readers[-1].start()
    first, second = (pipe.recv() for pipe in pipes)
    for pipe, reader in zip(pipes, readers, strict=True):
        pipe.send("done")
        reader.join()
    assert first[0]
    assert first == second
    chroma_folder(indexed)


KILLED = """
    import sys
    from pathlib import Path
    from engine.search.index import IndexConfig, index_embeddings
    from engine.workspace import Workspace
    print("begins", flush=True)
    index_embeddings(Workspace.open(Path(sys.argv[1])), "counting", config=IndexConfig(exact_below=10))
"""


def test_a_kill_at_any_moment_leaves_the_old_index_serving(indexed):
    first = open_index(indexed, NAME).version
    embedded(indexed, N + 50)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(indexed.path)]
    environment = {**os.environ, "PYTHONPATH": "."}
    for seconds in (0.3, 0.6, 0.9):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        serving = opened(indexed)
        assert (serving.version == first) == (len(serving.item_ids) == N)
        serving.close()
    index_embeddings(indexed, NAME, config=GRAPH)
    index = opened(indexed)
    assert len(index.item_ids) == N + 50
    verify(index)
    index.close()
    assert not [path for path in indexed.path.glob(".building-*") if path.is_dir()]


def test_recall_of_the_graph_is_measured_when_it_is_built_and_kept_on_the_card(indexed):
    index = opened(indexed)
    card = ArtifactStore(indexed).card("index", NAME, index.version)
    assert card.metrics["recall@100"] == pytest.approx(graph_recall(index), abs=1e-4)
    assert card.metrics["recall@100"] >= LEAST_RECALL
    index.close()


def test_a_graph_that_finds_half_is_told_from_one_that_finds_all(indexed):
    index = opened(indexed)

    class Half:
        def query(self, vectors, k):
            return [ids[::2] for ids in index.collection.query(vectors, k)]

        def close(self):
            pass

    assert graph_recall(replace(index, collection=Half())) == pytest.approx(graph_recall(index) / 2, abs=0.01)
    index.close()


def test_a_graph_that_finds_too_little_is_not_asked_and_search_is_exact(template, home, queries, monkeypatch):
    shutil.copytree(template, home / "poor")
    shutil.rmtree(home / "poor" / "artifacts" / "index")
    workspace = Workspace.open(home / "poor")
    monkeypatch.setattr(building, "graph_recall", lambda index: LEAST_RECALL - 0.01)
    index_embeddings(workspace, NAME, config=GRAPH)
    index = open_index(workspace, NAME)
    assert index.collection is None and index.problem is None
    assert index.search(queries, 10).rows.tolist() == nearest(index.embeddings.vectors, queries, 10).rows.tolist()
