"""Odd clients on real sockets: slow ones, endless ones, and what isn't HTTP."""

from __future__ import annotations

import json
import select
import socket
import threading
import time

import pytest
from uvicorn import Config, Server

from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.serve.connections import Connection

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"


class Hasty(Connection):
    """Waits half a second."""

    most_head, head_seconds = 4_096, 0.5


@pytest.fixture(scope="module")
def port(trained_shop, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('db') / 'service.sqlite'}"
    app = create_app(trained_shop, ServeConfig(open=True, rate=0, deadline=20, body_deadline=0.5), database=url)
    server = Server(
        Config(
            app,
            host="127.0.0.1",
            port=0,
            http=Hasty,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_keep_alive=1,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def sent(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """All that comes back until the other side closes. Raises TimeoutError when it doesn't within 20 s."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                if select.select([connection], [], [], pause)[0]:  # it has heard enough
                    break
            while more := connection.recv(65_536):
                heard += more
        except (ConnectionResetError, BrokenPipeError):
            pass
    return heard


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def test_a_connection_that_asks_nothing_is_closed(port):
    assert sent(port) == b""


def test_a_head_that_comes_by_and_by_is_not_waited_for(port):
    drops = [b"GET /health HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 8, b"\r\n"]
    assert sent(port, *drops, pause=0.15) == b""
    assert status(sent(port, b"GET /health HTTP/1.1\r\n", HOST + b"Connection: close\r\n\r\n", pause=0.05)) == 200


def test_many_slow_clients_hold_nobody_up(port):
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    for connection in slow:
        connection.sendall(b"POST /events HTTP/1.1\r\nX-A: ")
    assert status(sent(port, b"GET /recommendations/U-01 HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")) == 200
    for connection in slow:
        connection.settimeout(20)
        assert connection.recv(1) == b""
        connection.close()


def test_a_body_that_does_not_come_is_not_waited_for(port):
    head = b"POST /events HTTP/1.1\r\nContent-Length: 100\r\n" + HOST + JSON + b"\r\n"
    answer = sent(port, head, b"{", b"")
    assert status(answer) == 408 and b"application/problem+json" in answer


def test_a_body_that_comes_by_and_by_is_not_waited_for_either(port):
    head = b"POST /events HTTP/1.1\r\nContent-Length: 40\r\n" + HOST + JSON + b"\r\n"
    assert status(sent(port, head, *[b" "] * 40, pause=0.05)) == 408


@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"a" * 300_000, b"GET /health HTTP/1.1\r\nX-A: " + b"a" * 300_000,
     b"GET /health HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(20_000))],
)  # fmt: skip
def test_a_head_has_an_end(port, head):
    answer = sent(port, head)
    assert not answer or status(answer) == 431


def test_what_follows_an_answer_is_not_read_for_ever(port):
    head = b"POST /events HTTP/1.1\r\nContent-Length: 100000000\r\n" + HOST + JSON + b"\r\n"
    answer = sent(port, head, *[b" " * 1000] * 20, pause=0.1)
    assert not answer or status(answer) == 413


@pytest.mark.parametrize(
    "request_",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /recommendations/\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
     b"GET /health?\xff HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n",
     b"GET /health HTTP/1.1\r\nX-Request-ID: a\nSet-Cookie: b\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n",
     b"GET /health HTTP/1.1\r\nX-Request-ID: a\x00b\r\n\r\n", b"POST /events HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
     b"POST /events HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     b"POST /events HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
     b"POST /events HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\na"],
)  # fmt: skip
def test_what_is_no_http_is_told_so(port, request_):
    answer = sent(port, request_)
    assert status(answer) == 400 and b"set-cookie" not in answer.lower()
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert document["status"] == 400 and document["type"] == "urn:shelfwise:problem:bad-request"


@pytest.mark.parametrize("path", [b"%ff%fe", b"..%2f..%2fetc%2fpasswd", b"../../etc/passwd", b"%E2%80%AE", b"%2500"])
def test_odd_paths_are_ids(port, path):
    answer = sent(port, b"GET /recommendations/" + path + b"?k=1 HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
    assert status(answer) == 200 and b'"known":false' in answer


def test_requests_in_a_row_are_answered_in_their_order(port):
    one = b"GET /recommendations/U-%02d?k=1 HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /version HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
    answers = sent(port, b"".join(one % number for number in range(20)) + last).split(b"HTTP/1.1 ")[1:]
    assert len(answers) == 21 and all(answer.startswith(b"200") for answer in answers)
    assert b'"items"' in answers[0] and b'"service"' in answers[-1]


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c"])
def test_no_other_protocol_is_spoken(port, upgrade):
    more = b"Connection: Upgrade\r\nUpgrade: " + upgrade + b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    answer = sent(port, b"GET /health HTTP/1.1\r\n" + HOST + more + b"Sec-WebSocket-Version: 13\r\n\r\n")
    assert status(answer) == 200
