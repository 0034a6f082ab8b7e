"""A small shop with every part of the service, and the service as people start it: real processes and sockets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest

from engine.recommending.training import train_pipeline
from engine.serve.config import ServeConfig
from engine.serve.keys import SCOPES, Keys
from engine.serve.storage import Database, database_url
from engine.settings import PROJECT
from engine.workflows import train_tagger
from engine.workspace import Workspace
from tests.searched import build
from tests.tagged import fill, made

START = datetime(2024, 3, 1, tzinfo=UTC)
SOURCES = ("item_knn", "popular")
STARTING = 240  # seconds that a service may take to answer first


def build_whole(home: Path, name: str = "demo", *, items: int = 40, users: int = 40) -> Workspace:
    """A workspace with a pipeline, a tagger and a search: users U-00, U-01, … viewed and bought SKU-000, SKU-001, …"""
    workspace = fill(Workspace.create(home / name), made(items))
    rng, rows = np.random.default_rng(5), []
    for user in range(users):
        for item in rng.permutation(items)[:8]:
            moment = START + timedelta(hours=float(rng.uniform(0, 1440)))
            rows += [
                {"user_id": f"U-{user:02d}", "item_id": f"SKU-{item:03d}", "event": event, "timestamp": moment}
                for event in ("view", "transaction")[: 1 + int(rng.integers(2))]
            ]
    tables = {table: workspace.read(table) for table in ("items", "reviews", "tags")}
    with workspace.replace_tables("test") as writer:
        for table, frame in tables.items():
            writer.write(table, frame)
        writer.write("events", pa.Table.from_pylist(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.recording.log_run", lambda *_: None)
        train_tagger(workspace, "prior", seed=1)
    train_pipeline(workspace, SOURCES, seed=1, trials=2)
    build(workspace, trained=False)
    return workspace


@dataclass(frozen=True)
class Served:
    """A service under way. process: the one that looks after its workers, or the only one."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    key: str = ""

    def ask(self, path: str, body: object = None, *, timeout: float = 30) -> tuple[int, dict]:
        """The status and the document that come back. Raises OSError or http.client.HTTPException without an answer."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def workers(self) -> list[psutil.Process]:
        """The processes that answer, when there are several."""
        return [one for one in psutil.Process(self.process.pid).children() if _is_worker(one)]

    def wait_ready(self, workers: int = 1) -> None:
        """Wait until lists come from models, and that many workers live. Raises AssertionError with the log."""
        until = time.monotonic() + STARTING
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if (workers == 1 or len(self.workers()) == workers) and self.ask("/ready")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(self.log.read_text(encoding="utf-8")[-3000:])


def _is_worker(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def make_key(workspace: Workspace, url: str | None = None) -> str:
    """A key for everything, made before the service starts or while it serves."""
    database = Database(database_url(workspace.path, url))
    database.create()
    try:
        return Keys(database, remember=ServeConfig.keys_for).make("tests", tuple(SCOPES))
    finally:
        database.close()


def start(
    workspace: Workspace, *options: str, workers: int = 1, key: str = "", port: int | None = None, **environment: str
) -> Served:
    """The service over a workspace, by scripts/serve.py, as soon as it is ready; `end` it."""
    port, home = port or free_port(), workspace.path.parent
    command = [sys.executable, "scripts/serve.py", "--workspace", workspace.name, "--port", str(port), "--rate", "0"]
    command += ["--workers", str(workers), *([] if key else ["--open"]), *options]
    known = {**os.environ, "SHELFWISE_HOME": str(home), "PYTHONPATH": str(PROJECT), **environment}
    log = home / f"serve-{port}.log"
    with log.open("ab") as lines:
        process = subprocess.Popen(command, cwd=PROJECT, env=known, stderr=lines)
    served = Served(process, port, log, key)
    try:
        served.wait_ready(workers)
    except BaseException:
        end(served)
        raise
    return served


@contextmanager
def serving(
    workspace: Workspace, *options: str, workers: int = 1, key: str = "", **environment: str
) -> Iterator[Served]:
    """The service as `start` gives it; all its processes are gone at the end."""
    served = start(workspace, *options, workers=workers, key=key, **environment)
    try:
        yield served
    finally:
        end(served)


def end(served: Served) -> None:
    """Kill what is left of a service, all of it at once."""
    left = served.workers() if served.process.poll() is None else []
    for process in (served.process, *left):
        try:
            process.kill()
        except (psutil.Error, ProcessLookupError):
            continue
    served.process.wait()
    psutil.wait_procs(left, timeout=10)


def stored(workspace: Workspace, user_ids: Sequence[str], url: str | None = None) -> int:
    """How many events of these users are in the database."""
    database = Database(database_url(workspace.path, url))
    try:
        return sum(len(events) for events in database.events_of(user_ids).values())
    finally:
        database.close()
