"""The service as people start it, when its processes are killed, stopped and left alone: real signals."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from engine.serve.storage import FILE
from tests.running import Served, build_whole, make_key, serving, stored


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return build_whole(tmp_path_factory.mktemp("home"))


def told(*numbers: int, user: str) -> dict:
    return {
        "events": [{"event_id": f"{user}-{n}", "user_id": user, "item_id": "SKU-001", "event": "view"} for n in numbers]
    }


def wait_until(true, what: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def test_killed_workers_come_back_while_others_answer_also_when_they_were_only_starting(shop):
    with serving(shop, workers=2) as served:
        one, other = served.workers()
        one.kill()
        assert served.ask("/recommendations/U-01")[1]["source"] == "pipeline"
        wait_until(lambda: len(served.workers()) == 2, "the killed worker didn't come back")
        starting = next(worker for worker in served.workers() if worker.pid != other.pid)
        time.sleep(0.6)  # the supervisor looks every half second, and waits for this one now
        starting.kill()
        wait_until(
            lambda: len({worker.pid for worker in served.workers()} - {starting.pid}) == 2,
            "a worker that was killed while it started wasn't missed", 15,
        )  # fmt: skip
        assert other.is_running() and served.ask("/events", told(1, user="kept"))[1]["stored"] == 1


def test_workers_end_when_the_process_that_looks_after_them_is_killed(shop):
    with serving(shop, workers=2) as served:
        workers = served.workers()
        figures = Path(workers[0].environ()["PROMETHEUS_MULTIPROC_DIR"])
        in_memory = os.access("/dev/shm", os.W_OK)  # a full disk under mapped files kills who writes to them
        assert figures.is_dir() and figures.is_relative_to("/dev/shm") == in_memory
        assert served.ask("/events", told(1, user="orphan"))[0] == 200
        served.process.kill()
        served.process.wait()
        _, left = psutil.wait_procs(workers, timeout=30)
        assert not left and not figures.exists()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", served.port))
    assert stored(shop, ["orphan"]) == 1


def test_a_stop_answers_what_is_under_way_and_loses_nothing(shop):
    with serving(shop) as served:
        holder = sqlite3.connect(shop.path / FILE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")  # so that events wait
        with ThreadPoolExecutor(4) as senders:
            sent = [senders.submit(served.ask, "/events", told(n, user="stopped")) for n in range(4)]
            wait_until(lambda: connections(served) >= 4, "no request came")
            time.sleep(0.3)
            served.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not listens(served), "it takes requests after it was told to stop")
            holder.execute("COMMIT")
            holder.close()
            answers = [one.result(30) for one in sent]
        assert [status for status, _ in answers] == [200] * 4
        assert served.process.wait(60) in (0, -signal.SIGTERM)
    assert stored(shop, ["stopped"]) == 4


def connections(served: Served) -> int:
    found = psutil.Process(served.process.pid).net_connections("tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED for one in found)


def listens(served: Served) -> bool:
    try:
        socket.create_connection(("127.0.0.1", served.port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_worker_starts_again_while_the_database_is_gone(shop):
    with serving(shop, workers=2) as served:
        files = {file: file.with_name(f"away-{file.name}") for file in shop.path.glob(f"{FILE}*")}
        for file, away in files.items():
            file.rename(away)
        for worker in served.workers():
            worker.kill()
        wait_until(lambda: lists_come(served), "no list without a database")
        assert served.ask("/events", told(1, user="gone"))[0] == 503
        assert served.process.poll() is None
        for file, away in files.items():
            away.rename(file)
        assert served.ask("/events", told(1, user="gone"))[0] == 200


def lists_come(served: Served) -> bool:
    try:
        said = served.ask("/recommendations/U-01")[1]
    except OSError:
        return False
    return said["source"] == "pipeline" and said["degraded"] == ["recent_events"]


def test_a_hundred_megabytes_are_refused_and_take_no_memory(shop):
    with serving(shop) as served:
        process = psutil.Process(served.process.pid)
        before = process.memory_info().rss
        for head in (b"Content-Length: 100000000", b"Transfer-Encoding: chunked"):
            assert heard(served.port, head) in (b"413", b"")
        assert served.ask("/health")[0] == 200
        assert process.memory_info().rss - before < 50_000_000


def heard(port: int, head: bytes) -> bytes:
    """The status of the answer to a body of 100 MB, b"" where the connection was closed before it was sent."""
    part = b" " * 1_000_000
    chunk = part if b"Length" in head else b"%x\r\n%b\r\n" % (len(part), part)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        start = b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        try:
            connection.sendall(start + head + b"\r\n\r\n")
            for _ in range(100):
                connection.sendall(chunk)
            return connection.recv(100)[9:12]
        except OSError:
            return b""


def test_more_connections_than_files_may_be_open_hold_it_up_for_a_moment_only(shop):
    with serving(shop, key=make_key(shop)) as served:
        limit = subprocess.run(["prlimit", f"--pid={served.process.pid}", "--nofile=120:120"], check=False)
        if limit.returncode:
            pytest.skip("prlimit can't limit open files here")
        held = []
        for _ in range(200):
            try:
                held.append(socket.create_connection(("127.0.0.1", served.port), timeout=1))
            except OSError:
                break
        wait_until(lambda: answers(served), "it answers nobody any more", 40)
        for connection in held:
            connection.close()
        assert served.ask("/events", told(1, user="many"))[0] == 200


def answers(served: Served) -> bool:
    try:
        return served.ask("/recommendations/U-01", timeout=2)[0] == 200
    except OSError:
        return False
