"""Which versions serve, how old they are, what lists they make, and where the time goes."""

from __future__ import annotations

from deploy.grafana.panels import WINDOWS, Dashboard, Panel, Variable, chart, stat
from deploy.grafana.promql import ANSWERED, FALLBACKS, LISTS, REQUESTS, WINDOW, quantile, share, total

PART, DAY = 'part=~"$part"', 86400
RERANKED, ITEMS = "shelfwise_reranked_lists_total", "shelfwise_recommended_items_total"
STAGES = "shelfwise_stage_seconds"
REMEMBERED = "shelfwise_remembered_lists_total"
MOVED = share(total(RERANKED, 'by="categories"'), total(RERANKED))
FELL_BACK = share(total(FALLBACKS, over=WINDOW), total(REQUESTS, ANSWERED, over=WINDOW))

SERVES = (
    Panel(
        "Versions",
        "none",
        "The version that serves in each part.",
        {"{{part}}": f"max by (part, version) (shelfwise_model_info{{{PART}}}) == 1"},
        "table",
    ),
    chart(
        "Age",
        "s",
        "How long ago what serves was made. The line is where the alert for recommendations begins.",
        {"{{part}}": f"time() - max by (part) (shelfwise_model_made_seconds{{{PART}}} > 0)"},
        bad=14 * DAY,
    ),
    chart(
        "New versions",
        "short",
        "Versions that began to serve (swapped), and tries that failed: the older one went on serving.",
        {"{{part}}: {{outcome}}": total("shelfwise_model_swaps_total", PART, by="part, outcome", over=WINDOW)},
    ),
    stat(
        "Last retraining",
        "s",
        "How long ago the last retraining ended, however it went.",
        "time() - max(shelfwise_retraining_finished_seconds)",
        width=6,
        bad=30 * 3600,
    ),
    stat(
        "It went",
        "none",
        "Well: its model was promoted, or the one that serves was kept as the better one.",
        "min(shelfwise_retraining_ok)",
        width=6,
        bad=1,
        good_above=True,
        words={1: "well", 0: "not well"},
    ),
    stat(
        "Users without a history",
        "percentunit",
        "Share of the lists within the window that were for users of whom nothing is known.",
        share(total(LISTS, 'user="cold"', over=WINDOW), total(LISTS, over=WINDOW)),
        width=6,
    ),
    stat(
        "Fallbacks",
        "percentunit",
        "Share of lists, similar items and searches within the window that were popular items instead.",
        FELL_BACK,
        width=6,
        bad=0.05,
    ),
)
MADE = (
    chart(
        "Lists",
        "reqps",
        "Lists a second that models made, for users with a history (known) and without (cold).",
        {"{{user}}": total(LISTS, by="user")},
        width=6,
        stacked=True,
    ),
    chart(
        "Users without a history",
        "percentunit",
        "A jump means that histories don't reach the service, or that the shop has changed its users' ids.",
        {"cold": share(total(LISTS, 'user="cold"'), total(LISTS))},
        width=6,
    ),
    chart(
        "Moved by the user's categories",
        "percentunit",
        "Share of the lists whose order the categories of the user's own history changed.",
        {"moved": MOVED},
        width=6,
    ),
    chart(
        "Made before",
        "percentunit",
        "Share of the lists that were remembered from an earlier request, or made ahead of one.",
        {"remembered": share(total(REMEMBERED, 'hit="yes"'), total(REMEMBERED))},
        width=6,
    ),
    chart(
        "Items in a list",
        "short",
        "Items recommended for each list; it falls where filters leave too few.",
        {"items": f"{total(ITEMS)} / {total(LISTS)}"},
    ),
    chart("Items recommended", "cps", "Items in all lists, a second.", {"items": total(ITEMS)}),
    chart(
        "Popular items instead",
        "ops",
        "Answers a second that fell back, by route and reason.",
        {"{{route}}: {{reason}}": total(FALLBACKS, by="route, reason")},
    ),
)
TIME = (
    chart(
        "95 % within",
        "s",
        "95 % of the runs of a stage take up to this.",
        {"{{stage}}": quantile(0.95, STAGES, by="stage")},
        width=12,
    ),
    chart(
        "Where the time goes",
        "short",
        "Seconds of work in each stage for each second: 1 keeps one thread busy.",
        {"{{stage}}": total(f"{STAGES}_sum", by="stage")},
        width=12,
        stacked=True,
    ),
)

MODEL = Dashboard(
    "shelfwise-model",
    "Models",
    "Which versions serve, how old they are, what lists they make, and where the time goes.",
    (Variable("part", "Part", "shelfwise_model_info", "part"), WINDOWS),
    {"What serves": SERVES, "Lists": MADE, "Stages of an answer": TIME},
    since="now-1d",
)
