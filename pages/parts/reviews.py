"""Reviews as they were written, and the sentences in them that speak for or against a tag."""

import pandas as pd
from markupsafe import Markup

from engine.schema import Evidence, SentenceEffect
from pages.parts.cards import stars
from pages.parts.markup import html, icon, join

AGAINST_SHOWN = 4
_SIDES = {
    True: ("sw-for", "add_circle", "speaks for it"),
    False: ("sw-against", "do_not_disturb_on", "speaks against it"),
}


def listed(reviews: pd.DataFrame, found: Evidence | None) -> Markup:
    """Reviews in the frame's order, evidence marked in place. The frame's index is the review's number in `found`."""
    marks = _marks(found)
    return join(_review(row._asdict(), marks.get(row.Index, [])) for row in reviews.itertuples(name="Review"))


def evidence_head(found: Evidence) -> Markup:
    """What the evidence rests on, and what the marks mean."""
    said = f"{found.based_on[0].upper()}{found.based_on[1:]}"
    if not found.supporting:
        said = "No sentence raises this tag: its probability comes from the category and from words taken together"
    keys = join(
        (html('<mark class="{}">{} {}</mark>', style, icon(symbol), words) for style, symbol, words in _SIDES.values()),
        " ",
    )
    return html('<p>{}. <span class="sw-small">{}</span></p>', said, keys)


def against(found: Evidence) -> Markup:
    """Counter-evidence apart: the sentences that lower the tag's probability most."""
    quotes = join(
        html(
            '<blockquote class="sw-quote sw-against">{}<small>{} lowers the probability by {:.1f} points</small>'
            "</blockquote>",
            effect.sentence.text.strip(),
            icon("do_not_disturb_on"),
            100 * abs(effect.effect),
        )
        for effect in found.opposing[:AGAINST_SHOWN]
    )
    more = len(found.opposing) - AGAINST_SHOWN
    rest = html('<p class="sw-note">{} more are marked in the reviews.</p>', more) if more > 0 else ""
    return html('<div class="sw-section"><h3>Speaks against it</h3>{}{}</div>', quotes, rest) if quotes else Markup("")


def order(reviews: pd.DataFrame, by: str, found: Evidence | None) -> pd.DataFrame:
    """Reviews in reading order: evidence first, newest, oldest, highest or lowest. Rows keep their index."""
    if by == "evidence" and found:
        marks = _marks(found)
        strength = [max((abs(e.effect) for e in marks.get(index, [])), default=0.0) for index in reviews.index]
        return reviews.assign(strength=strength).sort_values("strength", ascending=False, kind="stable")
    column, ascending = {"oldest": ("timestamp", True), "best": ("rating", False), "worst": ("rating", True)}.get(
        by, ("timestamp", False)
    )
    return reviews.sort_values(column, ascending=ascending, na_position="last", kind="stable")


def marked(text: str, effects: list[SentenceEffect]) -> Markup:
    """`text` with each effect's stretch marked. Stretches that don't lie in the text, or overlap one, are left out."""
    parts: list[Markup] = []
    position = 0
    for effect in sorted(effects, key=lambda e: e.sentence.start):
        start, end = effect.sentence.start, effect.sentence.end
        if start < position or end > len(text):
            continue
        style, symbol, words = _SIDES[effect.effect > 0]
        title = f"{words}: {100 * effect.effect:+.1f} points"
        parts.append(html("{}", text[position:start]))
        parts.append(
            html('<mark class="{}" title="{}">{} {}</mark>', style, title, icon(symbol, words), text[start:end])
        )
        position = end
    return join([*parts, text[position:]])


def _review(row: dict, effects: list[SentenceEffect]) -> Markup:
    when = "" if pd.isna(row["timestamp"]) else f"{row['timestamp']:%-d %B %Y}"
    title = html("<strong>{}</strong>", row["title"]) if isinstance(row["title"], str) and row["title"] else ""
    return html(
        '<article class="sw-review"><header>{}<span>{}</span><span>{}</span></header>{}<p>{}</p></article>',
        stars(row["rating"]),
        when,
        row["user_id"] if isinstance(row["user_id"], str) else "",
        title,
        marked(row["text"], effects),
    )


def _marks(found: Evidence | None) -> dict[int, list[SentenceEffect]]:
    marks: dict[int, list[SentenceEffect]] = {}
    for effect in (*found.supporting, *found.opposing) if found else ():
        marks.setdefault(effect.sentence.review, []).append(effect)
    return marks
