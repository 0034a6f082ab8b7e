"""What went wrong with a request, and whether, when and how it is worth another try."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai

RETRIED = {408, 409, 425, 429}
# Parameters that some servers don't know, and what is sent instead in their order.
FALLBACKS: dict[str, tuple[str, ...]] = {
    "response_format": ("json_schema", "json_object", "none"),
    "length": ("max_completion_tokens", "max_tokens"),
    "temperature": ("zero", "none"),
}
_NAMED_BY = {
    "response_format": ("response_format", "json_schema", "json_object", "guided", "structured"),
    "length": ("max_completion_tokens", "max_tokens"),
    "temperature": ("temperature",),
}


class MalformedError(Exception):
    """A 200 whose body isn't a completion."""


@dataclass(frozen=True)
class Fault:
    """A failed try. `wait` is what the server asks for, in seconds; `charged`: it may have cost the prompt's tokens."""

    reason: str
    retry: bool
    wait: float | None = None
    charged: bool = False
    unknown_parameter: str | None = None


def fault_of(error: Exception) -> Fault:
    """What `error`, raised by a request, means for the next try."""
    if isinstance(error, openai.APIStatusError):
        return _status_fault(error)
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return Fault("no answer in time", retry=True, charged=True)
    if isinstance(error, openai.APIConnectionError):
        return Fault("the connection failed or was cut", retry=True, charged=True)
    return Fault("the answer isn't a completion", retry=True, charged=True)


def _status_fault(error: openai.APIStatusError) -> Fault:
    status, message = error.status_code, str(error.message)[:200]
    if status in (400, 422):
        text = f"{error.param} {message}".lower()
        unknown = next((name for name, words in _NAMED_BY.items() if any(word in text for word in words)), None)
        return Fault(f"status {status}: {message}", retry=False, unknown_parameter=unknown)
    retry = (status in RETRIED or status >= 500) and error.code != "insufficient_quota"
    wait = retry_after(error.response.headers.get("retry-after"), error.response.headers.get("retry-after-ms"))
    return Fault(f"status {status}: {message}", retry=retry, wait=wait)


def retry_after(header: str | None, milliseconds: str | None = None) -> float | None:
    """Seconds to wait from a Retry-After header: a number or an HTTP date; None when there is none that can be read."""
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        return None if header is None else max(0.0, float(header))
    except ValueError:
        return _seconds_until(header or "")


def _seconds_until(date: str) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def backoff(attempt: int, *, first: float, longest: float) -> float:
    """Seconds before try `attempt` + 1: doubling, half of it random so that clients don't come back together.

    After "Exponential Backoff And Jitter" (Brooker, AWS Architecture Blog, 2015), "equal jitter".
    """
    most = min(longest, first * 2.0**attempt)
    return most / 2 + random.uniform(0, most / 2)
