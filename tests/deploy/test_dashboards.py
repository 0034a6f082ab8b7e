"""The dashboards: as Grafana wants them, as their source makes them, and each query asked of a real Prometheus."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from datetime import UTC, datetime

import prometheus_client
import pytest
import yaml

from deploy.grafana.dashboards import FOLDER, documents
from engine.atomic import write_json
from engine.serve.metrics import Metrics
from tests.monitored import DEPLOY, RULES, prometheus, until
from tests.recommended import BAGS, SHOES, build
from tests.running import make_key, serving

DASHBOARDS = {name: json.loads(text) for name, text in documents().items()}
PANELS = [
    (name, panel) for name, document in DASHBOARDS.items() for panel in document["panels"] if panel["type"] != "row"
]
TARGETS = [(name, panel, target) for name, panel in PANELS for target in panel["targets"]]
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
UNITS = {"none", "short", "s", "percentunit", "reqps", "ops", "cps"}
KINDS = ("view", "addtocart", "transaction", "impression", "click")
SELECTOR = re.compile(r"(shelfwise_\w+|prometheus_\w+|up|ALERTS)(?:\{([^}]*)\})?")


def named(*parts: str) -> str:
    return " ".join(part.removesuffix(".json").removeprefix("shelfwise-") for part in parts)


def names_of(targets) -> list[str]:
    return [named(name, panel["title"], target["refId"]) for name, panel, target in targets]


# ---------------------------------------------------------------------------------------------------------------- form


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


# ------------------------------------------------------------------------------------------------------------- queries


def event(number: int, kind: str, user: str, **more) -> dict:
    return {"event_id": f"{kind}-{user}-{number}", "user_id": user, "item_id": BAGS[number % 5], "event": kind, **more}


def visit(served, turn: int) -> None:
    """What users of both tastes, and of none, ask and do; once too often, out of time, and without a key."""
    for user in ("U-01", "U-02", "U-03", "U-04", "nobody", f"new-{turn}"):
        served.ask(f"/recommendations/{user}?explain=true")
        told = [event(turn, kind, user, price=10.0) for kind in KINDS]
        served.ask("/events", {"events": [*told, {**told[0], "item_id": SHOES[0]}]})
    for when in ("2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        served.ask("/events", {"events": [event(turn, "view", when[:4], timestamp=when)]})
    for path in (f"/similar/{SHOES[1]}", "/search?q=bag", "/items/bag-01/tags", "/ready", "/no-such-page"):
        served.ask(path)


def worse(metrics: Metrics) -> None:
    """One more of each trouble, counted as the code counts it."""
    metrics.fallbacks.labels("recommendations", "deadline").inc()
    metrics.errors.labels("events", "StorageError").inc()
    metrics.swaps.labels("recommendations", "failed").inc()


def experiment() -> dict:
    variants = [{"name": name, "share": 0.5, "version": None} for name in ("control", "bolder")]
    return {"name": "taste", "salt": "s", "started": "2026-01-01T00:00:00+00:00", "variants": variants}


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A Prometheus that has watched two processes of the service, and one in trouble, for a while."""
    workspace = build(tmp_path_factory.mktemp("watched"))
    write_json(workspace.path / "experiment.json", experiment())
    last = {"id": "1", "finished": datetime.now(UTC).isoformat(), "outcome": "refused", "words": "Too few events."}
    (workspace.path / "retraining").mkdir()
    write_json(workspace.path / "retraining" / "LAST.json", last)
    key, trouble = make_key(workspace), Metrics()
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", trouble.registry)
    targets, folder = [f"127.0.0.1:{server.server_port}"], tmp_path_factory.mktemp("prometheus")
    try:
        with serving(workspace, workers=2, key=key) as served:
            targets.append(f"127.0.0.1:{served.port}")
            with prometheus(folder, targets, key) as asked:
                visit(served, 1)
                until(lambda: asked.ask('shelfwise_events_total{outcome="conflict"}'))
                visit(served, 2)
                until(lambda: asked.ask('increase(shelfwise_requests_total{route="unmatched"}[1m]) > 0'))
                until(lambda: worse(trouble) or asked.ask("increase(shelfwise_fallbacks_total[1m]) > 0"))
                until(lambda: asked.ask('ALERTS{alertstate="firing"}'))
                yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def filled_in(expr: str, document: dict, chosen: dict[str, str]) -> str:
    """The query as Grafana sends it: for a window of a minute, and "All" where nothing is chosen."""
    windows = {"__rate_interval": "1m", "window": "1m"}
    every = {variable["name"]: variable.get("allValue", "") for variable in document["templating"]["list"]}
    values = {**every, **chosen, **windows}
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], expr)


@pytest.mark.parametrize(("name", "panel", "target"), TARGETS, ids=names_of(TARGETS))
def test_every_query_answers_with_data(watched, name, panel, target):
    answer = watched.ask(filled_in(target["expr"], DASHBOARDS[name], {}))
    assert answer and not all(math.isnan(value) for _, value in answer)
    labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert all(labels <= set(series) for series, _ in answer), "the legend names a label that the series don't have"


VARIABLES = [
    (name, variable)
    for name, document in DASHBOARDS.items()
    for variable in document["templating"]["list"]
    if variable["type"] == "query"
]


@pytest.mark.parametrize(("name", "variable"), VARIABLES, ids=[named(name, each["name"]) for name, each in VARIABLES])
def test_a_variable_has_values_and_each_can_be_chosen(watched, name, variable):
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
    values = watched.get(f"label/{label}/values", match=metric)
    assert values
    for value in values:
        escaped = re.sub(r"([\\^$*+?.()|{}\[\]/])", r"\\\\\1", value)  # as Grafana escapes it within a string of PromQL
        chosen = {variable["name"]: escaped}
        for _, _, target in (one for one in TARGETS if one[0] == name):
            watched.ask(filled_in(target["expr"], DASHBOARDS[name], chosen))
        assert watched.ask(f'{metric}{{{label}=~"{escaped}"}}')


EXPRESSIONS = [(alert["alert"], alert["expr"]) for alert in ALERTS]
EXPRESSIONS += [(named(name, panel["title"]), target["expr"]) for name, panel, target in TARGETS]


def test_queries_and_rules_name_labels_that_there_are(watched):
    wrong = []
    for where, expr in EXPRESSIONS:
        for metric, matchers in SELECTOR.findall(re.sub(r"by \([^)]*\)", "", expr)):
            series = watched.get("series", match=metric)
            known = {label for one in series for label in one}
            if not set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers)) <= known:
                wrong.append((where, metric, matchers))
    assert not wrong


@pytest.mark.parametrize("counter", ["shelfwise_variant_lists_total", "shelfwise_variant_events_total"])
def test_each_variant_has_its_figures(watched, counter):
    assert {"control", "bolder"} <= set(watched.get("label/variant/values", match=counter))


def rules_of(server) -> list[dict]:
    return [rule for group in server.get("rules")["groups"] for rule in group["rules"]]


def test_prometheus_evaluates_all_rules_and_reaches_the_service_by_its_key(watched):
    until(lambda: all(rule["health"] == "ok" for rule in rules_of(watched)))
    assert {rule["name"] for rule in rules_of(watched)} == {alert["alert"] for alert in ALERTS}
    targets = watched.get("targets")["activeTargets"]
    assert len(targets) == 3 and {target["health"] for target in targets} == {"up"}
    assert "RetrainingFailed" in {labels["alertname"] for labels, _ in watched.ask('ALERTS{alertstate="firing"}')}
