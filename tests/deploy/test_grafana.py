"""The dashboards: as Grafana wants them, and as their source makes them."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
import yaml

from deploy.grafana.dashboards import FOLDER, documents
from tests.monitored import DEPLOY

DASHBOARDS = {name: json.loads(text) for name, text in documents().items()}
PANELS = [
    (name, panel) for name, document in DASHBOARDS.items() for panel in document["panels"] if panel["type"] != "row"
]
TARGETS = [(name, panel, target) for name, panel in PANELS for target in panel["targets"]]
UNITS = {"none", "short", "s", "percentunit", "reqps", "ops", "cps"}


def named(*parts: str) -> str:
    return " ".join(part.removesuffix(".json").removeprefix("shelfwise-") for part in parts)


def test_the_files_are_what_their_source_makes():
    """Otherwise: .venv/bin/python -m deploy.grafana.dashboards"""
    assert {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()} == documents()


def read_by_grafana(document: dict) -> dict:
    """The document as Grafana's own types for dashboards and panels keep it: what they don't know is lost."""
    pytest.importorskip("grafana_foundation_sdk")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(document)))


def lost(given: object, kept: object, place: str = "") -> list[str]:
    """Where something given isn't kept as it was."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [one for key in given for one in lost(given[key], kept.get(key, "lost"), f"{place}/{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [one for n, both in enumerate(zip(given, kept, strict=True)) for one in lost(*both, f"{place}/{n}")]
    return [] if given == kept else [place]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafana_knows_every_field_of_it(name):
    document = DASHBOARDS[name]
    assert lost(document, read_by_grafana(document)) == []
    wrong = {**document, "panels": [{**document["panels"][1], "titel": "Typo"}], "refesh": "1m"}
    assert lost(wrong, read_by_grafana(wrong)) == ["/panels/0/titel", "/refesh"]


def test_units_are_grafanas():
    units = pytest.importorskip("grafana_foundation_sdk.models.units")
    assert {unit for unit in vars(units).values() if isinstance(unit, str)} >= UNITS


@pytest.mark.parametrize("name", DASHBOARDS)
def test_ids_are_unique_and_panels_do_not_overlap(name):
    document = DASHBOARDS[name]
    assert document["uid"] == name.removesuffix(".json") and document["title"] and document["description"]
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    cells = Counter()
    for panel in document["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] >= 1
        rows, columns = range(place["y"], place["y"] + place["h"]), range(place["x"], place["x"] + place["w"])
        cells.update((x, y) for x in columns for y in rows)
    assert max(cells.values()) == 1


def test_uids_are_unique_and_the_source_of_each_panel_is_provisioned():
    assert len({document["uid"] for document in DASHBOARDS.values()}) == len(DASHBOARDS)
    provisioned = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    sources = {(source["type"], source["uid"]) for source in provisioned}
    used = [panel["datasource"] for _, panel in PANELS] + [target["datasource"] for _, _, target in TARGETS]
    assert {(source["type"], source["uid"]) for source in used} == sources


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=[named(name, panel["title"]) for name, panel in PANELS])
def test_a_panel_says_what_it_shows(name, panel):
    assert panel["title"] and panel["description"].endswith(".") and panel["targets"]
    field = panel["fieldConfig"]["defaults"]
    assert field["unit"] in UNITS
    steps = field["thresholds"]["steps"]
    assert steps[0]["value"] is None and all(step["value"] is not None for step in steps[1:])
    assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])
    letters = [target["refId"] for target in panel["targets"]]
    assert len(set(letters)) == len(letters)
    known = {variable["name"] for variable in DASHBOARDS[name]["templating"]["list"]} | {"__rate_interval"}
    assert set(re.findall(r"\$(\w+)", " ".join(target["expr"] for target in panel["targets"]))) <= known
