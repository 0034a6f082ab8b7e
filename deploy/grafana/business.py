"""What users do with what they are shown, by variant."""

from __future__ import annotations

from deploy.grafana.panels import WINDOWS, Dashboard, Variable, chart, stat
from deploy.grafana.promql import WINDOW, share, total

EVENTS, REVENUE = "shelfwise_variant_events_total", "shelfwise_variant_revenue_total"
LISTS, INSTEAD = "shelfwise_variant_lists_total", "shelfwise_variant_instead_total"
VARIANT = 'variant=~"$variant"'


def told(event: str, by: str = "variant") -> str:
    """The events of one kind within the window."""
    return total(EVENTS, f'{VARIANT},event="{event}"', by=by, over=WINDOW)


def ratio(event: str, base: str) -> dict[str, str]:
    """Events of one kind for each of another, by variant."""
    return {"{{variant}}": share(told(event), told(base))}


def earned(by: str = "variant") -> str:
    """Revenue within the window."""
    return total(REVENUE, VARIANT, by=by, over=WINDOW)


NOW = (
    stat(
        "Click rate",
        "percentunit",
        "Clicks for each impression within the window.",
        share(told("click", ""), told("impression", "")),
        width=6,
    ),
    stat(
        "Conversion",
        "percentunit",
        "Transactions for each click within the window.",
        share(told("transaction", ""), told("click", "")),
        width=6,
    ),
    stat("Revenue", "short", "Price times quantity of the transactions within the window.", earned(""), width=6),
    stat("Transactions", "short", "Transactions within the window.", told("transaction", ""), width=6),
)
VARIANTS = (
    chart(
        "Click rate",
        "percentunit",
        "Clicks for each impression; one variant above the other proves nothing yet.",
        ratio("click", "impression"),
    ),
    chart("Conversion", "percentunit", "Transactions for each click.", ratio("transaction", "click")),
    chart("Into the cart", "percentunit", "Items put into the cart for each click.", ratio("addtocart", "click")),
    chart(
        "Revenue",
        "short",
        "Price times quantity of the transactions within the window, in the shop's currency.",
        {"{{variant}}": earned()},
    ),
    chart(
        "Revenue of 1,000 impressions",
        "short",
        "Revenue within the window for a thousand impressions within it.",
        {"{{variant}}": f"1000 * {earned()} / {told('impression')}"},
    ),
    chart(
        "Lists",
        "short",
        "Lists within the window; their ratio is that of the variants' shares, or something is wrong. Stood in: of the "
        "version that serves everyone, because the variant's own couldn't be opened.",
        {
            "{{experiment}} {{variant}}": total(LISTS, VARIANT, by="experiment, variant", over=WINDOW),
            "{{experiment}} {{variant}}, stood in": total(INSTEAD, VARIANT, by="experiment, variant", over=WINDOW),
        },
    ),
)
TOLD = (
    chart(
        "Events by kind",
        "cps",
        "Stored events a second.",
        {"{{event}}": total("shelfwise_events_total", 'outcome="stored"', by="event")},
        stacked=True,
    ),
    chart(
        "Events by outcome",
        "cps",
        "duplicate: sent again, which is fine; conflict: its id belongs to another event, and that was kept.",
        {"{{outcome}}": total("shelfwise_events_total", by="outcome")},
    ),
    chart(
        "Events with a time to doubt",
        "cps",
        "clock_skew: from the future, its time was set to now; late: older than a day.",
        {"{{why}}": total("shelfwise_events_adjusted_total", by="why")},
    ),
)

BUSINESS = Dashboard(
    "shelfwise-business",
    "Business",
    "What users do with what they are shown. Counted are all stored events of a variant's users, whatever led to them; "
    "figures by user, with their intervals, are on the app's page Service.",
    (Variable("variant", "Variant", EVENTS, "variant"), WINDOWS),
    {"Now": NOW, "By variant": VARIANTS, "Events": TOLD},
    since="now-2d",
)
