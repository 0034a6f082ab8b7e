"""Reads of something far away that may hang without a word: whoever waits for one goes without it after a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from engine.errors import StorageError

T = TypeVar("T")
REST = 1.0  # seconds after one that hung in which no other is begun


class Patience:
    """Threads for such reads. seconds: how long one may take; threads: how many may hang at once."""

    def __init__(self, seconds: float, threads: int = 8, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._threads = ThreadPoolExecutor(threads, "read")
        self._rests_until = -float("inf")

    def read(self, call: Callable[[], T]) -> T:
        """What `call` gives. Raises StorageError when it takes too long, and at once shortly after that."""
        if self._clock() < self._rests_until:
            raise StorageError("The database of the service didn't answer a moment ago.")
        reading = self._threads.submit(call)
        try:
            return reading.result(self._seconds)
        except TimeoutError:
            reading.cancel()
            self._rests_until = self._clock() + REST
            raise StorageError(f"The database of the service didn't answer in {self._seconds:g} s.") from None

    def close(self) -> None:
        """End when what runs has ended."""
        self._threads.shutdown(wait=True, cancel_futures=True)
