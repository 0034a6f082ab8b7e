"""Charts of metrics: curves over cut-offs and thresholds, reliability, histograms, small multiples of slices."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from markupsafe import Markup, escape

from engine.metrics.definitions import DEFINITIONS
from engine.run_values import Figure as Told
from engine.run_values import RunValues
from pages.parts import export
from pages.parts.markup import html, join

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLOURS = ("#d8763f", "#2f9a86", "#4f8fd0", "#c98a12", "#9068c4", "#6c7672")  # the baseline first
BAR = {"displaylogo": False, "displayModeBar": "hover"}


def curves(tables: Mapping[str, RunValues], *, base: str, log: bool, source: str) -> None:
    """A metric over its cut-off for runs by name, each with the band of its interval; the first is drawn dashed."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for place, (name, table) in enumerate(tables.items()):
        colour = COLOURS[place % len(COLOURS)]
        k, mean, half = (table.curves[key] for key in ("k", base, f"{base} half"))
        upper = [min(value + width, 1.0) for value, width in zip(mean, half, strict=True)]
        lower = [max(value - width, 0.0) for value, width in zip(mean, half, strict=True)]
        band = {"line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "mode": "lines"}
        figure.add_scatter(x=k, y=upper, **band)
        figure.add_scatter(x=k, y=lower, fill="tonexty", fillcolor=_faint(colour), **band)
        line = {"color": colour, "dash": "solid" if place else "dash"}
        figure.add_scatter(x=k, y=mean, name=name, mode="lines+markers", line=line)
    ticks = {"tickvals": [1, 2, 5, 10, 20, 50, 100]} if log else {}
    figure.update_layout(
        xaxis={"title": "k", "type": "log" if log else "linear", **ticks},
        yaxis={"title": DEFINITIONS[f"{base}@k"].label, "rangemode": "tozero"},
        margin={"l": 10, "r": 10, "t": 34, "b": 10},
        **_legend(len(tables)),
    )
    alt = f"{DEFINITIONS[f'{base}@k'].label} at each cut-off k of {' and '.join(tables)}"
    draw(figure, key=f"curve-{base}", alt=alt, source=source)


def lines(
    x: Sequence[float],
    drawn: Mapping[str, Sequence[float]],
    *,
    mark: float | None,
    title: str,
    alt: str,
    key: str,
    source: str,
) -> None:
    """Several values over one axis from 0 to 1, with a line at `mark`."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for (name, y), dash in zip(drawn.items(), ("solid", "dash", "dot"), strict=False):
        figure.add_scatter(x=list(x), y=list(y), name=name, mode="lines", line={"dash": dash})
    if mark is not None:
        figure.add_vline(x=mark, line={"color": "gray", "dash": "dot"})
    _square(figure, title)
    draw(figure, key=key, alt=alt, source=source)


def reliability(points: Sequence[tuple[float, float, int]], *, key: str, source: str) -> None:
    """What was predicted beside what came true, for each tenth of the probabilities."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": "gray", "dash": "dot"}, name="as predicted")
    mean, share, n = zip(*points, strict=True)
    said = [f"{count:,} pairs" for count in n]
    figure.add_scatter(x=mean, y=share, mode="lines+markers", name="came true", text=said, line={"color": COLOURS[1]})
    _square(figure, "Mean probability")
    alt = "The share that came true at each probability; on the diagonal it is as predicted"
    draw(figure, key=key, alt=alt, source=source)


def draw(figure: "Figure", *, key: str, alt: str, source: str) -> None:
    """Put a chart on the page, with the button that saves it as a page of its own; its own bar saves it as PNG.

    source: where its numbers come from, in words for the saved page.
    """
    st.plotly_chart(figure, key=key, alt=alt, config={**BAR, "toImageButtonOptions": {"scale": 2, "filename": key}})
    page = partial(_page, figure, alt, source)
    export.file("Chart as HTML", page, name=f"{key}.html", mime="text/html", key=f"{key}-html", small=True)


def _legend(n: int) -> dict[str, object]:
    """The legend below the axis, where it hides nothing however narrow the screen is, and the height that it needs."""
    return {"legend": {"orientation": "h", "y": -0.25, "yanchor": "top"}, "height": 300 + 18 * n}


def _page(figure: "Figure", title: str, source: str) -> bytes:
    """A page that needs no network: the library stands in it, and above the chart what it shows and of what."""
    import plotly.graph_objects as go

    said = f"{escape(title)}<br><sub>{escape(source)}</sub>"  # plotly reads a little HTML in titles
    named = go.Figure(figure).update_layout(title={"text": said}, margin={"t": 80})
    return named.to_html(include_plotlyjs=True).encode()


def _square(figure: "Figure", title: str) -> None:
    figure.update_layout(
        xaxis={"title": title, "range": [0, 1]},
        yaxis={"range": [0, 1.02]},
        margin={"l": 10, "r": 10, "t": 34, "b": 10},
        **_legend(3),
    )


def slice_bars(
    label: str, found: Sequence[tuple[str, str, Told]], link: Callable[[str], str], *, most: float, opened: str
) -> Markup:
    """A metric for each part of a slice: a bar with its interval, and how many rows it stands for.

    found: the part, what it is called, and its figure.
    """
    rows = join(_slice_bar(called, figure, link(part), most, opened == part) for part, called, figure in found)
    return html('<div class="sw-slices" role="group" aria-label="{}"><h3>{}</h3>{}</div>', label, label, rows)


def _slice_bar(name: str, figure: Told, address: str, most: float, opened: bool) -> Markup:
    scale = 100 / most if most > 0 else 0.0
    low, high = max(figure.low, 0) * scale, max(figure.high, 0) * scale
    return html(
        '<a class="sw-bar sw-sliced" href="{}" aria-current="{}" aria-label="{}: {:.3f} over {:,} rows, open them">'
        '<span class="sw-clip">{}</span><span class="sw-track"><i class="sw-fill" style="width:{:.2f}%"></i>'
        '<i class="sw-range" style="left:{:.2f}%;width:{:.2f}%"></i></span>'
        '<span class="sw-num">{:.3f} <small>{:,}</small></span></a>',
        address,
        "true" if opened else "false",
        name,
        figure.value,
        figure.n,
        name,
        min(max(figure.value, 0) * scale, 100),
        min(low, 100),
        max(min(high, 100) - min(low, 100), 0.5),
        figure.value,
        figure.n,
    )


def columns(bins: Sequence[tuple[float, float, int]], link: Callable[[float, float], str], *, label: str) -> Markup:
    """A histogram whose bars open their rows."""
    highest = max((n for _, _, n in bins), default=1) or 1
    drawn = join(
        html(
            '<a href="{}" aria-label="{:.2f} to {:.2f}: {:,} rows, open them"><small>{:,}</small>'
            '<i style="height:{:.1f}%"></i><em>{:.2g}</em></a>',
            link(low, high),
            low,
            high,
            n,
            n,
            76 * n / highest,
            low,
        )
        for low, high, n in bins
    )
    return html('<div class="sw-hist" role="group" aria-label="{}">{}</div>', label, drawn)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.14)"
