"""The room Business: what users saw, clicked and bought, by day; each number opens the events that it counts."""

from datetime import timedelta
from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine.errors import UnknownNameError
from engine.serve.outcome_rows import KINDS, day_rows
from engine.watching.business import LENGTHS, ROWS, Business, count_events
from engine.workspace import Workspace
from pages.parts import export, links, metrics_charts, service_cache, states
from pages.parts.markup import html, show
from pages.parts.rows import ROWS_SHOWN
from pages.parts.service_room import note, number, show_behind, table, tile, tiles, title
from pages.parts.service_words import share

FIRST = "30d"
DAYS_SHOWN = 31
_SEEN = ("impressions", "clicks", "addtocart", "transactions")
_EVERY = "all"  # in place of one kind of event, or of one day
_TOLD = (
    "Counts are of events that shops told the service, by the UTC day on which they happened. CTR is clicks over "
    "impressions, conversion users with a transaction over users with any event, revenue price times quantity sold."
)


def show_room(workspace: Workspace) -> None:
    """The days to look at, their figures, a chart, and a row for each day."""
    name = links.get("window") or FIRST
    if name not in LENGTHS:
        raise UnknownNameError("window", name, LENGTHS)
    labels = {name: f"{days} days" for name, days in LENGTHS.items()}
    bound = links.bind("window", name, FIRST, drop=("rows",))
    st.segmented_control(
        "Window", list(labels), format_func=labels.get, required=True, label_visibility="collapsed", **bound
    )
    business = service_cache.business(workspace, LENGTHS[name])
    if business.kinds.empty:
        said = (
            f"No event of the last {LENGTHS[name]} days was told. Shops tell them with POST /events: /docs shows how."
        )
        ways = {"90 days": links.link(window="90d")} if name != "90d" else {"Now": links.link(see=None, window=None)}
        states.empty("No events yet", said, ways, key="business")
        return
    tiles(_tiles(business), key="tiles")
    note(_TOLD, key="told")
    _show_chart(
        business, f"workspace {workspace.name} · events told to the service since {business.since:%Y-%m-%d} UTC"
    )
    _show_days(workspace, business)
    _show_kinds(business)
    if links.get("rows"):
        _show_rows(workspace, business, links.get("rows"))


def _tiles(business: Business) -> list[Markup]:
    def opened(event: str) -> str:
        return links.link(rows=f"{_EVERY}:{event}")

    found = [tile(f"{business.total(name):,.0f}", name.capitalize(), "", opened(KINDS[name])) for name in _SEEN[:2]]
    found.append(tile(_share(business.ctr), "CTR", "clicks over impressions", opened(_EVERY)))
    found.append(tile(f"{business.total('transactions'):,.0f}", "Transactions", "", opened(KINDS["transactions"])))
    said = f"{business.buyers:,} of {business.visitors:,} users bought"
    found.append(tile(_share(business.conversion), "Conversion", said, opened(_EVERY)))
    found.append(tile(f"{business.total('revenue'):,.2f}", "Revenue", "", opened(KINDS["transactions"])))
    return found


def _share(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else share(value)


def _show_chart(business: Business, source: str) -> None:
    import plotly.graph_objects as go

    days = business.days
    left, right = st.columns(2, gap="large")
    layout = {"margin": {"l": 10, "r": 10, "t": 34, "b": 10}, "height": 300, "hovermode": "x unified"}
    layout["legend"] = {"orientation": "h", "y": -0.2, "yanchor": "top"}
    with left:
        show(html("<h3>CTR and conversion, %</h3>"), key="shares-chart-title")
        figure = go.Figure()
        for name, said, colour in (("ctr", "CTR", 1), ("conversion", "conversion", 4)):
            line = {"color": metrics_charts.COLOURS[colour], "dash": "solid" if name == "ctr" else "dash"}
            figure.add_scatter(x=days["day"], y=100 * days[name], name=said, mode="lines+markers", line=line)
        figure.update_layout(yaxis={"rangemode": "tozero"}, **layout)
        metrics_charts.draw(figure, key="shares", alt="CTR and conversion of each day, in per cent", source=source)
    with right:
        show(html("<h3>Revenue</h3>"), key="revenue-chart-title")
        figure = go.Figure()
        figure.add_bar(x=days["day"], y=days["revenue"], name="revenue", marker={"color": metrics_charts.COLOURS[0]})
        figure.update_layout(yaxis={"rangemode": "tozero"}, **layout)
        metrics_charts.draw(figure, key="revenue", alt="Revenue of each day", source=source)


def _show_days(workspace: Workspace, business: Business) -> None:
    title("Days", "The newest first; a number opens the events of its day", key="days")
    heads = ("Day", "Impressions", "Clicks", "CTR", "Cart", "Transactions", "Users", "Buyers", "Conversion", "Revenue")
    told = business.days[business.days["visitors"] > 0].iloc[::-1]
    rows = [_day(row) for row in told.head(DAYS_SHOWN).to_dict("records")]
    show(table(heads, rows, style="sw-figures"), key="days")
    said = [f"{len(business.days) - len(told)} of {len(business.days)} days have no event."]
    said += [f"The newest {DAYS_SHOWN} are shown, all are in the export."] if len(told) > DAYS_SHOWN else []
    note(" ".join(said), key="days-shown")
    name = f"{workspace.name}-days"
    export.button("Export the days", partial(_days_table, business), name=name, key="days-export")


def _days_table(business: Business) -> pd.DataFrame:
    return business.days.assign(day=business.days["day"].dt.strftime("%Y-%m-%d"))


def _day(row: dict) -> tuple[object, ...]:
    day = row["day"].strftime("%Y-%m-%d")

    def opened(event: str, said: str) -> Markup:
        return number(links.link(rows=f"{day}:{event}"), said)

    seen = {name: opened(KINDS[name], f"{row[name]:,}") for name in _SEEN}
    return (
        day,
        seen["impressions"],
        seen["clicks"],
        opened(_EVERY, _share(row["ctr"])),
        seen["addtocart"],
        seen["transactions"],
        opened(_EVERY, f"{row['visitors']:,}"),
        opened(KINDS["transactions"], f"{row['buyers']:,}"),
        opened(_EVERY, _share(row["conversion"])),
        opened(KINDS["transactions"], f"{row['revenue']:,.2f}"),
    )


def _show_kinds(business: Business) -> None:
    title("Events by kind", "Everything that was told in these days", key="kinds")
    rows = [
        (row["event"], number(links.link(rows=f"{_EVERY}:{row['event']}"), f"{row['n']:,}"))
        for row in business.kinds.to_dict("records")
    ]
    show(table(("Event", "Told"), rows, style="sw-breakdown"), key="kinds")


def _show_rows(workspace: Workspace, business: Business, key: str) -> None:
    """The drawer with the events of a day or of all days, of one kind or of all. Raises UnknownNameError."""
    when, _, event = key.partition(":")
    days = [f"{day:%Y-%m-%d}" for day in business.days["day"]]
    if event not in {_EVERY, *business.kinds["event"], *KINDS.values()} or when not in {_EVERY, *days}:
        raise UnknownNameError("figure", key, [f"{day}:{event or _EVERY}" for day in (_EVERY, *days)])
    start = business.since + timedelta(days=0 if when == _EVERY else days.index(when))
    kind, length = None if event == _EVERY else event, len(days) if when == _EVERY else 1

    def rows(most: int | None = None) -> pd.DataFrame:
        found = service_cache.read(workspace, lambda store: day_rows(store, start.date(), kind, days=length, most=most))
        return found[ROWS]

    total = service_cache.read(workspace, lambda store: count_events(store, start, length, kind))
    said = f"{'Events' if kind is None else f'Events “{event}”'} of {when if length == 1 else f'{length} days'}"
    show_behind(workspace, f"service-{key}", f"{said}, UTC", rows(ROWS_SHOWN), total, rows)
