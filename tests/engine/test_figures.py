"""Figures that leave: what they hold, that hostile names stay text, and that they render without a browser."""

import json

import pandas as pd
import pytest

from engine import figures
from engine.errors import SettingsError

HOSTILE = "</script><script>alert(1)</script>"
NAMED = pd.DataFrame({"name": [HOSTILE, "b"], "value": [3, 1]})
RANGED = pd.DataFrame(
    {"slice": ["Category"] * 2, "name": ["a", "b"], "value": [0.5, 0.25], "low": [0.4, 0.2], "high": [0.6, 0.3], "n": 9}
)
MADE = {
    "bars": figures.bars(NAMED, "Bars", "SKUs", source="run r"),
    "columns": figures.columns(NAMED, "Columns", "Stars", source="run r"),
    "curve": figures.curve([5, 3, 0], "Tail", ("Rank", "SKUs"), source="run r"),
    "leaning": figures.leaning(
        pd.DataFrame({"group": ["a", "b"], "name": ["x", HOSTILE], "value": [1.0, -2.0]}),
        "Why",
        "Added",
        source="run r",
    ),
    "multiples": figures.multiples(RANGED, "Slices", "Recall", source="run r"),
}


def axes(spec):
    """The titles of all axes in a specification."""
    found = set()
    for key, part in spec.items():
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, dict):
                found |= {one.get("title")} if key in ("x", "y") else axes(one)
    return found - {None}


@pytest.mark.parametrize("name", MADE)
def test_a_figure_has_a_title_its_source_and_a_named_axis_and_renders(name):
    spec = MADE[name]
    assert spec["title"]["text"] and "run r" in str(spec["title"]["subtitle"]) and axes(spec)
    assert figures.render(spec, "png")[:8] == b"\x89PNG\r\n\x1a\n"


def test_values_are_drawn_in_the_order_given_and_in_full():
    values = MADE["columns"]["data"]["values"]
    assert [(row["name"], row["value"], row["said"]) for row in values] == [(HOSTILE, 3, "3"), ("b", 1, "1")]
    tail = MADE["curve"]["data"]["values"]
    assert [(row["rank"], row["value"]) for row in tail] == [(1, 5.0), (2, 3.0)]  # nothing of 0 on a logarithmic axis


def test_hostile_names_cannot_end_the_script_of_a_page():
    page = figures.render(MADE["bars"], "html").decode()
    assert HOSTILE not in page and "\u2039/script>" in page
    assert "http-equiv" not in page and "cdn" not in page.split("<script", 1)[0]


def test_a_source_is_one_more_line_and_another_format_is_refused():
    spec = figures.sourced(figures.bars(NAMED, "Bars", "SKUs", source="of test"), "data 1234")
    assert spec["title"]["subtitle"] == ["of test", "data 1234"] and json.dumps(spec)
    with pytest.raises(SettingsError, match="'svg' is no format"):
        figures.render(spec, "svg")
