"""Logs as one JSON object a line, which never hold who a user is or what was asked for.

Known fields only are written: routes as in the code, ids of requests and of keys, types of errors and where they rose.
A message of an exception may repeat a user's id, so it stays out, unless it is the engine's own about a model.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TextIO

import orjson

NAME = "shelfwise.serve"
_LOGGER = logging.getLogger(NAME)
SOON = 0.1  # seconds until lines about answers are written
FRAMES = 8  # of a traceback, the innermost


class JsonLines(logging.Formatter):
    """A record as a line of JSON: when, how bad, what, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line break in it."""
        fields = getattr(record, "fields", {})
        return _line(record.created, record.levelname.lower(), record.getMessage(), record.process, fields)


class Lines:
    """Lines about answers, which are many: written together, some times a second and at the end.

    A killed process loses those of its last moment; what goes wrong is logged at once (`log`, `log_failure`), so it may
    stand before answers that were given earlier. To be used in one event loop.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, str, dict[str, object]]] = []
        self._due: asyncio.TimerHandle | None = None

    def log(self, message: str, **fields: object) -> None:
        """Log `message` soon; fields that are None are left out."""
        if not _LOGGER.isEnabledFor(logging.INFO):
            return
        self._waiting.append((time.time(), message, fields))
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(SOON, self.write)

    def write(self) -> None:
        """Write all that waits."""
        waiting, self._waiting, self._due = self._waiting, [], None
        process = os.getpid()
        lines = [
            _line(at, "info", message, process, {name: value for name, value in fields.items() if value is not None})
            for at, message, fields in waiting
        ]
        for handler in _LOGGER.handlers if lines else ():
            if isinstance(handler, logging.StreamHandler):
                with handler.lock or nullcontext():
                    handler.stream.write("\n".join([*lines, ""]))
                    handler.flush()


def _line(at: float, level: str, message: str, process: int | None, fields: Mapping[str, object]) -> str:
    """at: seconds since 1970."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    line = {"time": moment, "level": level, "message": message, "process": process, **fields}
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
