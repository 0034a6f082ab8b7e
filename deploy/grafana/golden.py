"""Latency, traffic, errors and saturation: whether the service is well."""

from __future__ import annotations

from deploy.grafana.panels import Dashboard, Panel, Variable, chart, stat
from deploy.grafana.promql import FALLBACKS, REQUESTS, SECONDS, quantile, quantiles, share, total

ROUTE = 'route=~"$route"'
FAILED = share(total(REQUESTS, f'{ROUTE},status=~"5.."'), total(REQUESTS, ROUTE))
BUSY = "sum(shelfwise_threads_busy) / sum(shelfwise_threads)"
FIRING = 'count(ALERTS{alertstate="firing"}) or vector(0)'
P95 = quantile(0.95, SECONDS, ROUTE)

NOW = (
    stat(
        "Service",
        "none",
        "Whether Prometheus reaches the service with its key.",
        'min(up{job="shelfwise"})',
        width=4,
        bad=1,
        good_above=True,
        words={1: "up", 0: "down"},
    ),
    stat("Requests", "reqps", "Requests a second.", total(REQUESTS, ROUTE), width=4),
    stat(
        "Failing", "percentunit", "Share of the answers with 5xx; above 1 % an alert begins.", FAILED, width=4, bad=0.01
    ),
    stat(
        "95 % within", "s", "95 % of the answers take up to this; the aim for lists is 250 ms.", P95, width=4, bad=0.25
    ),
    stat("Threads busy", "percentunit", "Near 100 % requests wait for a thread that answers.", BUSY, width=4, bad=0.9),
    stat("Alerts", "none", "Alerts that fire; the table at the end names them.", FIRING, width=4, bad=1),
)
LATENCY = (
    chart(
        "All chosen routes",
        "s",
        "Half, 95 % and 99 % of the requests are answered within this time. The line is the aim for lists.",
        quantiles(SECONDS, ROUTE),
        bad=0.25,
    ),
    chart(
        "By route",
        "s",
        "95 % of a route's requests are answered within this time.",
        {"{{route}}": quantile(0.95, SECONDS, ROUTE, by="route")},
    ),
    Panel(
        "How the times are spread",
        "reqps",
        "Requests by how long they took: a second band has a second cause.",
        {"{{le}}": total(f"{SECONDS}_bucket", ROUTE, by="le")},
        "heatmap",
    ),
)
TRAFFIC = (
    chart(
        "Requests by route",
        "reqps",
        "Requests a second, by route as it is written in the code.",
        {"{{route}}": total(REQUESTS, ROUTE, by="route")},
        width=12,
        stacked=True,
    ),
    chart(
        "Answers by status",
        "reqps",
        "200: it went well; 401 and 403: a key that doesn't fit; 429: over a key's limit; 5xx: ours.",
        {"{{status}}": total(REQUESTS, ROUTE, by="status")},
        width=12,
        stacked=True,
    ),
)
ERRORS = (
    chart(
        "Failing",
        "percentunit",
        "Share of the answers with a status of 5xx. The line is where the alert begins.",
        {"failing": FAILED},
        bad=0.01,
    ),
    chart(
        "Failures inside",
        "ops",
        "What went wrong, by its type; the log says where. A list that failed is answered with popular items.",
        {"{{route}}: {{kind}}": total("shelfwise_errors_total", by="route, kind")},
    ),
    chart(
        "Popular items instead",
        "ops",
        "Answers that fell back: too late (deadline), a failure (error) or nothing trained (no_model).",
        {"{{route}}: {{reason}}": total(FALLBACKS, by="route, reason")},
    ),
)
SATURATION = (
    chart(
        "Threads that answer",
        "short",
        "Threads at work and threads that there are, of all processes.",
        {"busy": "sum(shelfwise_threads_busy)", "all": "sum(shelfwise_threads)"},
    ),
    chart(
        "Requests under way",
        "short",
        "Requests that are being answered or wait; a line that only climbs doesn't come down by itself.",
        {"under way": "sum(shelfwise_requests_in_flight)"},
    ),
    chart(
        "Storing events",
        "s",
        "The writes to the database take up to this; after 5 s they are refused. The line is where the alert begins.",
        quantiles("shelfwise_store_seconds"),
        bad=1,
    ),
    Panel(
        "Alerts",
        "none",
        "Alerts that fire or are about to; deploy/README.md says what to do about each.",
        {"alerts": 'ALERTS{alertname!=""}'},
        "table",
        width=24,
    ),
)

GOLDEN = Dashboard(
    "shelfwise-golden",
    "Golden signals",
    "Latency, traffic, errors and saturation of the service.",
    (Variable("route", "Route", REQUESTS, "route"),),
    {"Now": NOW, "Latency": LATENCY, "Traffic": TRAFFIC, "Errors": ERRORS, "Saturation": SATURATION},
)
