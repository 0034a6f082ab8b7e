"""Threads in which answers are made, each with a deadline; the loop that reads requests never waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Work:
    """Three sorts of threads, so that slow models hold up neither events nor the loading of other models."""

    def __init__(self, threads: int, busy: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        """busy: entered by a thread as long as it makes an answer."""
        self._busy = busy
        self._answers = ThreadPoolExecutor(threads, "answer")
        self._store = ThreadPoolExecutor(2, "store")
        self._load = ThreadPoolExecutor(1, "load")

    async def answer(self, call: Callable[[], T], seconds: float) -> T:
        """What `call` gives. Raises TimeoutError after `seconds`; it is not begun then, or ends unheard."""
        return await self._within(self._answers, partial(self._counted, call), seconds)

    async def run(self, call: Callable[[], T]) -> T:
        """The same however long it takes, for whoever keeps the deadline."""
        return await asyncio.get_running_loop().run_in_executor(self._answers, self._counted, call)

    async def store(self, call: Callable[[], T], seconds: float) -> T:
        """The same for what goes to the database; what ran into the deadline may still be stored."""
        return await self._within(self._store, call, seconds)

    async def load(self, call: Callable[[], T]) -> T:
        """What `call` gives, one after the other and however long it takes."""
        return await asyncio.get_running_loop().run_in_executor(self._load, call)

    def _counted(self, call: Callable[[], T]) -> T:
        with self._busy():
            return call()

    async def _within(self, threads: ThreadPoolExecutor, call: Callable[[], T], seconds: float) -> T:
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(threads, call), seconds)

    def close(self) -> None:
        """End when what runs has ended; what waits is dropped, except for what goes to the database."""
        for threads, dropped in ((self._store, False), (self._load, True), (self._answers, True)):
            threads.shutdown(wait=True, cancel_futures=dropped)
