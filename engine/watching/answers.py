"""Answers of the service in a window of time: how many, how good, how fast; every figure is a sum over its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from engine.errors import UnknownNameError
from engine.serve.traffic_tables import BUCKETS
from engine.watching.quantiles import Quantile, quantile

SPANS = {"5m": (5, 1), "1h": (60, 1), "24h": (1_440, 15), "7d": (10_080, 120), "30d": (43_200, 720)}
WATCHERS = frozenset({"/health", "/ready", "/metrics", "/version", "/docs", "/openapi.json"})  # asked by machines
FALLING = {  # where popular items stand in, as the service names it: the routes
    "recommendations": ("/recommendations/{user_id}", "/recommendations"),
    "similar": ("/similar/{item_id}",),
    "search": ("/search",),
}
QUANTILES = (0.5, 0.95, 0.99)
COUNTED = ["at", "route", "status", "n"]
TALLIED = ["at", "what", "route", "kind", "n"]


@dataclass(frozen=True)
class Window:
    """A span of time in steps. start, end: seconds since 1970; step: minutes. The last step isn't over yet."""

    name: str
    start: int
    end: float
    step: int

    @property
    def seconds(self) -> float:
        """How long it is so far."""
        return self.end - self.start

    @cached_property
    def steps(self) -> pd.DatetimeIndex:
        """When its steps begin, UTC."""
        return pd.to_datetime(range(self.start, int(self.end) + 1, self.step * 60), unit="s", utc=True)


def window(name: str, now: float) -> Window:
    """The span called `name` in SPANS that ends `now` (seconds since 1970). Raises UnknownNameError for another."""
    if name not in SPANS:
        raise UnknownNameError("window", name, SPANS)
    minutes, step = SPANS[name]
    last = int(now // 60) // step * step
    return Window(name, (last - minutes + step) * 60, now, step)


@dataclass(frozen=True)
class Line:
    """Answers of one route, or of all. errors: answers 500 and above; refused: 400 to 499; fallbacks: popular items
    instead. quantiles: those of QUANTILES, None without answers."""

    route: str
    n: float
    per_second: float
    errors: float
    refused: float
    fallbacks: float
    quantiles: tuple[Quantile | None, ...]

    @property
    def error_rate(self) -> float:
        """Share of answers that are errors; 0 without answers."""
        return self.errors / self.n if self.n else 0.0


@dataclass(frozen=True)
class Answers:
    """What was answered in a window.

    counts:  at (UTC, when a step begins), route, status, n
    latency: at, route, and for each bucket of BUCKETS how many answers fell into it
    tallies: at, what ("fallback", "list", "error"), route, kind, n
    source:  who counted
    """

    window: Window
    counts: pd.DataFrame
    latency: pd.DataFrame
    tallies: pd.DataFrame
    source: str

    @cached_property
    def asked(self) -> pd.DataFrame:
        """The rows of counts without what machines ask to watch the service."""
        return self.counts[~self.counts["route"].isin(WATCHERS)]

    @property
    def total(self) -> Line:
        """All answers but those to watchers."""
        return self._line("", self.asked, self.latency[~self.latency["route"].isin(WATCHERS)])

    @cached_property
    def routes(self) -> list[Line]:
        """A line for each route, the busiest first, watchers' last."""
        names = self.counts.groupby("route")["n"].sum().sort_values(ascending=False, kind="stable").index
        lines = [self._line(name, *self.rows(name)) for name in names]
        return sorted(lines, key=lambda line: line.route in WATCHERS)

    def line(self, route: str) -> Line:
        """The line of one route, "" for all. Raises UnknownNameError for one that nobody asked."""
        if not route:
            return self.total
        if route not in set(self.counts["route"]):
            raise UnknownNameError("route", route, set(self.counts["route"]))
        return self._line(route, *self.rows(route))

    def series(self, route: str = "") -> pd.DataFrame:
        """For each step of the window: at, n, per_second, errors, p50, p95, p99 in seconds (none without answers)."""
        counts, latency = self.rows(route)
        every = self.window.steps
        n = counts.groupby("at")["n"].sum().reindex(every, fill_value=0)
        errors = counts[counts["status"] >= 500].groupby("at")["n"].sum().reindex(every, fill_value=0)
        buckets = latency.groupby("at")[list(BUCKETS)].sum().reindex(every, fill_value=0)
        found = [[quantile(share, row) for row in buckets.to_numpy().tolist()] for share in QUANTILES]
        seconds = {
            f"p{share * 100:.0f}": [one.seconds if one else None for one in line]
            for share, line in zip(QUANTILES, found, strict=True)
        }
        return pd.DataFrame(
            {
                "at": every,
                "n": n.to_numpy(),
                "per_second": n.to_numpy() / self._lengths(),
                "errors": errors.to_numpy(),
                **{name: pd.Series(values, dtype="float64") for name, values in seconds.items()},
            }
        )

    def tally(self, what: str) -> pd.DataFrame:
        """How often `what` happened: route, kind and n, the most frequent first."""
        rows = self.tallies[self.tallies["what"] == what]
        return (
            rows.groupby(["route", "kind"], as_index=False)["n"].sum().sort_values("n", ascending=False, kind="stable")
        )

    @property
    def lists(self) -> float:
        """How many lists were recommended."""
        return float(self.tally("list")["n"].sum())

    @property
    def cold_share(self) -> float:
        """Of these lists, how many were for users without history; 0 without any."""
        rows = self.tally("list")
        return float(rows[rows["kind"] == "cold"]["n"].sum()) / self.lists if self.lists else 0.0

    @property
    def fallback_share(self) -> float:
        """Of the lists that were asked for and given, how many were of popular items instead; 0 without any."""
        given = float(self.given["n"].sum())
        return min(self._fallbacks("") / given, 1.0) if given else 0.0

    @property
    def given(self) -> pd.DataFrame:
        """The answers for which popular items may stand in: at, n, and as route the name in FALLING."""
        names = {route: name for name, routes in FALLING.items() for route in routes}
        rows = self.counts[self.counts["route"].isin(list(names)) & (self.counts["status"] < 300)]
        return rows.assign(route=rows["route"].map(names))[["at", "route", "n"]]

    def rows(self, route: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows of counts and of latency of one route, "" for all but watchers'."""
        if not route:
            return self.asked, self.latency[~self.latency["route"].isin(WATCHERS)]
        return self.counts[self.counts["route"] == route], self.latency[self.latency["route"] == route]

    def _line(self, route: str, counts: pd.DataFrame, latency: pd.DataFrame) -> Line:
        n, status = counts["n"], counts["status"]
        buckets = latency[list(BUCKETS)].sum().tolist()
        return Line(
            route=route,
            n=float(n.sum()),
            per_second=float(n.sum()) / self.window.seconds,
            errors=float(n[status >= 500].sum()),
            refused=float(n[(status >= 400) & (status < 500)].sum()),
            fallbacks=self._fallbacks(route),
            quantiles=tuple(quantile(share, buckets) for share in QUANTILES),
        )

    def _fallbacks(self, route: str) -> float:
        rows = self.tallies[self.tallies["what"] == "fallback"]
        if route:
            rows = rows[rows["route"].isin([name for name, routes in FALLING.items() if routes[0] == route])]
        return float(rows["n"].sum())

    def _lengths(self) -> list[float]:
        """Seconds of each step; the last one is as long as it has lasted."""
        ends = [one.timestamp() + self.window.step * 60 for one in self.window.steps]
        return [max(min(end, self.window.end) - end + self.window.step * 60, 1.0) for end in ends]


ROWS: Mapping[str, str] = {
    "answers": "Answers",
    "errors": "Answers 500 and above, of all",
    "refused": "Answers 400 to 499, of all",
    "latency": "Answers by how long they took",
    "fallback": "Popular items instead",
    "list": "Lists by whether the user was known",
    "error": "Failures inside, by their type",
}


def rows_of(answers: Answers, key: str) -> tuple[str, pd.DataFrame]:
    """The title and the rows behind a figure, a row for each step: of each route and status, bucket or kind.

    A share has its parts in the columns `n` and `of`, and the rows that make it come first.
    key: a name of ROWS, and after a colon the route. Raises UnknownNameError for another.
    """
    name, _, route = key.partition(":")
    if name not in ROWS:
        raise UnknownNameError("figure", key, ROWS)
    title = f"{ROWS[name]} of {route}" if route else ROWS[name]
    counts, latency = answers.rows(route)
    if name == "answers":
        return title, counts.reset_index(drop=True)
    if name == "latency":
        return title, latency.reset_index(drop=True)
    if name in ("errors", "refused"):
        low, high = (500, 1_000) if name == "errors" else (400, 500)
        return title, _parts(counts[(counts["status"] >= low) & (counts["status"] < high)], counts)
    rows = answers.tallies[answers.tallies["what"] == name].drop(columns="what")
    if route:
        return title, rows[rows["route"] == route].reset_index(drop=True)
    return title, _parts(rows, answers.given) if name == "fallback" else rows.reset_index(drop=True)


def _parts(some: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    """at, route, n and of: the sums of `some` and of `every`, the largest n first."""
    by = ["at", "route"]
    sums = [rows.groupby(by)["n"].sum().rename(name) for rows, name in ((some, "n"), (every, "of"))]
    found = pd.concat(sums, axis=1).fillna(0).reset_index()
    return found.sort_values(["n", *by], ascending=[False, True, True], kind="stable", ignore_index=True)
