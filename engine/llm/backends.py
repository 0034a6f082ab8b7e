"""Where the LLM is: presets by name, filled from the environment and checked before anything is sent."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from engine.errors import SettingsError, UnknownNameError, shown
from engine.settings import LlmSettings

EMBEDDED = "embedded"


@dataclass(frozen=True)
class Backend:
    """A preset. `local` servers need no key; a missing model must come from the environment."""

    base_url: str
    model: str | None
    embed_model: str | None
    local: bool


BACKENDS = {
    "openai": Backend("https://api.openai.com/v1", "gpt-4.1-mini", "text-embedding-3-small", local=False),
    "ollama": Backend("http://127.0.0.1:11434/v1", "qwen3:8b", "bge-m3", local=True),
    "vllm": Backend("http://127.0.0.1:8000/v1", None, None, local=True),
}


@dataclass(frozen=True)
class Endpoint:
    """One address and the models asked there. The token is left out of its repr."""

    base_url: str
    model: str
    embed_model: str | None
    concurrent: int
    token: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The address's host, for messages."""
        return urlsplit(self.base_url).netloc


def find_endpoint(name: str | None, settings: LlmSettings) -> Endpoint | None:
    """The endpoint called `name`, or, without a name, the one that the environment configures; None: use no LLM.

    A local preset keeps its own address unless OPENAI_BASE_URL is on this machine too. Raises UnknownNameError, and
    SettingsError for an address that is neither https nor on this machine, a missing key and a missing model.
    """
    if name == EMBEDDED or (name is None and not (settings.base_url or settings.token)):
        return None
    if name is not None and name not in BACKENDS:
        raise UnknownNameError("backend", name, [*BACKENDS, EMBEDDED])
    preset = BACKENDS[name or "openai"]
    base_url = settings.base_url or preset.base_url
    if preset.local and not is_local(base_url):
        base_url = preset.base_url
    check_address(base_url)
    model = settings.model or preset.model
    if model is None:
        raise SettingsError(f"--backend {name} knows no model of its own; name it in OPENAI_MODEL.")
    if settings.token is None and not is_local(base_url):
        raise SettingsError(f"{base_url} needs a key; put it in OPENAI_TOKEN, or choose --backend {EMBEDDED}.")
    return Endpoint(base_url, model, settings.embed_model or preset.embed_model, settings.concurrent, settings.token)


def check_address(url: str) -> None:
    """Raise SettingsError unless `url` is https, or http on this machine, without a name or password in it."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError when it isn't a port
    except ValueError:
        raise SettingsError(f"OPENAI_BASE_URL is {shown(url)}, which is no address.") from None
    if parts.username or parts.password:
        raise SettingsError("OPENAI_BASE_URL holds a user name or a password; put the key in OPENAI_TOKEN.")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_local(url))):
        allowed = "an https address, or http on this machine (localhost, 127.0.0.1)"
        raise SettingsError(f"OPENAI_BASE_URL is {shown(url)}; it must be {allowed}.")


def is_local(url: str) -> bool:
    """Whether the address is this machine's own loopback interface."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
