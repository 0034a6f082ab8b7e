"""Work that takes less at once when memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from engine.errors import SettingsError

T = TypeVar("T")
SAID = ("out of memory", "can't allocate memory", "not enough memory")  # by allocators that raise a bare RuntimeError


def until_it_fits(work: Callable[[int], T], at_once: int) -> tuple[T, int]:
    """`work(at_once)`, with half as many at once each time that memory runs out; also how many it was in the end.

    Raises SettingsError when it doesn't fit even one by one.
    """
    while True:
        try:
            return work(at_once), at_once
        except (RuntimeError, MemoryError) as error:
            if not (isinstance(error, MemoryError) or any(said in str(error) for said in SAID)):
                raise
        if at_once == 1:
            raise SettingsError(
                "There isn't enough memory for a single list; make the network smaller (width, layers, max_events), or "
                "give it fewer candidates."
            )
        at_once //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
