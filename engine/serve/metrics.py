"""What Prometheus reads of the service: traffic, errors, latency by route and stage, saturation, and of the models.

Labels hold routes as they are written in the code ("/similar/{item_id}"), never what was asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from engine.serve.slots import Outcome, Slot
from engine.settings import load_metrics_folder

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The figures of one process; where several share a folder (`load_metrics_folder`), `text` adds them up."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter("shelfwise_requests", "Answers", ["route", "method", "status"], registry=own)
        self.seconds = Histogram("shelfwise_request_seconds", "Answering", ["route"], registry=own, buckets=SECONDS)
        self.stages = Histogram("shelfwise_stage_seconds", "A stage", ["stage"], registry=own, buckets=SECONDS)
        self.in_flight = Gauge("shelfwise_requests_in_flight", "Now", registry=own, multiprocess_mode="livesum")
        self.errors = Counter("shelfwise_errors", "Failures inside, by their type", ["route", "kind"], registry=own)
        self.lists = Counter("shelfwise_lists", "Lists recommended", ["user"], registry=own)
        self.items = Counter("shelfwise_recommended_items", "Items in these lists", registry=own)
        self.fallbacks = Counter("shelfwise_fallbacks", "Popular items instead", ["route", "reason"], registry=own)
        self.events = Counter("shelfwise_events", "Events told", ["event", "outcome"], registry=own)
        self.adjusted = Counter("shelfwise_events_adjusted", "Late, or ahead of the clock", ["why"], registry=own)
        self.swaps = Counter("shelfwise_model_swaps", "New versions", ["part", "outcome"], registry=own)
        self.model = Gauge(
            "shelfwise_model_info", "1: serves", ["part", "version"], registry=own, multiprocess_mode="livemax"
        )
        self.made = Gauge(
            "shelfwise_model_made_seconds", "When it was made", ["part"], registry=own, multiprocess_mode="livemax"
        )
        self._shown: dict[str, str] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure one stage of an answer, whether it goes well or not."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages.labels(name).observe(time.perf_counter() - start)

    def looked(self, slot: Slot[Any], outcome: Outcome) -> None:
        """Note how a look for a newer version went."""
        if outcome != "same":
            self.swaps.labels(slot.name, outcome).inc()
        if outcome != "swapped" or not slot.current:
            return
        if slot.name in self._shown:
            self.model.labels(slot.name, self._shown[slot.name]).set(0)
        self._shown[slot.name] = slot.current.label
        self.model.labels(slot.name, slot.current.label).set(1)
        self.made.labels(slot.name).set(slot.current.made)

    def text(self) -> bytes:
        """All figures in the format that Prometheus reads."""
        if load_metrics_folder() is None:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def forget_dead() -> None:
    """Leave the gauges of processes that are gone out of the sums; a killed one could not do it itself."""
    folder = load_metrics_folder()
    for file in folder.glob("gauge_live*_*.db") if folder else ():
        process = file.stem.rpartition("_")[2]
        if process.isdigit() and not _alive(int(process)):
            multiprocess.mark_process_dead(int(process))  # type: ignore[no-untyped-call]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
