"""Where things are and how runs are seeded: the only module that reads the environment, and changes it once."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import SettingsError

PROJECT = Path(__file__).resolve().parent.parent
DEFAULT_SEED = 20240607
MOST_CONCURRENT = 64

# Threads of OpenMP that wait for each other sleep instead of spinning. It is read once, when torch or LightGBM load.
# Beside other busy processes spinning made two threads take 2.7 s for forty sentences that one encodes in 0.4 s, and
# two that sleep in 0.2 s.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


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


@dataclass(frozen=True)
class LlmSettings:
    """What the environment says about an LLM endpoint; None: it says nothing.

    base_url:    OPENAI_BASE_URL, an https address, or http on this machine
    token:       OPENAI_TOKEN; never shown, logged or saved
    model:       OPENAI_MODEL, answers prompts
    embed_model: OPENAI_EMBED_MODEL, turns texts into vectors
    concurrent:  MAX_CONCURRENT, requests under way at once (1 to 64, default 8)
    similarity:  SIMILARITY_THRESHOLD, cosine from which two tags are near enough to be one (default 0.91)
    """

    base_url: str | None = None
    token: str | None = field(default=None, repr=False)
    model: str | None = None
    embed_model: str | None = None
    concurrent: int = 8
    similarity: float = 0.91


def load_llm_settings() -> LlmSettings:
    """The endpoint's settings from the environment. Raises SettingsError naming a variable that can't be used."""
    concurrent = _number("MAX_CONCURRENT", LlmSettings.concurrent, minimum=1)
    if concurrent > MOST_CONCURRENT:
        raise SettingsError(f"MAX_CONCURRENT is {concurrent}; it must be {MOST_CONCURRENT} or less.")
    return LlmSettings(
        base_url=os.environ.get("OPENAI_BASE_URL") or None,
        token=os.environ.get("OPENAI_TOKEN") or None,
        model=os.environ.get("OPENAI_MODEL") or None,
        embed_model=os.environ.get("OPENAI_EMBED_MODEL") or None,
        concurrent=concurrent,
        similarity=_share("SIMILARITY_THRESHOLD", LlmSettings.similarity),
    )


def load_chroma_address() -> str | None:
    """SHELFWISE_CHROMA, the address of a Chroma server that holds the search indexes; None: they lie in folders."""
    return os.environ.get("SHELFWISE_CHROMA") or None


def person() -> str:
    """Who is at work, until they give a name: the user of the operating system, or "you" where it knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "you"


def load_database_url() -> str | None:
    """SHELFWISE_DATABASE, the URL of the PostgreSQL that the service stores events in; None: a file of SQLite."""
    return os.environ.get("SHELFWISE_DATABASE") or None


def load_metrics_folder() -> Path | None:
    """The folder where the processes of one service put their figures together; None: each has its own."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None


def share_metrics(folder: Path) -> None:
    """Let this process and those that it starts share their figures in `folder`; before prometheus_client loads."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def load_prometheus_address() -> str | None:
    """SHELFWISE_PROMETHEUS, where a Prometheus that watches the service answers; None: there is none to ask."""
    return os.environ.get("SHELFWISE_PROMETHEUS") or None


@dataclass(frozen=True)
class HubSettings:
    """Where models are downloaded from; None: the environment says nothing.

    endpoint:  HF_ENDPOINT, the address of a hub other than the library's own
    lora_repo: SHELFWISE_LORA_REPO, the repository there that holds the adapters
    """

    endpoint: str | None
    lora_repo: str | None


def load_hub_settings() -> HubSettings:
    """The hub's settings from the environment."""
    return HubSettings(os.environ.get("HF_ENDPOINT") or None, os.environ.get("SHELFWISE_LORA_REPO") or None)


@dataclass(frozen=True)
class TelegramSettings:
    """Where the end of a retraining is told; None: nowhere.

    token:   SHELFWISE_TELEGRAM_TOKEN, of the bot that tells it; never shown, logged or saved
    chat:    SHELFWISE_TELEGRAM_CHAT, the id of the chat
    address: SHELFWISE_TELEGRAM_ADDRESS, of a bot server other than Telegram's own: https, or http on this machine
    """

    token: str | None = field(default=None, repr=False)
    chat: str | None = None
    address: str = "https://api.telegram.org"


def load_telegram_settings() -> TelegramSettings:
    """The chat's settings from the environment."""
    return TelegramSettings(
        token=os.environ.get("SHELFWISE_TELEGRAM_TOKEN") or None,
        chat=os.environ.get("SHELFWISE_TELEGRAM_CHAT") or None,
        address=os.environ.get("SHELFWISE_TELEGRAM_ADDRESS") or TelegramSettings.address,
    )


def load_tracking_address() -> str | None:
    """MLFLOW_TRACKING_URI, the MLflow server that runs and models are logged to; None: a file in each workspace."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def keep_mlflow_silent() -> None:
    """Switch MLflow's telemetry and its printing off, unless the environment says otherwise; before it is imported."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


def keep_mlflow_quick() -> None:
    """Let a request to an MLflow server take seconds; by itself MLflow tries for a quarter of an hour."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT", "10")


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


def _share(name: str, default: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise SettingsError(f"{name} is {text!r}; it must be a number above 0 and up to 1.")
    return number
