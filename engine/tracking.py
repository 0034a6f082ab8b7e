"""Runs, trainings and what serves in MLflow, a second view of them; what a workspace holds is the truth.

Without a server that is a file in the workspace: mlflow ui --backend-store-uri sqlite:///<workspace>/mlflow.db. With
MLFLOW_TRACKING_URI it is the server there, and its registry has each version that served, the one that serves now under
the alias "current". Nothing here fails who calls it. Weights stay in the workspace: MLflow gets the card, reports and
pictures. Importing MLflow takes one to two seconds, and so does the first run of a workspace, which makes its tables;
later ones take a tenth of a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.artifacts import CARD, ArtifactStore, Card
from engine.runs import RUN, Run
from engine.tracking_place import Place, experiment, place_of, reach
from engine.workspace import Workspace

ALIAS = "current"
MAX_VALUE = 6000  # characters that MLflow stores of a parameter
MAX_TAG = 5000  # characters that it stores of a tag
MAX_BATCH = 100  # parameters that it takes at once
MAX_FILE = 5_000_000  # bytes of a file that is worth a copy


def tracking_address(workspace: Workspace) -> str:
    """The address of the MLflow store that the workspace's runs go to, for `mlflow ui --backend-store-uri`."""
    return place_of(workspace).shown


def log_run(workspace: Workspace, run: Run, metrics: Mapping[str, float]) -> str | None:
    """Log `run` and its figures, under an experiment named after its kind.

    Parameters are the run's configuration and seed; tags are its id, data hash, split, eligibility and versions.
    MLflow allows no "@" in names, so p@3 becomes p_at_3. Returns MLflow's id of the run, or None after a warning in
    the log when tracking failed for whatever reason: the run itself is stored already.
    """
    tags = {"run": run.id, "data_hash": run.data_hash, "split": run.split, "eligibility": run.eligibility}
    tags |= {f"version.{name}": version for name, version in run.versions.items()}
    parameters = {"model": run.model, "seed": run.seed, **run.config}

    def log(client: Any, place: Place) -> str:
        file = workspace.path / "runs" / run.id / RUN
        return _log(client, place, run.kind, run.id, parameters=parameters, metrics=metrics, tags=tags, files=[file])

    return reach(workspace, f"Run {run.id} is stored", log)


def log_training(workspace: Workspace, card: Card) -> str | None:
    """Log the training of `card`: its configuration, its figures on valid, where it comes from, and its card.

    Returns MLflow's id of the run, or None as in `log_run`.
    """

    def log(client: Any, place: Place) -> str:
        return _log_card(client, place, workspace, card)

    return reach(workspace, f"{card.kind}/{card.name} {card.version} is kept", log)


def log_files(workspace: Workspace, kind: str, name: str, version: str, files: Iterable[Path]) -> str | None:
    """Add reports and pictures to the training of an artifact's version; those above 5 MB stay out.

    A training that wasn't logged is logged now. Returns MLflow's id of the run, or None as in `log_run`.
    """

    def log(client: Any, place: Place) -> str:
        card = ArtifactStore(workspace).card(kind, name, version)
        run_id = _find(client, place, card) or _log_card(client, place, workspace, card)
        _add(client, run_id, files)
        return run_id

    return reach(workspace, f"What {kind}/{name} {version} brought is kept", log)


def register(
    workspace: Workspace,
    kind: str,
    name: str,
    version: str,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> str | None:
    """Tell a server's registry that `version` of the artifact `kind`/`name` serves, under the alias "current".

    A version that was registered before is not registered again, the alias moves. metrics: figures to add to its
    training; tags: why it serves, by whom, and the like. Returns "<model>/<number>" as the registry has it; None
    without a server, or as in `log_run`.
    """
    if not place_of(workspace).shared:
        return None

    def enter(client: Any, place: Place) -> str:
        card = ArtifactStore(workspace).card(kind, name, version)
        run_id = _find(client, place, card) or _log_card(client, place, workspace, card)
        if metrics:
            client.log_batch(run_id, metrics=_metrics(metrics))
        model = place.model(kind, name)
        number = _entry(client, model, run_id, card)
        for key, value in (tags or {}).items():
            client.set_model_version_tag(model, number, key, value[:MAX_TAG])
        client.set_registered_model_alias(model, ALIAS, number)
        return f"{model}/{number}"

    return reach(workspace, f"{kind}/{name} {version} serves", enter)


def _entry(client: Any, model: str, run_id: str, card: Card) -> str:
    """The number of the card's version in the registry, entered when it isn't there yet."""
    if not client.search_registered_models(f"name = '{model}'", max_results=1):
        client.create_registered_model(model, tags={"artifact": f"{card.kind}/{card.name}"})
    known = client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'", max_results=1)
    if known:
        return str(known[0].version)
    source = client.get_run(run_id).info.artifact_uri
    made = client.create_model_version(model, source, run_id, tags=_card_tags(card), await_creation_for=0)
    return str(made.version)


def _find(client: Any, place: Place, card: Card) -> str | None:
    """MLflow's id of the run that logged the training of `card`."""
    home = experiment(client, place, _trainings(card))
    found = client.search_runs([home], f"tags.version = '{card.version}' and tags.artifact = '{card.kind}/{card.name}'")
    return str(found[0].info.run_id) if found else None


def _log_card(client: Any, place: Place, workspace: Workspace, card: Card) -> str:
    folder = workspace.path / "artifacts" / card.kind / card.name / card.version
    return _log(
        client,
        place,
        _trainings(card),
        f"{card.name} {card.version}",
        parameters={"model": card.name, "seed": card.seed, **card.config},
        metrics=card.metrics,
        tags=_card_tags(card) | {f"version.{name}": version for name, version in card.libraries.items()},
        files=[folder / CARD],
    )


def _trainings(card: Card) -> str:
    return f"trained {card.kind}"


def _card_tags(card: Card) -> dict[str, str]:
    named = {"artifact": f"{card.kind}/{card.name}", "version": card.version}
    return {**named, "data_hash": card.data_hash, "split": card.split}


def _log(
    client: Any,
    place: Place,
    home: str,
    name: str,
    *,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    files: Iterable[Path],
) -> str:
    """Make a run of MLflow; its files come last, so that a store of files that fails costs the files only."""
    from mlflow.entities import Param

    said = {key: value[:MAX_TAG] for key, value in {**tags, "workspace": place.workspace}.items()}
    run_id = str(client.create_run(experiment(client, place, home), run_name=name, tags=said).info.run_id)
    client.log_batch(run_id, metrics=_metrics(metrics))
    params = [Param(key, str(value)[:MAX_VALUE]) for key, value in parameters.items()]
    for start in range(0, len(params), MAX_BATCH):
        client.log_batch(run_id, params=params[start : start + MAX_BATCH])
    client.set_terminated(run_id)
    _add(client, run_id, files)
    return run_id


def _add(client: Any, run_id: str, files: Iterable[Path]) -> None:
    for file in files:
        if file.is_file() and file.stat().st_size <= MAX_FILE:
            client.log_artifact(run_id, str(file))


def _metrics(metrics: Mapping[str, float]) -> list[Any]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(name.replace("@", "_at_"), value, now, 0) for name, value in metrics.items()]
