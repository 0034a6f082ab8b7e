"""The demo store as its script makes it, once for a test run: it takes minutes where processors are busy."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock

from engine.workspace import Workspace

TABLES = ("items", "reviews", "events", "tags", "judgments", "mentions")
PROJECT = Path(__file__).resolve().parent.parent
DONE = "done"


def shared_home(base: Path) -> Path:
    """The home that all workers of a test run share, made by the first one that asks. base: of this worker's files."""
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo-home"
    with FileLock(f"{shared}.lock"):
        if not (shared / DONE).exists():
            _make(shared)
            (shared / DONE).touch()
    return shared


def _make(home: Path) -> None:
    """Kill the script twice, then let it finish."""
    for wait in (1.5, 3.0):
        process = _script(home)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (home / "demo" / "workspace.json").exists():
            assert set(Workspace.open(home / "demo").tables) in (set(), set(TABLES))
    process = _script(home)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()


def _script(home: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "scripts/prepare_demo.py", "--if-missing"]
    environment = {**os.environ, "SHELFWISE_HOME": str(home)}
    return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
