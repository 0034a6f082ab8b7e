"""A server of the OpenAI kind on this machine that does as it is told: answers, refuses, delays, cuts and lies."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOSTILE = (
    "",
    "I can't help with that.",
    "{",
    '{"tags": "not a list"}',
    '{"tags": [1, null, {"tag": "deep"}]}',
    '{"tags": ["soft"], "command": "drop table tags"}',
    '[["soft"]]',
    '{"tags": ' + "[" * 5000 + "]" * 5000 + "}",
    '{"tags": [NaN]}',
    '{"tags": ["\\ud800"]}',
    '{"tags": ["soft"]} {"tags": ["hard"]}',
    "x" * 100_000,
)
FAULTS = ("429", "500", "timeout", "cut", "malformed", "hostile")


@dataclass
class Reply:
    """What the server sends: a status and a body, after `delay` seconds; `cut`: only half of the body."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False


def completion(content: Any, **more: Any) -> Reply:
    """A chat completion that says `content` (JSON-encoded unless it is text already)."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    body = {"id": "c1", "object": "chat.completion", "created": 0, "model": "fake", "choices": [choice], "usage": usage}
    return Reply(body, **more)


def failure(status: int, message: str = "no", *, code: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's form; `retry_after="1"` becomes a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"message": message, "type": "error", "code": code, "param": None}}, status, named)


class FakeServer:
    """Answers each request with what `script(body)` returns, and remembers what was asked.

    `requests` holds the bodies in order, `seen` the headers, `served` how often each fault (or "ok") was served.
    """

    def __init__(self, script: Callable[[dict[str, Any]], Reply]) -> None:
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.seen: list[dict[str, str]] = []
        self.served: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.open_now = self.open_most = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    fake: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, by kill or by time-out, is part of the script."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        fake = self.server.fake
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with fake.lock:
            fake.requests.append(body)
            fake.seen.append({name.lower(): value for name, value in self.headers.items()} | {"path": self.path})
            fake.open_now += 1
            fake.open_most = max(fake.open_most, fake.open_now)
            reply = fake.script(body)
        try:
            time.sleep(reply.delay)
            self._send(reply)
        finally:
            with fake.lock:
                fake.open_now -= 1

    def _send(self, reply: Reply) -> None:
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if reply.cut:
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests read `requests`."""


@dataclass
class Faulty:
    """A script that answers with `answer(body)`, and in a share `rate` of the requests serves a fault instead.

    `good` counts, by the prompt's text, how often it was answered as it should be.
    """

    answer: Callable[[dict[str, Any]], Any]
    rate: float = 0.3
    seed: int = 1
    kinds: tuple[str, ...] = FAULTS
    hang: float = 3.0
    delay: float = 0.0
    good: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def __call__(self, body: dict[str, Any]) -> Reply:
        if self.rng.random() >= self.rate:
            self.good[body["messages"][1]["content"]] += 1
            return completion(self.answer(body), delay=self.delay)
        kind = self.rng.choice(self.kinds)
        self.faults[kind] += 1
        return {
            "429": lambda: failure(429, "slow down", retry_after="0.05"),
            "500": lambda: failure(self.rng.choice((500, 502, 503)), "try later"),
            "timeout": lambda: completion({"tags": []}, delay=self.hang),
            "cut": lambda: completion({"tags": ["half"]}, cut=True),
            "malformed": lambda: Reply(self.rng.choice((b"<html>", b"{", b"null", b"[]", b'{"choices": []}', b"\xff"))),
            "hostile": lambda: completion(self.rng.choice(HOSTILE)),
        }[kind]()


@contextmanager
def serving(script: Callable[[dict[str, Any]], Reply]) -> Iterator[FakeServer]:
    """A running server that follows `script`."""
    with FakeServer(script) as server:
        yield server
