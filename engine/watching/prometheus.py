"""The same figures from a Prometheus that scrapes the service: all its processes and machines together.

What it answers is data like any other: sizes, numbers and labels are checked before they are used. It estimates what
happened between two scrapes, so counts may have fractions, and the first scrape of a new series adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
import pandas as pd

from engine.errors import SettingsError, WatchingError, shown
from engine.serve.metrics import SECONDS
from engine.serve.traffic_tables import BUCKETS
from engine.watching.answers import COUNTED, TALLIED, Answers, Window

TIMEOUT = 3.0  # seconds for one answer
MOST_BYTES = 8_000_000  # of one answer
MOST_SERIES = 2_000
MOST_LABEL = 200  # characters
NAME = "Prometheus"
BOUNDS = [*SECONDS, float("inf")]
COUNTS = "sum by (route, status) (increase(shelfwise_requests_total[{step}]))"
LATENCY = "sum by (route, le) (increase(shelfwise_request_seconds_bucket[{step}]))"
TALLIES = {  # what: the query, and the label that tells the kind
    "fallback": ("sum by (route, reason) (increase(shelfwise_fallbacks_total[{step}]))", "reason"),
    "list": ("sum by (user) (increase(shelfwise_lists_total[{step}]))", "user"),
    "error": ("sum by (route, kind) (increase(shelfwise_errors_total[{step}]))", "kind"),
}
Point = tuple[pd.Timestamp, dict[str, str], float]


def address_of(text: str) -> str:
    """`text` as the address of a Prometheus. Raises SettingsError unless it is http or https, without a password."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.password or parts.query:
        place = shown(f"{parts.scheme}://{host}") if host else "it"
        raise SettingsError(
            f"SHELFWISE_PROMETHEUS must be an http or https address without a name, password or query; {place} isn't."
        )
    return text.rstrip("/")


class Prometheus:
    """A Prometheus at `address`. Raises SettingsError for an address that can't be asked."""

    def __init__(self, address: str, *, transport: httpx2.BaseTransport | None = None) -> None:
        """transport: how requests are sent, for tests."""
        self._client = httpx2.Client(
            base_url=address_of(address), timeout=TIMEOUT, follow_redirects=False, trust_env=False, transport=transport
        )

    def answers(self, window: Window) -> Answers:
        """What was answered in `window`. Raises WatchingError when it can't be told."""
        with self._client:
            counts = [
                (at, _label(labels, "route"), _status(labels), n) for at, labels, n in self._points(COUNTS, window)
            ]
            latency = _latency(list(self._points(LATENCY, window)))
            tallies = [
                (at, what, _label(labels, "route"), _label(labels, kind), n)
                for what, (query, kind) in TALLIES.items()
                for at, labels, n in self._points(query, window)
            ]
        return Answers(window, _frame(counts, COUNTED), latency, _frame(tallies, TALLIED), NAME)

    def _points(self, query: str, window: Window) -> Iterator[Point]:
        """What happened in each step: when it began, the labels and how much; nothing where it is 0."""
        step = window.step * 60
        asked = {
            "query": query.format(step=f"{step}s"),
            "start": str(window.start + step),
            "end": str(int(window.steps[-1].timestamp()) + step),
            "step": str(step),
        }
        for series in _series(self._get(asked)):
            labels = series.get("metric", {})
            for moment, value in series.get("values", ()):
                n = float(value)
                if n > 0 and isfinite(n):
                    yield pd.Timestamp(float(moment) - step, unit="s", tz="UTC"), labels, n

    def _get(self, asked: dict[str, str]) -> bytes:
        body = bytearray()
        try:
            with self._client.stream("POST", "/api/v1/query_range", data=asked) as answer:
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise WatchingError(f"Prometheus answered with more than {MOST_BYTES:,} bytes.")
                if answer.status_code != httpx2.codes.OK:
                    raise WatchingError(f"Prometheus answered with status {answer.status_code}.")
        except httpx2.HTTPError as error:
            raise WatchingError(f"Prometheus doesn't answer ({type(error).__name__}).") from None
        return bytes(body)


def _series(body: bytes) -> list[dict[str, Any]]:
    """The series of an answer. Raises WatchingError for anything else."""
    try:
        answer = orjson.loads(body)
        result = answer["data"]["result"]
        whole = (
            answer["status"] == "success" and answer["data"]["resultType"] == "matrix" and len(result) <= MOST_SERIES
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        whole = False
    if not whole or not all(_is_series(one) for one in result):
        raise WatchingError("What answers at the address of Prometheus doesn't speak as one.")
    return list(result)


def _is_series(one: Any) -> bool:
    """Whether it is labels of text and pairs of a moment and a number as text."""
    if not isinstance(one, dict) or not isinstance(one.get("metric"), dict) or not isinstance(one.get("values"), list):
        return False
    labels = all(isinstance(value, str) and len(value) <= MOST_LABEL for value in one["metric"].values())
    return labels and all(_is_point(point) for point in one["values"])


def _is_point(point: Any) -> bool:
    if not isinstance(point, list) or len(point) != 2 or not isinstance(point[0], int | float):
        return False
    try:
        float(point[1])
    except (TypeError, ValueError):
        return False
    return 0 <= point[0] < 1e11


def _label(labels: dict[str, str], name: str) -> str:
    return labels.get(name, "")


def _status(labels: dict[str, str]) -> int:
    text = labels.get("status", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) == 3 else 0


def _latency(points: list[Point]) -> pd.DataFrame:
    """Counts in each bucket from counts up to each bound. Raises WatchingError for bounds that aren't the service's."""
    columns = ["at", "route", *BUCKETS]
    if not points:
        return _frame([], columns)
    try:
        told = [(at, _label(labels, "route"), float(_label(labels, "le")), n) for at, labels, n in points]
    except ValueError:
        told = []
    if not told or not {bound for _, _, bound, _ in told} <= set(BOUNDS):
        raise WatchingError("Prometheus has buckets of latency that aren't the service's.")
    frame = pd.DataFrame(told, columns=["at", "route", "bound", "n"])
    wide = frame.pivot_table(index=["at", "route"], columns="bound", values="n", aggfunc="sum", fill_value=0.0)
    wide = wide.reindex(columns=BOUNDS, fill_value=0.0).cummax(axis=1)
    inside = wide.diff(axis=1).fillna({BOUNDS[0]: wide[BOUNDS[0]]}).clip(lower=0)
    return inside.set_axis(list(BUCKETS), axis=1).reset_index()


def _frame(rows: list[tuple[Any, ...]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    return frame.sort_values(columns[:4], kind="stable", ignore_index=True)
