"""The room Traffic: what was asked of each route in a chosen window, how fast and how well it was answered."""

import streamlit as st
from markupsafe import Markup

from engine.errors import UnknownNameError
from engine.watching.answers import FALLING, WATCHERS, Answers, Line
from engine.watching.quantiles import Quantile
from engine.workspace import Workspace
from pages.parts import links, metrics_charts, service_cache, states
from pages.parts.markup import html, join, show
from pages.parts.service_room import note, number, show_answers, table, tile, tiles, title, when_read
from pages.parts.service_words import ROUTES, latency, rate, share, span, utc, within

WINDOWS = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
FIRST = "1h"
_HEIGHT = 300
_BOUND = (
    "Latencies are estimated inside the buckets that the service counts in, as Prometheus does it; the true value lies "
    "in the same bucket, which stands below each."
)


def show_room(workspace: Workspace) -> None:
    """The window, the figures of one route or all, charts over time, a table of routes, and what went wrong."""
    name = links.get("window") or FIRST
    if name not in WINDOWS:
        raise UnknownNameError("window", name, WINDOWS)
    bound = links.bind("window", name, FIRST, drop=("rows",))
    st.segmented_control(
        "Window", list(WINDOWS), format_func=WINDOWS.get, required=True, label_visibility="collapsed", **bound
    )
    watched = service_cache.answers(workspace, name)
    answers = watched.answers
    if answers.counts.empty:
        ways = {"30 days": links.link(window="30d")} if name != "30d" else {"Now": links.link(see=None, window=None)}
        states.empty("Nothing was asked", f"The service answered nobody in {WINDOWS[name]}.", ways, key="traffic")
        when_read(watched)
        return
    line = answers.line(links.get("part"))
    _show_line(line)
    when_read(watched)
    _show_charts(
        answers, line, f"workspace {workspace.name} · {answers.source} · {WINDOWS[name]} to {utc(watched.when)}"
    )
    _show_routes(answers)
    _show_wrong(answers)
    show_answers(workspace, watched)


def _show_line(line: Line) -> None:
    every = html('<a class="sw-link" href="{}">All routes</a>', links.link(part=None, rows=None))
    said = every if line.route else "without what machines ask to watch the service"
    title(ROUTES.get(line.route, line.route) or "All routes", said, key="line")
    of = f":{line.route}" if line.route else ""
    found = [
        tile(f"{line.n:,.0f}", "Answers", f"{rate(line.per_second)} a second", links.link(rows=f"answers{of}")),
        tile(share(line.error_rate), "Errors", f"{line.errors:,.0f} of 500 and above", links.link(rows=f"errors{of}")),
        tile(f"{line.refused:,.0f}", "Refused", "the caller’s mistake: 400 to 499", links.link(rows=f"refused{of}")),
    ]
    names = ("Half are faster", "95 of 100 are faster", "99 of 100 are faster")
    for name, one in zip(names, line.quantiles, strict=True):
        found.append(tile(latency(one), name, f"surely {within(one)}", links.link(rows=f"latency{of}")))
    tiles(found, key="tiles")


def _show_charts(answers: Answers, line: Line, source: str) -> None:
    import plotly.graph_objects as go

    series = answers.series(line.route)
    of, step = line.route or "all routes", span(answers.window.step * 60)
    layout = {"margin": {"l": 10, "r": 10, "t": 34, "b": 10}, "height": _HEIGHT, "hovermode": "x unified"}
    layout["legend"] = {"orientation": "h", "y": -0.2, "yanchor": "top"}
    left, right = st.columns(2, gap="large")
    with left:
        show(html("<h3>Requests a second</h3>"), key="traffic-chart-title")
        figure = go.Figure()
        shown = {"mode": "lines", "line": {"color": metrics_charts.COLOURS[1]}, "fill": "tozeroy"}
        figure.add_scatter(x=series["at"], y=series["per_second"], name="a second", **shown)
        if series["errors"].any():
            bad = series["errors"] / (answers.window.step * 60)
            figure.add_scatter(x=series["at"], y=bad, name="errors", mode="lines", line={"color": "#c0392b"})
        figure.update_layout(yaxis={"rangemode": "tozero"}, showlegend=bool(series["errors"].any()), **layout)
        metrics_charts.draw(figure, key="traffic", alt=f"Requests a second of {of}, for each {step}", source=source)
    with right:
        show(html("<h3>Latency, ms (log scale)</h3>"), key="latency-chart-title")
        figure = go.Figure()
        for name, dash in (("p50", "solid"), ("p95", "dash"), ("p99", "dot")):
            drawn = {"mode": "lines+markers", "line": {"dash": dash}, "marker": {"size": 4}}
            figure.add_scatter(x=series["at"], y=1000 * series[name], name=name, connectgaps=False, **drawn)
        figure.update_layout(yaxis={"type": "log"}, **layout)
        metrics_charts.draw(
            figure, key="latency", alt=f"Quantiles of the latency of {of}, for each {step}", source=source
        )


def _show_routes(answers: Answers) -> None:
    title("Routes", "The busiest first; a route opens its charts, a number its rows", key="routes")
    heads = ("Route", "Answers", "A second", "Errors", "Refused", "Popular instead", "p50", "p95", "p99")
    lines = [line for line in answers.routes if line.route not in WATCHERS]
    body = table(heads, [_route(line) for line in lines], style="sw-figures")
    show(body, key="routes")
    watched = [line for line in answers.routes if line.route in WATCHERS]
    if watched:
        said = join((html("{} {:,.0f}", line.route, line.n) for line in watched), ", ")
        note(html("Not in the sums, as machines ask it to watch the service: {}.", said), key="watchers")
    note(_BOUND, key="bound")


def _route(line: Line) -> tuple[object, ...]:
    def opened(name: str, said: str) -> Markup:
        return number(links.link(rows=f"{name}:{line.route}"), said)

    short = next((name for name, routes in FALLING.items() if routes[0] == line.route), "")
    instead = number(links.link(rows=f"fallback:{short}"), f"{line.fallbacks:,.0f}") if short else html("")
    return (
        html(
            '<a class="sw-link" href="{}">{}</a><small>{}</small>',
            links.link(part=line.route, rows=None),
            ROUTES.get(line.route, line.route),
            line.route if line.route in ROUTES else "",
        ),
        opened("answers", f"{line.n:,.0f}"),
        rate(line.per_second),
        opened("errors", f"{line.errors:,.0f}"),
        opened("refused", f"{line.refused:,.0f}"),
        instead,
        *(_quantile(line, one) for one in line.quantiles),
    )


def _quantile(line: Line, found: Quantile | None) -> Markup:
    return html(
        '<a href="{}">{}</a><small>{}</small>', links.link(rows=f"latency:{line.route}"), latency(found), within(found)
    )


def _show_wrong(answers: Answers) -> None:
    """Why popular items stood in, and what failed inside."""
    left, right = st.columns(2, gap="large")
    with left:
        title("Popular items instead", "Why the service gave what is popular, by what was asked", key="fallbacks")
        _show_tally(answers, "fallback", "Reason", "Every list came from its model.")
    with right:
        title("Failures inside", "By their type; the service’s log has each with its place", key="failures")
        _show_tally(answers, "error", "Type", "Nothing failed.")


def _show_tally(answers: Answers, what: str, kind: str, none: str) -> None:
    found = answers.tally(what)
    if found.empty:
        note(none, key=what, symbol="check_circle")
        return
    rows = [
        (row["route"], row["kind"], number(links.link(rows=f"{what}:{row['route']}"), f"{row['n']:,.0f}"))
        for row in found.to_dict("records")
    ]
    show(table(("Asked", kind, "Times"), rows, left=2, style="sw-breakdown"), key=what)
