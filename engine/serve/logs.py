"""Logs as one JSON object a line, which never hold who a user is or what was asked for.

Known fields only are written: routes as in the code, ids of requests and of keys, types of errors and where they rose.
A message of an exception may repeat a user's id, so it stays out, unless it is the engine's own about a model.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

NAME = "shelfwise.serve"
_LOGGER = logging.getLogger(NAME)
FRAMES = 8  # of a traceback, the innermost


class JsonLines(logging.Formatter):
    """A record as a line of JSON: when, how bad, what, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line break in it."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "process": record.process,
            **getattr(record, "fields", {}),
        }
        return orjson.dumps(line, default=str).decode()


def logger() -> logging.Logger:
    """The service's own logger."""
    return _LOGGER


def write_logs(stream: TextIO | None = None, *, level: int = logging.INFO) -> None:
    """Write what the service logs to `stream` (default: standard error), once however often it is called."""
    own = logger()
    own.handlers.clear()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    own.addHandler(handler)
    own.setLevel(level)
    own.propagate = False


def log(message: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log `message` with fields; those that are None are left out."""
    if not _LOGGER.isEnabledFor(level):
        return
    known = {name: value for name, value in fields.items() if value is not None}
    # a record without the place in the code that it comes from, which takes longer to find than the line to write
    _LOGGER.handle(_LOGGER.makeRecord(NAME, level, "", 0, message, (), None, extra={"fields": known}))


def log_failure(message: str, error: BaseException, **fields: object) -> None:
    """Log that something failed: the type of the error and where it rose, without its message."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    log(message, level=logging.ERROR, error=type(error).__name__, where=where, **fields)
