"""The app as a person meets it: its server on a free port, and a headless Chromium. Benchmarks use these too."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,1000",
)
DRAWN = """
const app = document.querySelector('[data-testid="stApp"]')
return app?.dataset.testScriptState === "notRunning" && document.querySelector(".sw")?.shown !== undefined
"""


@contextmanager
def serve(home: Path, **more: str) -> Iterator[str]:
    """Start the app over the workspaces in `home`; yields its address once it answers, and ends it afterwards.

    more: of its environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1"]
    environment = {**os.environ, "SHELFWISE_HOME": str(home), **more}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/_stcore/health"), "the server didn't start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def browser(*flags: str, noted: bool = False) -> Iterator[webdriver.Chrome]:
    """A Chromium with a profile of its own. flags: more of its options; noted: every request is kept in its log."""
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        if noted:
            options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
        try:
            yield driver
        finally:
            driver.quit()


def wait_drawn(driver: webdriver.Chrome, *, seconds: float = 30) -> None:
    """Wait until the script has run to its end and our markup stands on the page."""
    wait_until(lambda: driver.execute_script(DRAWN), "the page wasn't drawn", seconds=seconds)


def wait_for(driver: webdriver.Chrome, script: str, *, seconds: float = 30) -> object:
    """Wait until `script` gives something true; what it gave."""
    return wait_until(lambda: driver.execute_script(f"return {script}"), f"never true: {script}", seconds=seconds)


def wait_until(ready: Callable[[], object], complaint: str, *, seconds: float = 30) -> object:
    """Ask `ready` until it gives something true; what it gave. Raises TimeoutError with `complaint`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := ready():
            return found
        time.sleep(0.05)
    raise TimeoutError(complaint)


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=1) as answer:
            return answer.status == 200
    except (URLError, ConnectionError, TimeoutError):
        return False
