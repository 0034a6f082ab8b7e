"""Where things are and how runs are seeded: the only module that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SettingsError

PROJECT = Path(__file__).resolve().parent.parent
DEFAULT_SEED = 20240607


@dataclass(frozen=True)
class Settings:
    """Paths and defaults that hold for one process.

    home:      the folder of workspaces (SHELFWISE_HOME; default: `workspaces/` beside app.py)
    workspace: the workspace that scripts and the app open when none is named (SHELFWISE_WORKSPACE; default: demo)
    seed:      the seed of splits, samples and models (SHELFWISE_SEED)
    threads:   how many threads a model may use (SHELFWISE_THREADS; default: the machine's cores)
    """

    home: Path
    workspace: str
    seed: int
    threads: int


def load_settings() -> Settings:
    """Settings from the environment.

    Raises SettingsError naming the variable and its value when a number isn't one.
    """
    return Settings(
        home=Path(os.environ.get("SHELFWISE_HOME") or PROJECT / "workspaces").expanduser(),
        workspace=os.environ.get("SHELFWISE_WORKSPACE") or "demo",
        seed=_number("SHELFWISE_SEED", DEFAULT_SEED, minimum=0),
        threads=_number("SHELFWISE_THREADS", os.cpu_count() or 1, minimum=1),
    )


def keep_mlflow_silent() -> None:
    """Switch MLflow's telemetry off, unless the environment says otherwise; it holds for an import that follows."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def _number(name: str, default: int, *, minimum: int) -> int:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        number = minimum - 1
    if number < minimum:
        raise SettingsError(f"{name} is {text!r}; it must be a whole number of {minimum} or more.")
    return number
