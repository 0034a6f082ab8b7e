"""What a dashboard is made of, and the JSON that Grafana reads of it.

Panels are given in the order in which people read them; where they lie follows from their widths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["timeseries", "stat", "table", "heatmap"]

SOURCE = {"type": "prometheus", "uid": "shelfwise-prometheus"}  # as in provisioning/datasources
COLUMNS = 24  # of Grafana's grid
SCHEMA = 39  # of dashboards; newer Grafanas migrate it when they load it
HEIGHTS: dict[str, int] = {"timeseries": 8, "stat": 4, "table": 8, "heatmap": 8}


@dataclass(frozen=True)
class Panel:
    """One picture.

    unit: an id of Grafana's units; about: what it shows and what to make of it, behind the panel's (i)
    queries: in PromQL, by what their series are called, with {{label}}
    bad: the value from which it is coloured red and, in a time series, where a dashed line is drawn
    good_above: whether it is red below `bad` instead; words: what values are called, such as 1: "up"
    stacked: whether the series add up to something
    """

    title: str
    unit: str
    about: str
    queries: Mapping[str, str]
    kind: Kind
    width: int = 8
    bad: float | None = None
    good_above: bool = False
    words: Mapping[float, str] = field(default_factory=dict)
    stacked: bool = False


@dataclass(frozen=True)
class Variable:
    """Something to choose at the top: the values of `label` in `metric`, or the fixed `values`, of which the first is
    chosen at the start."""

    name: str
    title: str
    metric: str = ""
    label: str = ""
    values: tuple[str, ...] = ()


WINDOWS = Variable("window", "Counted over", values=("1h", "6h", "1d", "7d"))


@dataclass(frozen=True)
class Dashboard:
    """A page. rows: headings with the panels below them."""

    uid: str
    title: str
    about: str
    variables: tuple[Variable, ...]
    rows: Mapping[str, Sequence[Panel]]
    since: str = "now-6h"


def stat(title: str, unit: str, about: str, expr: str, **more: Any) -> Panel:
    """A panel of one number."""
    return Panel(title, unit, about, {title: expr}, "stat", **more)


def chart(title: str, unit: str, about: str, queries: Mapping[str, str], **more: Any) -> Panel:
    """A panel of lines over time."""
    return Panel(title, unit, about, queries, "timeseries", **more)


def dashboard_json(dashboard: Dashboard) -> Json:
    """The whole document of a dashboard."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["shelfwise"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,  # one cross-hair over all panels
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": dashboard.since, "to": "now"},
        "links": [
            {"type": "dashboards", "tags": ["shelfwise"], "title": "Shelfwise", "asDropdown": False, "keepTime": True}
        ],
        "templating": {"list": [_variable(variable) for variable in dashboard.variables]},
        "panels": list(_placed(dashboard.rows)),
    }


def _placed(rows: Mapping[str, Sequence[Panel]]) -> Iterator[Json]:
    """Headings and panels with their ids and places: from left to right, a new line where one is full."""
    number, top = 0, 0
    for heading, panels in rows.items():
        number += 1
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": heading, "collapsed": False, "gridPos": place, "panels": []}
        top, left, height = top + 1, 0, 0
        for panel in panels:
            if left + panel.width > COLUMNS:
                top, left, height = top + height, 0, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": HEIGHTS[panel.kind]}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            left, height = left + panel.width, max(height, HEIGHTS[panel.kind])
        top += height


def _panel(panel: Panel) -> Json:
    made = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "targets": [_target(panel, place, legend, expr) for place, (legend, expr) in enumerate(panel.queries.items())],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
    }
    if panel.kind == "table":
        made["transformations"] = [
            {"id": "organize", "options": {"excludeByName": dict.fromkeys(_UNTOLD, True)}},
        ]
    return made


def _target(panel: Panel, place: int, legend: str, expr: str) -> Json:
    now = panel.kind == "table"
    return {
        "refId": chr(ord("A") + place),
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend,
        "format": {"table": "table", "heatmap": "heatmap"}.get(panel.kind, "time_series"),
        "instant": now,
        "range": not now,
    }


def _field(panel: Panel) -> Json:
    made: Json = {"unit": panel.unit, "thresholds": _thresholds(panel), "mappings": _mappings(panel)}
    if panel.kind == "timeseries":
        made["min"] = 0
        made["color"] = {"mode": "palette-classic"}
        made["custom"] = {
            "drawStyle": "line",
            "lineWidth": 2,
            "fillOpacity": 35 if panel.stacked else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "off" if panel.bad is None else "dashed"},
        }
    elif panel.kind == "stat":
        made["color"] = {"mode": "thresholds"}
        made["noValue"] = "nothing yet"
    return made


def _thresholds(panel: Panel) -> Json:
    low, high = ("red", "green") if panel.good_above else ("green", "red")
    steps: list[Json] = [{"color": low if panel.bad is not None else "text", "value": None}]
    if panel.bad is not None:
        steps.append({"color": high, "value": panel.bad})
    return {"mode": "absolute", "steps": steps}


def _mappings(panel: Panel) -> list[Json]:
    if not panel.words:
        return []
    named = {f"{value:g}": {"text": text, "index": place} for place, (value, text) in enumerate(panel.words.items())}
    return [{"type": "value", "options": named}]


def _variable(variable: Variable) -> Json:
    if variable.values:
        first = {"text": variable.values[0], "value": variable.values[0]}
        return {
            "name": variable.name,
            "label": variable.title,
            "type": "custom",
            "query": ",".join(variable.values),
            "current": {"selected": True, **first},
            "options": [
                {"selected": value == variable.values[0], "text": value, "value": value} for value in variable.values
            ],
        }
    asked = f"label_values({variable.metric}, {variable.label})"
    return {
        "name": variable.name,
        "label": variable.title,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": asked, "refId": "StandardVariableQuery"},
        "refresh": 2,  # when the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


_UNTOLD = ("Time", "Value", "__name__", "instance", "job")
_LEGEND = {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max", "lastNotNull"]}
_OPTIONS: dict[str, Json] = {
    "timeseries": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
        "justifyMode": "auto",
        "orientation": "auto",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
    "heatmap": {
        "calculate": False,
        "yAxis": {"unit": "s"},
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 32},
        "cellGap": 1,
        "tooltip": {"mode": "single"},
        "legend": {"show": True},
    },
}
