"""Figures that leave the app: specifications for Vega-Lite made from tables, and rendered without a browser.

Each says where its numbers come from. Every HTML file holds the scripts that it needs, so it opens without a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import SettingsError

FORMATS = ("html", "png")
COLOURS = ("#3b6fb6", "#d2691e", "#2e8b57", "#8a5aa8", "#b23a48", "#6b6b6b", "#c9a227")
STYLE = {
    "background": "white",
    "config": {
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": {"grid": True, "gridColor": "#ececec", "domain": False, "labelLimit": 260},
        "title": {"anchor": "start", "fontSize": 15, "subtitleColor": "#555555"},
    },
}
Spec = dict[str, Any]
_WIDE, _HIGH = 520, 300  # pixels of a figure
_NAME = {"field": "name", "type": "nominal", "title": None, "sort": None}


def bars(rows: pd.DataFrame, title: str, axis: str, *, source: str) -> Spec:
    """Bars below each other. rows: name, value, and where they have a range, low and high; in the order drawn."""
    value = {"field": "value", "type": "quantitative", "title": axis}
    drawn: list[Spec] = [
        {"mark": {"type": "bar", "color": COLOURS[2]}, "encoding": {"y": _NAME, "x": value}},
        {
            "mark": {"type": "text", "align": "left", "dx": 4},
            "encoding": {"y": _NAME, "x": value, "text": {"field": "said"}},
        },
    ]
    if "low" in rows:
        ends = {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}
        drawn.insert(1, {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"y": _NAME, **ends}})
    shown = rows if "said" in rows else rows.assign(said=[_said(one) for one in rows["value"]])
    return specified(shown, title, source, {"width": _WIDE, "height": {"step": 26}, "layer": drawn})


def columns(rows: pd.DataFrame, title: str, axis: str, *, source: str) -> Spec:
    """Columns beside each other. rows: name, value; in the order drawn. axis: what the names are."""
    x = {"field": "name", "type": "ordinal", "title": axis, "sort": None, "axis": {"labelAngle": 0}}
    y = {"field": "value", "type": "quantitative", "title": "How many"}
    drawn = [
        {"mark": {"type": "bar", "color": COLOURS[2]}, "encoding": {"x": x, "y": y}},
        {"mark": {"type": "text", "dy": -7}, "encoding": {"x": x, "y": y, "text": {"field": "said"}}},
    ]
    shown = rows.assign(said=[_said(one) for one in rows["value"]])
    return specified(shown, title, source, {"width": _WIDE, "height": _HIGH, "layer": drawn})


def curve(values: Sequence[float], title: str, axes: tuple[str, str], *, source: str) -> Spec:
    """Falling `values` over their rank from 1, both on logarithmic scales. axes: what x and y are."""
    x, y = (
        {"field": field, "type": "quantitative", "title": said, "scale": {"type": "log"}}
        for field, said in zip(("rank", "value"), axes, strict=True)
    )
    heights = np.asarray(values, dtype=float)
    places = np.unique(np.geomspace(1, max(len(heights), 1), 400).astype(int))
    rows = pd.DataFrame({"rank": places, "value": heights[places - 1]})
    line = {"mark": {"type": "line", "color": COLOURS[2]}, "encoding": {"x": x, "y": y}}
    return specified(rows[rows["value"] > 0], title, source, {"width": _WIDE, "height": _HIGH, **line})


def multiples(rows: pd.DataFrame, title: str, axis: str, *, source: str) -> Spec:
    """Small multiples on one scale. rows: slice, name, value, low, high, n; in the order drawn."""
    shown = rows.assign(named=[f"{name} ({n:,})" for name, n in zip(rows["name"], rows["n"], strict=True)])
    y = {"field": "named", "type": "nominal", "title": None, "sort": None}
    value = {"field": "value", "type": "quantitative", "title": axis}
    ends = {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}
    drawn = [
        {"mark": {"type": "bar", "color": COLOURS[2]}, "encoding": {"y": y, "x": value}},
        {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"y": y, **ends}},
    ]
    facets = {
        "facet": {"field": "slice", "type": "nominal", "title": None, "sort": None},
        "columns": 2,
        "spec": {"width": 300, "height": {"step": 22}, "layer": drawn},
        "resolve": {"scale": {"y": "independent"}},
    }
    return specified(shown, title, source, facets)


def leaning(rows: pd.DataFrame, title: str, axis: str, *, source: str) -> Spec:
    """What raises and what lowers something. rows: group, name, value (below 0: lowers); a picture per group."""
    y = {"field": "name", "type": "nominal", "title": None, "sort": None}
    raised = {"condition": {"test": "0 > datum.value", "value": COLOURS[1]}, "value": COLOURS[2]}
    bar = {
        "mark": {"type": "bar"},
        "encoding": {"y": y, "x": {"field": "value", "type": "quantitative", "title": axis}, "color": raised},
    }
    facets = {
        "facet": {
            "row": {"field": "group", "title": None, "sort": None, "header": {"labelAngle": 0, "labelAlign": "left"}}
        },
        "spec": {"width": 420, "height": {"step": 22}, **bar},
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    return specified(rows, title, source, facets)


def specified(rows: pd.DataFrame, title: str, subtitle: str, body: Mapping[str, Any]) -> Spec:
    """The whole specification, its rows inside it."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        **STYLE,
        "title": {"text": title, "subtitle": subtitle},
        "data": {"values": [{key: _plain(value) for key, value in row.items()} for row in rows.to_dict("records")]},
        **body,
    }


def sourced(spec: Spec, source: str) -> Spec:
    """`spec` with one more line below its title, which says where its numbers come from."""
    title = spec["title"]
    return {**spec, "title": {**title, "subtitle": [title["subtitle"], source]}}


def render(spec: Spec, ending: str) -> bytes:
    """`spec` as a file's content: "html" or "png". Raises SettingsError for another format."""
    import vl_convert

    spec = _harmless(spec)
    if ending == "html":
        return str(vl_convert.vegalite_to_html(spec, bundle=True)).encode()
    if ending == "png":
        return bytes(vl_convert.vegalite_to_png(spec, scale=2))
    raise SettingsError(f"{ending!r} is no format of pictures; they are {', '.join(FORMATS)}.")


def _said(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3f}"


def _harmless(value: Any) -> Any:
    """The specification with "<" as a look-alike in every text: "</script>" in data would end the page's script."""
    if isinstance(value, str):
        return value.replace("<", "\u2039")
    if isinstance(value, Mapping):
        return {key: _harmless(part) for key, part in value.items()}
    return [_harmless(part) for part in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    """A value that JSON holds."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
