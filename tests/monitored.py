"""A real Prometheus over deploy/prometheus, asked by its own interface; tests skip where it isn't installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.settings import PROJECT
from tests.running import free_port

DEPLOY = PROJECT / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
KEY_FILE, SERVICE, ITSELF, EVERY = "/run/secrets/metrics_key", "service:8600", "localhost:9090", "15s"


def tool(name: str) -> str:
    """Where a program of Prometheus is; skips the test where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (apt-get install prometheus)")
    return found


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with each of the changes, which must be there to be made."""
    for old, new in changes.items():
        assert old in text, f"{old} is not in the file any more"
        text = text.replace(old, new)
    return text


def until(told: Callable[[], Any], seconds: float = 120) -> Any:
    """What `told` gives as soon as it is something; an address that doesn't answer yet is nothing."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := told():
                return found
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{told} gave nothing within {seconds} s")


class Prometheus:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def get(self, path: str, **asked: str) -> Any:
        """The data of an answer of its HTTP interface. Raises AssertionError with its message for an error."""
        query = urllib.parse.urlencode({name.replace("match", "match[]"): value for name, value in asked.items()})
        try:
            with urllib.request.urlopen(f"{self.address}/api/v1/{path}?{query}", timeout=30) as answer:
                said = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{asked}: {error.read().decode()}") from None
        assert said["status"] == "success", said
        return said["data"]

    def ask(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """The labels and values that a query gives now."""
        return [(one["metric"], float(one["value"][1])) for one in self.get("query", query=expr)["result"]]

    def ready(self) -> bool:
        with urllib.request.urlopen(f"{self.address}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)


@contextmanager
def prometheus(folder: Path, targets: list[str], key: str) -> Iterator[Prometheus]:
    """The server of deploy/prometheus, over other targets and every two seconds; its data lies in `folder`."""
    program, port = tool("prometheus"), free_port()
    (folder / "key").write_text(key)
    shutil.copy(RULES, folder)
    addresses = {SERVICE: ", ".join(targets), ITSELF: f"127.0.0.1:{port}", KEY_FILE: str(folder / "key"), EVERY: "2s"}
    (folder / CONFIG.name).write_text(replaced(CONFIG.read_text(), addresses))
    command = [program, f"--config.file={folder / CONFIG.name}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=log, stdout=log)
    try:
        server = Prometheus(port)
        until(server.ready)
        yield server
    finally:
        process.terminate()
        process.wait(30)
