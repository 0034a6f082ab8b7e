"""A part of the service that is replaced while it serves: made and checked beside the old one, then put in its place.

Whoever answers a request takes `current` once and keeps it to the end, so a swap never changes an answer half way, and
a version that can't be opened or fails its check leaves the one that serves as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Literal, TypeVar

from engine.errors import NotBuiltError, ShelfwiseError

T = TypeVar("T")
Outcome = Literal["same", "swapped", "failed"]


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """What serves: the value, what it was opened from, its version for people, and when that was made (seconds since
    1970, 0 where nothing says)."""

    value: T
    version: str
    label: str
    made: float


class Slot(Generic[T]):
    """One replaceable part.

    version: what would be opened now, as text; open: opens it; check: raises ShelfwiseError when it mustn't serve;
    made: when the version was made; label: its version in a few characters; retry: seconds until a version that failed
    is tried again. `problem` is why the newest version doesn't serve, "" when it does.
    """

    def __init__(
        self,
        name: str,
        *,
        version: Callable[[], str],
        open: Callable[[], T],
        retry: float,
        check: Callable[[T], None] = lambda value: None,
        made: Callable[[], float] = lambda: 0.0,
        label: Callable[[T], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self._version, self._open, self._check, self._made = name, version, open, check, made
        self.current: Loaded[T] | None = None
        self.problem = ""
        self._label = label
        self._retry, self._clock = retry, clock
        self._failed, self._tried = "", -float("inf")
        self._busy = Lock()

    def refresh(self) -> Outcome:
        """Put the version that the pointers name into its place, unless it is there already.

        "failed" is told once for each try; where nothing is built, nothing has failed.
        """
        with self._busy:
            try:
                version = self._version()
            except NotBuiltError as error:
                self.problem = str(error)
                return "same"
            except (ShelfwiseError, OSError) as error:
                return self._fail("", error)
            if self.current and version == self.current.version:
                self._failed, self.problem = "", ""
                return "same"
            if version == self._failed and self._clock() < self._tried + self._retry:
                return "same"
            return self._swap(version)

    def _swap(self, version: str) -> Outcome:
        self._tried = self._clock()
        try:
            value = self._open()
            self._check(value)
            if self._version() != version:  # promoted meanwhile: the next look opens it whole
                return "same"
            label = self._label(value) if self._label else version
            self.current = Loaded(value, version, label, self._made())
        except NotBuiltError as error:  # a part that is built by and by; where one serves already, it goes on
            if self.current:
                return self._fail(version, error)
            self._failed, self.problem = version, str(error)
            return "same"
        except Exception as error:  # a damaged file may fail in any way, and the old one must go on serving
            return self._fail(version, error)
        self._failed, self.problem = "", ""
        return "swapped"

    def _fail(self, version: str, error: Exception) -> Outcome:
        before, self.problem = self.problem, f"{type(error).__name__}: {error}"
        self._failed = version
        return "failed" if version or self.problem != before else "same"
