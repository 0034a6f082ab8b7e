"""Each query of the dashboards and each rule, asked of a real Prometheus that has watched a real service."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count

import prometheus_client
import pytest
import yaml

from deploy.grafana.dashboards import documents
from engine.atomic import write_json
from engine.serve.metrics import Metrics
from tests.monitored import RULES, Prometheus, prometheus, until
from tests.recommended import BAGS, SHOES, build
from tests.running import Served, end, free_port, make_key, start

DASHBOARDS = [json.loads(text) for text in documents().values()]
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
KINDS = ("view", "addtocart", "transaction", "impression", "click")
SELECTOR = re.compile(r"(shelfwise_\w+|prometheus_\w+|up|ALERTS)(?:\{([^}]*)\})?")


def event(number: int, kind: str, user: str, **more) -> dict:
    return {"event_id": f"{kind}-{user}-{number}", "user_id": user, "item_id": BAGS[number % 5], "event": kind, **more}


def visit(served: Served, turn: int) -> None:
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


def goes_on(served: Served, trouble: Metrics, server: Prometheus, turns: Iterator[int], seen: str) -> bool:
    """Another visit and more trouble; whether Prometheus has seen enough of it. A busy machine needs several."""
    visit(served, next(turns))
    worse(trouble)
    return bool(server.ask(seen))


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
    port, folder = free_port(), tmp_path_factory.mktemp("prometheus")
    try:
        with prometheus(folder, [f"127.0.0.1:{server.server_port}", f"127.0.0.1:{port}"], key) as asked:
            served = start(workspace, "--deadline", "20", workers=2, key=key, port=port)
            try:
                turns = count()
                for grown in (
                    'shelfwise_events_total{outcome="conflict"}',
                    'shelfwise_requests_total{route="unmatched"}',
                    "shelfwise_fallbacks_total",
                ):
                    until(partial(goes_on, served, trouble, asked, turns, f"increase({grown}[10m]) > 0"))
                until(lambda: asked.ask('ALERTS{alertstate="firing"}'))
                yield asked
            finally:
                end(served)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def filled_in(expr: str, document: dict, chosen: dict[str, str]) -> str:
    """The query as Grafana sends it: for ten minutes, so also on a slow machine, and "All" where nothing is chosen."""
    windows = {"__rate_interval": "10m", "window": "10m"}
    every = {variable["name"]: variable.get("allValue", "") for variable in document["templating"]["list"]}
    values = {**every, **chosen, **windows}
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], expr)


def queries(document: dict) -> list[tuple[str, dict]]:
    """The queries of a dashboard, by the titles of their panels."""
    return [(panel["title"], target) for panel in document["panels"] for target in panel.get("targets", [])]


def gives_data(server: Prometheus, document: dict, target: dict) -> None:
    answer = server.ask(filled_in(target["expr"], document, {}))
    assert answer and not all(math.isnan(value) for _, value in answer)
    labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert all(labels <= set(series) for series, _ in answer), "the legend names a label that the series don't have"


def can_be_chosen(server: Prometheus, document: dict, variable: dict) -> None:
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
    values = server.get(f"label/{label}/values", match=metric)
    assert values and (label != "variant" or {"control", "bolder"} <= set(values))
    for value in values:
        escaped = re.sub(r"([\\^$*+?.()|{}\[\]/])", r"\\\\\1", value)  # as Grafana escapes it within a string of PromQL
        for _, target in queries(document):
            server.ask(filled_in(target["expr"], document, {variable["name"]: escaped}))
        assert server.ask(f'{metric}{{{label}=~"{escaped}"}}')


def names_what_there_is(server: Prometheus, expr: str) -> None:
    """Whether the labels that the expression chooses or groups by are those of its series."""
    every: set[str] = set()
    for metric, matchers in SELECTOR.findall(re.sub(r"(by|on) \([^)]*\)", "", expr)):
        known = {label for series in server.get("series", match=metric) for label in series}
        assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers)) <= known, metric
        every |= known
    assert {label for labels in re.findall(r"(?:by|on) \(([^)]*)\)", expr) for label in labels.split(", ")} <= every


def rules_of(server: Prometheus) -> list[dict]:
    return [rule for group in server.get("rules")["groups"] for rule in group["rules"]]


def test_a_real_prometheus(watched, subtests):
    """One test, because starting the service and Prometheus takes ten seconds and processes of pytest share nothing."""
    for document in DASHBOARDS:
        for title, target in queries(document):
            with subtests.test(f"{document['title']}: {title} {target['refId']} answers with data"):
                gives_data(watched, document, target)
                names_what_there_is(watched, target["expr"])
        for variable in document["templating"]["list"]:
            if variable["type"] == "query":
                with subtests.test(f"{document['title']}: each value of {variable['name']} can be chosen"):
                    can_be_chosen(watched, document, variable)
    for alert in ALERTS:
        with subtests.test(f"{alert['alert']} names labels that there are"):
            names_what_there_is(watched, alert["expr"])
    with subtests.test("All rules are evaluated, and one fires"):
        until(lambda: all(rule["health"] == "ok" for rule in rules_of(watched)))
        assert {rule["name"] for rule in rules_of(watched)} == {alert["alert"] for alert in ALERTS}
        assert "RetrainingFailed" in {labels["alertname"] for labels, _ in watched.ask('ALERTS{alertstate="firing"}')}
    with subtests.test("The service is reached by its key"):
        targets = watched.get("targets")["activeTargets"]
        assert len(targets) == 3 and {target["health"] for target in targets} == {"up"}
