"""Rolling windows: at which moments lists are asked for, and until when what users did counts as their answer.

Valid and test are those of the shop's split, asked as recommenders are asked, so that figures compare. Train is made of
the windows before valid, each as many events long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from engine.errors import DataError, SettingsError
from engine.recommend.evaluation import Task, make_task
from engine.recommending.shop import Shop


@dataclass(frozen=True)
class Window:
    """A part of the events: `part` is train, valid or test; what happens from `start` until `end` is the answer."""

    part: str
    start: datetime
    end: datetime | None

    @property
    def name(self) -> str:
        """The part and the day on which it begins."""
        return f"{self.part} {self.start:%Y-%m-%d %H:%M}"


def windows_of(shop: Shop, *, n_train: int, share: float) -> list[Window]:
    """`n_train` windows of `share` of all events each, the last of which ends where valid begins; then valid and test.

    Raises SettingsError when they don't fit into train, DataError when its events have too few moments.
    """
    before = shop.split.sizes["train"] / len(shop.log) - n_train * share
    if n_train < 1 or not 0 < share < 1 or before < 1e-9:
        raise SettingsError(
            f"{n_train} windows of {share:g} of the events each leave nothing of train to learn from before the "
            "first; choose fewer or shorter ones."
        )
    times = np.sort(shop.log.micros)
    starts = [_moment(int(times[int(len(times) * (before + n * share))])) for n in range(n_train)]
    valid, test = shop.split.cutoffs
    bounds = sorted({*starts, valid})
    train = [Window("train", start, end) for start, end in pairwise(bounds) if end <= valid]
    if not train:
        raise DataError("The events of train are too few to make windows of; import more events.")
    return [*train, Window("valid", valid, test), Window("test", test, None)]


def task_of(shop: Shop, window: Window) -> Task:
    """What is asked in `window`; for valid and test it is what recommenders are measured by."""
    if window.part in ("valid", "test"):
        return shop.task(window.part)
    config = shop.config
    return make_task(
        shop.log,
        shop.catalogue,
        config.events,
        start=window.start,
        end=window.end,
        rules=config.rules,
        targets=config.targets,
    )


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
