"""How decisions look: a badge for a verdict, a SKU's history, a line for what was decided last."""

import pandas as pd
from markupsafe import Markup

from engine.decisions import Batch, says_yes
from pages.parts.markup import html, icon, join

_SYMBOLS = {"confirmed": "check_circle", "rejected": "cancel", "added": "add_circle", "renamed": "edit"}


def badge(verdict: str, words: str = "") -> Markup:
    """A verdict as a badge, with `words` in place of its name."""
    style = "sw-up" if says_yes(verdict) else "sw-down"
    return html('<span class="sw-badge {}">{} {}</span>', style, icon(_SYMBOLS[verdict]), words or verdict)


def counts(decided: pd.DataFrame) -> Markup:
    """The decisions that count on a SKU: each tag with its verdict, who, when and why."""
    rows = [
        html("<li>{} <b>{}</b> {}</li>", badge(row["verdict"]), row["tag"], _by(row))
        for row in decided.to_dict("records")
    ]
    return html('<ul class="sw-compared">{}</ul>', join(rows))


def history(decisions: pd.DataFrame) -> Markup:
    """Every decision on a SKU, folded; those taken back are struck through."""
    rows = [
        html(
            "<li>{} {} {} {}</li>",
            badge(row["verdict"]),
            html("<s>{}</s>", row["tag"]) if row["undone"] else html("<b>{}</b>", row["tag"]),
            _by(row),
            html('<span class="sw-meta">undone by {}, {}</span>', row["undone_by"], when(row["undone"]))
            if row["undone"]
            else "",
        )
        for row in decisions.to_dict("records")
    ]
    summary = f"History: {len(rows)} {'decision' if len(rows) == 1 else 'decisions'}"
    return html('<details><summary>{}</summary><ul class="sw-compared">{}</ul></details>', summary, join(rows))


def line(batch: Batch) -> Markup:
    """What was decided together: verdict, tag, SKU or how many, who and when."""
    tag = html("<b>{}</b>", batch.tag) if batch.tags == 1 else html("<b>{} tags</b>", batch.tags)
    where = (
        batch.item_id if batch.pairs == 1 else f"{batch.pairs:,} SKUs" if batch.tags == 1 else f"{batch.pairs:,} pairs"
    )
    why = f" to “{batch.reason}”" if batch.verdict == "renamed" else f": {batch.reason}" if batch.reason else ""
    taken = html(' · <span class="sw-meta">undone by {}</span>', batch.undone_by) if batch.undone_by else ""
    said = html("{}{} on {}", tag if not batch.undone_by else html("<s>{}</s>", tag), why, where)
    by = html('<span class="sw-meta">{}, {}</span>{}', batch.who, when(batch.decided), taken)
    return html('<p class="sw-decision">{} {} {}</p>', badge(batch.verdict), said, by)


def when(iso: str) -> str:
    """A moment of the log in short: 20 Nov 22:10."""
    return f"{pd.Timestamp(iso):%-d %b %H:%M}"


def _by(row: dict) -> Markup:
    why = f"to “{row['reason']}”, " if row["verdict"] == "renamed" else f"{row['reason']}, " if row["reason"] else ""
    return html('<span class="sw-meta">{}by {}, {} UTC</span>', why, row["who"], when(row["decided"]))
