"""Runs in MLflow, so that its own interface shows them: mlflow ui --backend-store-uri sqlite:///<workspace>/mlflow.db

MLflow is a second view. The workspace's `runs/` is the truth, so a failure here is reported and loses nothing.
Importing MLflow takes one to two seconds and the first run of a workspace one or two more, while it makes its tables;
later ones take a tenth of a second. Nothing leaves the machine: its telemetry is switched off.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.runs import Run
from engine.settings import keep_mlflow_silent
from engine.workspace import Workspace

DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
MAX_VALUE = 6000  # characters that MLflow stores of a parameter
MAX_BATCH = 100  # parameters that it takes at once
NOISY = ("mlflow", "alembic")
logger = logging.getLogger(__name__)


def tracking_address(workspace: Workspace) -> str:
    """The address of the workspace's MLflow store, for `mlflow ui --backend-store-uri`."""
    return f"sqlite:///{(workspace.path / DATABASE).resolve()}"


def log_run(workspace: Workspace, run: Run, metrics: Mapping[str, float]) -> str | None:
    """Log `run` and its figures to the workspace's MLflow store, under an experiment named after its kind.

    Parameters are the run's configuration and seed; tags are its id, data hash, split, eligibility and versions.
    MLflow allows no "@" in names, so p@3 becomes p_at_3. Returns MLflow's id of the run, or None after a warning in
    the log when tracking failed for whatever reason: the run itself is stored already.
    """
    try:
        with _without_deprecations():
            mlflow = _load()
            with _without_chatter():
                return _log(mlflow, workspace, run, metrics)
    except Exception as error:  # any failure of the second view; it must not cost the evaluation
        reason = f"{type(error).__name__}: {error}"
        way_out = f"if this goes on, remove {workspace.path / DATABASE}, and MLflow starts anew"
        logger.warning("Run %s is stored, but MLflow has not logged it (%s); %s.", run.id, reason, way_out)
        return None


def _log(mlflow: Any, workspace: Workspace, run: Run, metrics: Mapping[str, float]) -> str:
    address = tracking_address(workspace)
    client = mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
    logged = client.create_run(_experiment(client, workspace, run.kind), run_name=run.id, tags=_tags(run))
    now = int(time.time() * 1000)
    entities = mlflow.entities
    client.log_batch(
        logged.info.run_id,
        metrics=[entities.Metric(name.replace("@", "_at_"), value, now, 0) for name, value in metrics.items()],
    )
    parameters = [entities.Param(name, value[:MAX_VALUE]) for name, value in _parameters(run).items()]
    for start in range(0, len(parameters), MAX_BATCH):
        client.log_batch(logged.info.run_id, params=parameters[start : start + MAX_BATCH])
    client.set_terminated(logged.info.run_id)
    return str(logged.info.run_id)


def _load() -> Any:
    keep_mlflow_silent()
    import mlflow

    return mlflow


def _experiment(client: Any, workspace: Workspace, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    artifacts = Path(workspace.path / ARTIFACTS).resolve().as_uri()
    return str(client.create_experiment(name, artifact_location=artifacts))


def _parameters(run: Run) -> dict[str, str]:
    return {"model": run.model, "seed": str(run.seed), **{name: str(value) for name, value in run.config.items()}}


def _tags(run: Run) -> dict[str, str]:
    tags = {"run": run.id, "data_hash": run.data_hash, "split": run.split, "eligibility": run.eligibility}
    return tags | {f"version.{name}": version for name, version in run.versions.items()}


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
