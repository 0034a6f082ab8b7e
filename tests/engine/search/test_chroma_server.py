"""The index on a Chroma server: the package's own one, on this machine."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.errors import SettingsError
from engine.search.base import NONE
from engine.search.chroma import check_address
from engine.search.exact import nearest
from engine.search.index import IndexConfig, index_embeddings, open_index
from engine.search.indexed import verify
from tests.engine.search.counting import CountingEncoder
from tests.engine.search.indexing import embedded

GRAPH = IndexConfig(exact_below=10)
SECONDS = 60

# Chroma 1.5.9 leaves a connection open that nothing of ours can reach.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def server(tmp_path):
    program = Path(sys.executable).with_name("chroma")
    if not program.is_file():
        pytest.skip("the program `chroma` isn't installed beside this Python")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["run", "--path", str(tmp_path / "served"), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield address
    gc.collect()  # while those warnings are still ignored
    process.kill()
    process.wait()


def test_an_index_on_a_server_answers_and_goes_with_its_version(workspace, server):
    import chromadb

    queries = CountingEncoder().encode_queries(["one", "two"])
    for n in (300, 301, 302):
        embedded(workspace, n)
        index_embeddings(workspace, "counting", config=GRAPH, chroma=server)
    index = open_index(workspace, "counting", chroma=server)
    assert index.collection is not None
    verify(index)
    assert (index.search(queries, 5).rows != NONE).all()
    index.close()
    address, port = server.removeprefix("http://").split(":")
    client = chromadb.HttpClient(address, int(port))
    assert len(client.list_collections()) == 2
    client.close()


def test_without_its_server_the_vectors_are_read(workspace, server):
    embedded(workspace, 300)
    index_embeddings(workspace, "counting", config=GRAPH, chroma=server)
    queries = CountingEncoder().encode_queries(["one"])
    for elsewhere in (None, "http://127.0.0.1:9"):
        index = open_index(workspace, "counting", chroma=elsewhere)
        assert "server" in index.problem
        assert (index.search(queries, 5).rows != NONE).all()


def test_the_vectors_are_read_when_the_server_is_killed_while_the_index_is_open(workspace, server):
    embedded(workspace, 300)
    index_embeddings(workspace, "counting", config=GRAPH, chroma=server)
    queries = CountingEncoder().encode_queries(["one", "two"])
    index = open_index(workspace, "counting", chroma=server)
    assert index.collection is not None
    right = nearest(index.embeddings.vectors, queries, 5)
    for process in psutil.Process().children():
        process.kill()
        process.wait()
    found = index.search(queries, 5)
    assert found.rows.tolist() == right.rows.tolist()


@pytest.mark.parametrize(
    "address",
    [
        "http://shop.example:8000",
        "http://10.0.0.8:8000",
        "http://167772168:8000",
        "ftp://localhost",
        "localhost:8000",
        "https://",
        "https://a/b",
        "http://[",
        "https://u:p@a",
    ],
)
def test_addresses_that_would_leave_the_machine_in_the_clear_are_refused(address):
    with pytest.raises(SettingsError, match="Chroma server's address"):
        check_address(address)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("https://shop.example", ("shop.example", 443, True)),
        ("http://localhost:9000", ("localhost", 9000, False)),
        ("http://127.0.0.1", ("127.0.0.1", 8000, False)),
        ("http://chroma:8000", ("chroma", 8000, False)),
        ("http://[::1]:8000", ("::1", 8000, False)),
    ],
)
def test_addresses(address, parts):
    assert check_address(address) == parts
