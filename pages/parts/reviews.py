"""Reviews as they were written, and the sentences in them that speak for or against a tag."""

import pandas as pd
from markupsafe import Markup

from engine.schema import Evidence, SentenceEffect
from pages.parts import masks
from pages.parts.cards import stars
from pages.parts.markup import html, icon, join

AGAINST_SHOWN = 5
NOTABLE = 0.01
_ORDERS = {
    "evidence": ("evidence", "Evidence first"),
    "given": ("", "As listed"),
    "newest": ("timestamp", "Newest first"),
    "oldest": ("timestamp", "Oldest first"),
    "best": ("rating", "Highest rated"),
    "worst": ("rating", "Lowest rated"),
}
_SIDES = {
    True: ("sw-for", "add_circle", "speaks for it"),
    False: ("sw-against", "do_not_disturb_on", "speaks against it"),
}


def listed(reviews: pd.DataFrame, found: Evidence | None) -> Markup:
    """Reviews in the frame's order, evidence marked in place. The frame's index is the review's number in `found`."""
    marks = _marks(found)
    strongest = max((abs(effect.effect) for effects in marks.values() for effect in effects), default=1.0)
    rows = reviews.to_dict("records")
    return join(_review(row, marks.get(n, []), strongest) for n, row in zip(reviews.index, rows, strict=True))


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
    """Counter-evidence apart: the sentence that lowers the tag's probability most, the next ones folded below it."""
    strong = [effect for effect in found.opposing if abs(effect.effect) >= NOTABLE] or list(found.opposing[:1])
    quotes = [_quote(effect) for effect in strong[:AGAINST_SHOWN]]
    if not quotes:
        return Markup("")
    others = "The next sentence" if len(quotes) == 2 else f"The next {len(quotes) - 1} sentences"
    folded = html("<details><summary>{}</summary>{}</details>", others, join(quotes[1:])) if quotes[1:] else ""
    return html('<div class="sw-section"><h3>Speaks against it</h3>{}{}</div>', quotes[0], folded)


def _quote(effect: SentenceEffect) -> Markup:
    return html(
        '<blockquote class="sw-quote sw-against">{}<small>{} lowers the probability by {:.1f} points</small>'
        "</blockquote>",
        effect.sentence.text.strip(),
        icon("do_not_disturb_on"),
        100 * abs(effect.effect),
    )


def orders(reviews: pd.DataFrame, found: Evidence | None) -> dict[str, str]:
    """The orders that these reviews can be put in, with their labels: none by a time or rating that no review has."""
    has = {"": True, "evidence": found is not None}
    has |= {column: bool(reviews[column].notna().any()) for column in ("timestamp", "rating")}
    known = {key: label for key, (need, label) in _ORDERS.items() if has[need]}
    return {key: label for key, label in known.items() if key != "given" or not has["timestamp"]}


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


def marked(text: str, effects: list[SentenceEffect], strongest: float) -> Markup:
    """`text` with each effect's stretch marked, the stronger the fuller; `strongest` is the largest effect of all.

    Stretches that don't lie in the text, or overlap one, are left out.
    """
    parts: list[object] = []
    position = 0
    for effect in sorted(effects, key=lambda effect: effect.sentence.start):
        start, end = effect.sentence.start, effect.sentence.end
        if position <= start and end <= len(text):
            parts += [text[position:start], _mark(text[start:end], effect.effect, strongest)]
            position = end
    return join([*parts, text[position:]])


def _mark(text: str, effect: float, strongest: float) -> Markup:
    style, symbol, words = _SIDES[effect > 0]
    return html(
        '<mark class="{}" style="--weight:{:.0f}%" title="{}">{} {}</mark>',
        style,
        25 + 75 * min(1.0, abs(effect) / (strongest or 1.0)),
        f"{words}: {100 * effect:+.1f} points",
        icon(symbol, words),
        text,
    )


def _review(row: dict, effects: list[SentenceEffect], strongest: float) -> Markup:
    when = "" if pd.isna(row["timestamp"]) else f"{row['timestamp']:%-d %B %Y}"
    title = html("<strong>{}</strong>", row["title"]) if isinstance(row["title"], str) and row["title"] else ""
    return html(
        '<article class="sw-review"><header>{}<span>{}</span><span>{}</span></header>{}<p>{}</p></article>',
        stars(row["rating"]),
        when,
        masks.text(row["user_id"]) if isinstance(row["user_id"], str) else "",
        title,
        marked(row["text"], effects, strongest),
    )


def _marks(found: Evidence | None) -> dict[int, list[SentenceEffect]]:
    marks: dict[int, list[SentenceEffect]] = {}
    for effect in (*found.supporting, *found.opposing) if found else ():
        marks.setdefault(effect.sentence.review, []).append(effect)
    return marks
