"""The service as people start it: two processes, real sockets, and signals."""

from __future__ import annotations

import http.client
import signal
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from engine.serve.storage import Database, database_url
from scripts.serve import main
from tests.recommended import BAGS, build
from tests.served import ask, started


@pytest.fixture
def shop(home):
    return build(home, trained=False)


def told(number: int) -> dict:
    return {"events": [{"event_id": f"e{number}", "user_id": "fresh", "item_id": BAGS[0], "event": "view"}]}


def counted(port: int) -> float:
    """The events stored by all processes together, those that are gone included."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    name = 'shelfwise_events_total{event="view",outcome="stored"}'
    return float(next(line for line in lines if line.startswith(name)).split()[-1])


def test_two_processes_lose_no_event_by_a_kill_nor_by_a_stop(shop, home):
    process, port = started(home, "--workers", "2")
    acknowledged: list[int] = []
    stopped = threading.Event()

    def send(number: int) -> None:
        if stopped.is_set():
            return
        try:
            if ask(port, "/events", told(number))[0] == 200:
                acknowledged.append(number)
        except (OSError, http.client.HTTPException):  # the process that had it was killed; nothing was promised
            if number >= 200:
                stopped.set()

    try:
        with ThreadPoolExecutor(4) as senders:
            for number in range(200):
                senders.submit(send, number)
                if number == 60:
                    time.sleep(0.2)
                    workers = [
                        one for one in psutil.Process(process.pid).children() if "spawn_main" in " ".join(one.cmdline())
                    ]
                    workers[0].send_signal(signal.SIGKILL)
        assert len(acknowledged) > 100 and ask(port, "/health")[0] == 200
        assert counted(port) >= len(acknowledged)
        with ThreadPoolExecutor(4) as senders:
            for number in range(200, 260):
                senders.submit(send, number)
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    database = Database(database_url(shop.path))
    stored = len(database.events_of(["fresh"])["fresh"])
    database.close()
    assert len(acknowledged) <= stored <= 260


def test_everybody_from_elsewhere_needs_a_key(shop, capsys):
    assert main(["--open", "--host", "0.0.0.0"]) == 2
    assert "make keys" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--workers", "0"],
        ["--port", "70000"],
        ["--deadline", "0"],
        ["--rate", "-1"],
        ["--remember", "-1"],
        ["--ahead", "1"],
    ],
)
def test_options_that_cannot_be_used_are_told(shop, options, capsys):
    assert main(options) == 2 and capsys.readouterr().err.count("\n") == 1
