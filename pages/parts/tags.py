"""Predicted tags of one SKU as bars, and their comparison with the tags that it was given."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from pages.parts import compare, links, verdicts
from pages.parts.charts import meter, percent
from pages.parts.markup import html, icon, join

_WORDS = {"same": "both", "only A": "only the tagger", "only B": "only given"}


def predicted(tags: pd.DataFrame, *, current: str, said: Mapping[str, str]) -> Markup:
    """One bar per tag with its threshold as a line; each is a link that opens its evidence.

    said: what people decided, the verdict by tag.
    """
    listed = join(_tag(row, current, said.get(row["tag"], "")) for row in _rows(tags))
    return html('<div role="list" aria-label="Predicted tags">{}</div>', listed)


def agreement(compared: pd.DataFrame) -> Markup:
    """Tags of the tagger and given tags in the comparison language, with a line of counts."""
    counts = compared["where"].value_counts()
    said = join((compare.badge(w, f"{counts.get(w, 0)} {words}") for w, words in _WORDS.items()), " ")
    chips = join(
        html("<li>{} {}</li>", compare.badge(row["where"], _WORDS[row["where"]]), row["tag"]) for row in _rows(compared)
    )
    return html('<div class="sw-chips">{}</div><ul class="sw-compared">{}</ul>', said, chips)


def _tag(row: dict, current: str, verdict: str) -> Markup:
    chosen = row["tag"] == current
    return html(
        '<a class="sw-tag {}" role="listitem" id="tag-{}" href="{}"{} aria-label="{}, {}, {}">'
        '<span>{} {} {}</span><span class="sw-num">{}</span>{}</a>',
        "" if row["asserted"] else "sw-weak",
        row["tag"],
        links.link(tag=None if chosen else row["tag"]),
        Markup(' aria-current="true"') if chosen else "",
        row["tag"],
        percent(row["probability"]),
        "asserted" if row["asserted"] else "below the threshold",
        row["tag"],
        icon("check_small") if row["asserted"] else "",
        verdicts.badge(verdict) if verdict else "",
        percent(row["probability"]),
        meter(row["probability"], mark=row["threshold"]),
    )


def _rows(frame: pd.DataFrame) -> list[dict]:
    return frame.to_dict("records")
