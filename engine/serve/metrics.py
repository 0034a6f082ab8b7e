"""What Prometheus reads of the service: traffic, errors, latency by route and stage, saturation, and of the models.

Labels hold routes as they are written in the code ("/similar/{item_id}"), never what was asked for.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
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
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from engine.serve.slots import Outcome, Slot
from engine.settings import load_metrics_folder

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CONTENT_TYPE = CONTENT_TYPE_LATEST
WELL = ("promoted", "kept")  # outcomes of a retraining that found what it was to find
EVERYONE = "everyone"  # the variant of users in no experiment


class Children(dict[tuple[str, ...], Any]):
    """Those of a metric by the values of its labels, for what counts in every answer: `labels` takes longer than to
    count. For labels of few values only."""

    def __init__(self, metric: Counter | Histogram) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> Any:
        child = self[values] = self._metric.labels(*values)
        return child


class Metrics:
    """The figures of one process; where several share a folder (`load_metrics_folder`), `text` adds them up."""

    def __init__(self, retraining: Path | None = None) -> None:
        """retraining: the file that the last retraining wrote, if there has been one."""
        own = self.registry = CollectorRegistry()
        self.requests = Counter("shelfwise_requests", "Answers", ["route", "method", "status"], registry=own)
        self.seconds = Histogram("shelfwise_request_seconds", "Answering", ["route"], registry=own, buckets=SECONDS)
        self.stages = Histogram("shelfwise_stage_seconds", "A stage", ["stage"], registry=own, buckets=SECONDS)
        self.in_flight = Gauge("shelfwise_requests_in_flight", "Now", registry=own, multiprocess_mode="livesum")
        self.errors = Counter("shelfwise_errors", "Failures inside, by their type", ["route", "kind"], registry=own)
        self.lists = Counter("shelfwise_lists", "Lists recommended", ["user"], registry=own)
        self.reranked = Counter("shelfwise_reranked_lists", "Lists that categories moved", ["by"], registry=own)
        self.remembered = Counter("shelfwise_remembered_lists", "Lists made before", ["hit"], registry=own)
        self.items = Counter("shelfwise_recommended_items", "Items in these lists", registry=own)
        self.fallbacks = Counter("shelfwise_fallbacks", "Popular items instead", ["route", "reason"], registry=own)
        self.events = Counter("shelfwise_events", "Events told", ["event", "outcome"], registry=own)
        self.adjusted = Counter("shelfwise_events_adjusted", "Late, or ahead of the clock", ["why"], registry=own)
        self.stores = Histogram("shelfwise_store_seconds", "Writes to the database", registry=own, buckets=SECONDS)
        self.variant_lists = Counter(
            "shelfwise_variant_lists", "Lists of an experiment", ["experiment", "variant"], registry=own
        )
        self.variant_instead = Counter(
            "shelfwise_variant_instead",
            "Lists of what serves everyone, for want of the variant's version",
            ["experiment", "variant"],
            registry=own,
        )
        self.variant_events = Counter(
            "shelfwise_variant_events", "Stored events of a variant's users", ["variant", "event"], registry=own
        )
        self.variant_revenue = Counter(
            "shelfwise_variant_revenue", "What a variant's users paid", ["variant"], registry=own
        )
        self.threads = Gauge("shelfwise_threads", "Threads that answer", registry=own, multiprocess_mode="livesum")
        self.busy = Gauge("shelfwise_threads_busy", "Of these, now", registry=own, multiprocess_mode="livesum")
        self.swaps = Counter("shelfwise_model_swaps", "New versions", ["part", "outcome"], registry=own)
        self.model = Gauge(
            "shelfwise_model_info", "1: serves", ["part", "version"], registry=own, multiprocess_mode="livemax"
        )
        self.made = Gauge(
            "shelfwise_model_made_seconds", "When it was made", ["part"], registry=own, multiprocess_mode="livemax"
        )
        self.requests_of, self.seconds_of = Children(self.requests), Children(self.seconds)
        self.lists_of, self.reranked_of = Children(self.lists), Children(self.reranked)
        self.remembered_of = Children(self.remembered)
        self._shown: dict[str, str] = {}
        self._retraining = LastRetraining(retraining)
        own.register(self._retraining)

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
        if slot.current.made:
            self.made.labels(slot.name).set(slot.current.made)

    def left(self, slot: Slot[Any]) -> None:
        """Note that a part serves no more, as the variant of an experiment that has ended."""
        if slot.name in self._shown:
            self.model.labels(slot.name, self._shown.pop(slot.name)).set(0)

    def text(self) -> bytes:
        """All figures in the format that Prometheus reads."""
        if load_metrics_folder() is None:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        together.register(self._retraining)
        return generate_latest(together)


class LastRetraining(Collector):
    """When the last retraining ended and whether it went well, read at each scrape; nothing where there was none."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """A file that can't be read is a retraining that didn't go well, of no known time."""
        if self._file is None or not self._file.exists():
            return
        try:
            told = json.loads(self._file.read_text(encoding="utf-8"))
            well, finished = told["outcome"] in WELL, datetime.fromisoformat(told["finished"]).timestamp()
        except (OSError, ValueError, TypeError, KeyError):
            well, finished = False, None
        yield GaugeMetricFamily("shelfwise_retraining_ok", "1: promoted or kept", value=float(well))
        if finished is not None:
            yield GaugeMetricFamily("shelfwise_retraining_finished_seconds", "When it ended", value=finished)


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
