"""The service as people start it: a process, or several, on a real socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from engine.settings import PROJECT


def ask(port: int, path: str, body: dict | None = None) -> tuple[int, dict]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def started(home, *options: str) -> tuple[subprocess.Popen, int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "scripts/serve.py", "--open", "--rate", "0", "--port", str(port), *options]
    known = {**os.environ, "SHELFWISE_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    log = home / f"serve-{port}.log"
    with log.open("wb") as lines:  # a pipe that nobody reads fills up, and then a process can't even end
        process = subprocess.Popen(command, cwd=PROJECT, env=known, stderr=lines)
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            if ask(port, "/health")[0] == 200:
                return process, port
        except OSError:
            time.sleep(0.1)
    process.kill()
    process.wait()
    raise AssertionError(log.read_text(encoding="utf-8"))
