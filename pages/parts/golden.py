"""People's decisions as a golden set: how each tagger does on them, and the rows behind each figure."""

import pandas as pd
from markupsafe import Markup

from engine.gold import gold_figures
from engine.tags.predictor import train_command
from pages.parts import cache, links
from pages.parts.charts import percent
from pages.parts.markup import html, join, show
from pages.parts.rows import Behind, show_rows
from pages.parts.shelf import Shelf

SIDES = {"new": "SKUs new to it", "seen": "SKUs it learned from"}
_HEAD = '<th>Tagger</th><th class="sw-r">Precision</th><th class="sw-r">Recall</th><th class="sw-r">SKUs</th>'
_TITLE = '<div class="sw-section"><h2>Taggers on these decisions</h2><p>{}</p></div>'


def show_gold(shelf: Shelf) -> None:
    """Precision and recall of each tagger on the decided pairs, apart for SKUs that it learned from."""
    lines = join(_line(name, side, rows) for name in shelf.taggers for side, rows in _sides(shelf, name).items())
    if not lines:
        return
    said = (
        "Only pairs that somebody decided count. People mostly look at what a tagger proposes, so recall is too good; "
        "on SKUs that a tagger learned from, both are."
    )
    table = '<table class="sw-table sw-golden"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
    command = f"{train_command(shelf.workspace, shelf.tagger.name)} --with-decisions"
    learn = html('<p class="sw-note">To learn from them: <code>{}</code></p>', command)
    show(html("{}{}{}", html(_TITLE, said), html(table, html(_HEAD), lines), learn), key="gold")


def open_rows(shelf: Shelf) -> None:
    """The drawer with the rows behind a line, when the address names one."""
    kind, _, rest = links.get("rows").partition(":")
    side, _, name = rest.partition(":")
    if kind != "gold" or name not in shelf.taggers or side not in SIDES:
        return
    rows = _sides(shelf, name).get(side)
    if rows is not None:
        title = f"{name} on decisions, {SIDES[side]}"
        shown = rows[["item_id", "category", "predicted", "true", "ranked", "scores"]]
        show_rows(shelf.workspace.name, Behind(f"gold-{side}-{name}", title, shown, len(rows), lambda: shown))


def _sides(shelf: Shelf, name: str) -> dict[str, pd.DataFrame]:
    rows = cache.gold(shelf.workspace, shelf.taggers[name])
    sides = {"new": rows[~rows["seen"]], "seen": rows[rows["seen"]]}
    return {side: part for side, part in sides.items() if len(part)}


def _line(name: str, side: str, rows: pd.DataFrame) -> Markup:
    figures = gold_figures(rows)
    return html(
        '<tr><td><b>{}</b> <span class="sw-quiet">{}</span></td><td class="sw-r">{}</td><td class="sw-r">{}</td>'
        '<td class="sw-r"><a class="sw-link" href="{}">{:,}</a></td></tr>',
        name,
        SIDES[side],
        percent(figures["precision"]) if rows["predicted"].str.len().sum() else "none asserted",
        percent(figures["recall"]) if rows["known"].str.len().sum() else "none true",
        links.link(rows=f"gold:{side}:{name}"),
        len(rows),
    )
