"""Where MLflow keeps what is logged, and reaching it: quietly, within seconds, and without ever failing who asks.

That is a file in the workspace, or the server that MLFLOW_TRACKING_URI names, which workspaces share: there the names
of experiments and models begin with the workspace's. A server that failed or took too long isn't asked again for a
minute, so that a training with twenty runs waits for it once.
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from engine.settings import keep_mlflow_quick, keep_mlflow_silent, load_tracking_address
from engine.workspace import Workspace

DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
LIMIT = 10.0  # seconds that all requests of one thing logged may take at a server
REST = 60.0  # seconds that a server is left alone after it failed
NOISY = ("mlflow", "alembic", "urllib3")
logger = logging.getLogger("engine.tracking")
Given = TypeVar("Given")
_resting: dict[str, float] = {}  # by address: until when, on the monotonic clock


@dataclass(frozen=True)
class Place:
    """Where things are logged.

    address: of the store; shared: whether it is a server, which other workspaces log to as well; workspace: whose
    things are logged; artifacts: where files of new experiments go, None: where the server puts them.
    """

    address: str
    shared: bool
    workspace: str
    artifacts: str | None

    def named(self, name: str) -> str:
        """What an experiment called `name` is called there."""
        return f"{self.workspace}/{name}" if self.shared else name

    def model(self, kind: str, name: str) -> str:
        """What the registry calls an artifact; MLflow takes no / and no : in such names."""
        return re.sub(r"[^\w.-]+", "_", f"{self.workspace}.{kind}.{name}")

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return re.sub(r"//[^/@]*@", "//", self.address)


def place_of(workspace: Workspace) -> Place:
    """Where the things of `workspace` are logged."""
    address = load_tracking_address()
    if address:
        return Place(address, True, workspace.name, None)
    path = workspace.path.resolve()
    return Place(f"sqlite:///{path / DATABASE}", False, workspace.name, Path(path / ARTIFACTS).as_uri())


def reach(workspace: Workspace, what: str, work: Callable[[Any, Place], Given]) -> Given | None:
    """What `work(client, place)` gives; None after a warning in the log when it failed for whatever reason.

    what: the beginning of that warning: what is safe all the same.
    """
    place = place_of(workspace)
    if _resting.get(place.address, 0.0) > time.monotonic():
        logger.info("%s, and %s rests.", what, place.shown)
        return None
    try:
        with _without_deprecations():
            mlflow = _load()
            with _without_chatter():
                return _within(LIMIT if place.shared else None, lambda: work(_client(mlflow, place), place))
    except Exception as error:  # any failure of the second view; it must not cost what was made
        if place.shared:
            _resting[place.address] = time.monotonic() + REST
        reason = f"{type(error).__name__}: {error}".replace(place.address, place.shown)
        logger.warning("%s, but MLflow has not logged it (%s); %s.", what, reason, _way_out(workspace, place))
        return None


def experiment(client: Any, place: Place, name: str) -> str:
    """The id of the experiment called `name` there, made when there is none."""
    known = client.get_experiment_by_name(place.named(name))
    if known is not None:
        return str(known.experiment_id)
    try:
        return str(client.create_experiment(place.named(name), artifact_location=place.artifacts))
    except Exception:  # another process was quicker, or it can't be made
        known = client.get_experiment_by_name(place.named(name))
        if known is None:
            raise
        return str(known.experiment_id)


def _load() -> Any:
    keep_mlflow_silent()
    keep_mlflow_quick()
    import mlflow

    return mlflow


def _client(mlflow: Any, place: Place) -> Any:
    return mlflow.MlflowClient(tracking_uri=place.address, registry_uri=place.address)


def _within(seconds: float | None, work: Callable[[], Given]) -> Given:
    """What `work` gives, with a limit in a thread of its own: requests have limits, but a trickle of bytes has none."""
    if seconds is None:
        return work()
    given: list[Given] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            given.append(work())
        except Exception as error:
            failed.append(error)

    thread = Thread(target=run, name="mlflow", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not given:
        raise TimeoutError(f"no end after {seconds:g} s")
    return given[0]


def _way_out(workspace: Workspace, place: Place) -> str:
    if place.shared:
        return f"nothing is logged to {place.shown} for {REST:g} s; look at that server, or unset MLFLOW_TRACKING_URI"
    return f"if this goes on, remove {workspace.path / DATABASE}, and MLflow starts anew"


@contextmanager
def _without_deprecations() -> Iterator[None]:
    """Hold back what MLflow's own libraries deprecate in each other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", message=".*loader strategy is deprecated")  # SQLAlchemy's own category
        yield


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold back what MLflow and its migrations log, tracebacks included: what fails is raised and said in one sentence.

    Importing MLflow sets levels, so use it after.
    """
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in NOISY}
    try:
        for noisy in levels:
            noisy.setLevel(logging.CRITICAL)
        yield
    finally:
        for noisy, level in levels.items():
            noisy.setLevel(level)
