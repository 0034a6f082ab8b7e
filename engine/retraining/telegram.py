"""A message to a Telegram chat: plain text, sent once, and whatever goes wrong is told and does no harm.

The token is part of the address, so addresses are never logged or shown; what is told of a failure is its kind alone.
"""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from engine.errors import SettingsError
from engine.llm.backends import is_local
from engine.settings import TelegramSettings

MOST = 4096  # characters of one message, by Telegram's interface
TIMEOUT = 10.0  # seconds
logger = logging.getLogger(__name__)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere."""

    def redirect_request(self, *arguments: Any) -> None:
        """None: the redirect stays an answer, of an error."""
        return


def send(settings: TelegramSettings, text: str, *, timeout: float = TIMEOUT) -> str:
    """Send `text`; in words what became of it. Nothing is raised."""
    if not settings.token or not settings.chat:
        return "Telegram isn't set up (SHELFWISE_TELEGRAM_TOKEN and SHELFWISE_TELEGRAM_CHAT), so no message was sent"
    try:
        _post(settings, text[:MOST], timeout)
    except Exception as error:  # whatever it is, the retraining is done
        reason = _kind(error)
        logger.warning("Telegram was not told (%s); the retraining is not affected.", reason)
        return f"Telegram was not told ({reason})"
    return "Telegram was told"


def _post(settings: TelegramSettings, text: str, timeout: float) -> None:
    parts = urlsplit(settings.address)
    if not (parts.scheme == "https" or (parts.scheme == "http" and is_local(settings.address))):
        raise SettingsError("its address must be https, or http on this machine")
    body = json.dumps({"chat_id": settings.chat, "text": text, "disable_web_page_preview": True}).encode()
    url = f"{settings.address.rstrip('/')}/bot{settings.token}/sendMessage"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.build_opener(_NoRedirects).open(request, timeout=timeout) as answer:
        if not json.loads(answer.read(65_536)).get("ok"):
            raise ValueError("an answer that says it is not ok")


def _kind(error: Exception) -> str:
    """What went wrong, without anything that was sent."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"it answered {error.code}"
    if isinstance(error, SettingsError):
        return str(error)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return type(reason).__name__
