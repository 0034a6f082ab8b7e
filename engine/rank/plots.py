"""Pictures of rankers, made from tables and saved as HTML and PNG without a browser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from engine.atomic import atomic_path
from engine.figures import COLOURS, FORMATS, Spec, render, specified

SHOWN_FEATURES = 15
MOST_POINTS = 4000  # of a picture
_BESIDE = {"labelAngle": 0, "labelAlign": "left", "labelLimit": 200}


def class_balance(counts: pd.DataFrame) -> Spec:
    """Candidates of train before and after balancing. counts: member, stage (before, after), wanted (yes, no), n."""
    bars = {
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "stage", "type": "nominal", "title": None, "sort": ["before", "after"]},
            "x": {"field": "n", "type": "quantitative", "title": "Candidates"},
            "color": _colour("wanted", ["yes", "no"], "Wanted"),
            "tooltip": _told("member", "stage", "wanted", "n"),
        },
    }
    facet = {
        "facet": {"row": {"field": "member", "title": None, "header": _BESIDE}},
        "spec": {**bars, "width": 520, "height": 50},
    }
    return specified(counts, "Candidates of train before and after balancing", "what each member learned from", facet)


def importance(shares: pd.DataFrame) -> Spec:
    """How much features count. shares: member, feature, share."""
    best = shares.groupby("feature")["share"].max().nlargest(SHOWN_FEATURES).index
    kept = shares[shares["feature"].isin(best)]
    order = kept.groupby("feature")["share"].mean().sort_values(ascending=False).index.tolist()
    bars = {
        "mark": {"type": "bar"},
        "width": 460,
        "height": {"step": 9, "for": "offset"},
        "encoding": {
            "y": {"field": "feature", "type": "nominal", "title": None, "sort": order},
            "yOffset": {"field": "member"},
            "x": {
                "field": "share",
                "type": "quantitative",
                "title": "Share of the importance",
                "axis": {"format": "%"},
            },
            "color": _colour("member", _members(kept), "Member"),
            "tooltip": _told("member", "feature", "share"),
        },
    }
    return specified(kept, "Importance of features", "by the libraries' own measures, as shares of each member's", bars)


def contributions(points: pd.DataFrame, member: str) -> Spec:
    """What features did to scores (SHAP). points: feature, contribution, standing (of its value, 0 to 1), spread."""
    size = points["contribution"].abs().groupby(points["feature"]).mean().nlargest(SHOWN_FEATURES)
    kept = _sampled(points[points["feature"].isin(size.index)])
    dots = {
        "mark": {"type": "circle", "size": 18, "opacity": 0.55},
        "width": 520,
        "height": {"step": 24},
        "encoding": {
            "y": {"field": "feature", "type": "nominal", "title": None, "sort": size.index.tolist()},
            "yOffset": {"field": "spread", "type": "quantitative", "scale": {"domain": [-1, 1]}},
            "x": {"field": "contribution", "type": "quantitative", "title": "Added to the score"},
            "color": {
                "field": "standing",
                "type": "quantitative",
                "title": "Value, low to high",
                "scale": {"scheme": "blueorange", "domain": [0, 1]},
            },
            "tooltip": _told("feature", "contribution", "standing"),
        },
    }
    return specified(
        kept, f"What each feature added to scores of {member}", "a dot for each candidate of a sample", dots
    )


def calibration(bins: pd.DataFrame) -> Spec:
    """Whether chances come true. bins: member, said (mean chance), wanted (share), n."""
    most = float(max(bins["said"].max(), bins["wanted"].max(), 1e-6))
    diagonal = {
        "data": {"values": [{"x": 0.0, "y": 0.0}, {"x": most, "y": most}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": "#888888"},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }
    lines = {
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "said", "type": "quantitative", "title": "Chance that was said", "axis": {"format": ".2%"}},
            "y": {
                "field": "wanted",
                "type": "quantitative",
                "title": "Share that was wanted",
                "axis": {"format": ".2%"},
            },
            "color": _colour("member", _members(bins), "Ranker"),
            "tooltip": _told("member", "said", "wanted", "n"),
        },
    }
    layers = {"width": 460, "height": 380, "layer": [diagonal, lines]}
    return specified(bins, "Calibration on test", "on the dashed line chances come true", layers)


def learning_curves(curves: pd.DataFrame) -> Spec:
    """How learning went. curves: member, curve, round, value."""
    lines = {
        "mark": {"type": "line"},
        "encoding": {
            "x": {"field": "round", "type": "quantitative", "title": "Round"},
            "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}},
            "color": {"field": "curve", "type": "nominal", "title": None, "scale": {"range": list(COLOURS)}},
            "tooltip": _told("member", "curve", "round", "value"),
        },
        "width": 300,
        "height": 190,
    }
    facets = {
        "facet": {"field": "member", "type": "nominal", "title": None},
        "columns": 2,
        "spec": lines,
        "resolve": {"scale": {"x": "independent", "y": "independent", "color": "independent"}},
    }
    return specified(_sampled(curves), "Learning curves", "what was measured after each round", facets)


def comparison(figures: pd.DataFrame) -> Spec:
    """Rankers side by side. figures: member, metric, value, low, high (the interval)."""
    order = figures.groupby("member")["value"].first().index.tolist() if figures.empty else _members(figures)
    shared = {"y": {"field": "member", "type": "nominal", "title": None, "sort": order}}
    rule = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {
            **shared,
            "x": {"field": "low", "type": "quantitative", "title": None, "scale": {"zero": False}},
            "x2": {"field": "high"},
        },
    }
    dot = {
        "mark": {"type": "point", "filled": True, "size": 70},
        "encoding": {
            **shared,
            "x": {"field": "value", "type": "quantitative"},
            "tooltip": _told("member", "metric", "value", "low", "high"),
        },
    }
    facets = {
        "facet": {"field": "metric", "type": "nominal", "title": None, "sort": figures["metric"].unique().tolist()},
        "columns": 2,
        "spec": {"width": 300, "height": {"step": 24}, "layer": [rule, dot]},
        "resolve": {"scale": {"x": "independent"}},
    }
    return specified(figures, "Rankers on test", "figures with 95 % intervals over resampled lists", facets)


def study(trials: pd.DataFrame, member: str, metric: str) -> Spec:
    """How a search went. trials: number, value, best, state."""
    told = trials[trials["value"].notna()]
    dots = {
        "mark": {"type": "point", "filled": True, "size": 45},
        "encoding": {
            "x": {"field": "number", "type": "quantitative", "title": "Trial", "axis": {"tickMinStep": 1}},
            "y": {"field": "value", "type": "quantitative", "title": f"{metric} on valid", "scale": {"zero": False}},
            "color": _colour("state", ["complete", "pruned"], "Trial"),
            "tooltip": _told(*[str(name) for name in told.columns]),
        },
    }
    line = {
        "mark": {"type": "line", "interpolate": "step-after", "color": "#888888"},
        "encoding": {
            "x": {"field": "number", "type": "quantitative"},
            "y": {"field": "best", "type": "quantitative"},
        },
    }
    layers = {"width": 520, "height": 300, "layer": [line, dots]}
    return specified(told, f"Search of {member}'s settings", "the line is the best so far", layers)


def save_plot(folder: Path, name: str, spec: Spec, formats: Iterable[str] = FORMATS) -> list[Path]:
    """Write `spec` as `name` with each ending of `formats` (html, png); the files, each there whole or not at all.

    Raises SettingsError for another format.
    """
    made = []
    for ending in formats:
        path, data = folder / f"{name}.{ending}", render(spec, ending)
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)
        made.append(path)
    return made


def _colour(field: str, values: Sequence[str], title: str) -> Spec:
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(values))]
    return {"field": field, "type": "nominal", "title": title, "scale": {"domain": list(values), "range": colours}}


def _members(rows: pd.DataFrame) -> list[str]:
    return [str(name) for name in rows["member"].unique()]


def _told(*names: str) -> list[Spec]:
    return [{"field": name} for name in names]


def _sampled(rows: pd.DataFrame) -> pd.DataFrame:
    """Every nth row, so that no more than MOST_POINTS are left."""
    return rows if len(rows) <= MOST_POINTS else rows.iloc[:: -(-len(rows) // MOST_POINTS)]
