"""What the rooms of the page Service share: titles, tiles, tables, and the drawer with the rows behind a number."""

import time
from collections.abc import Callable, Sequence

import pandas as pd
from markupsafe import Markup

from engine.watching import prometheus, store
from engine.watching.answers import rows_of
from engine.workspace import Workspace
from pages.parts import links
from pages.parts.markup import html, icon, join, show
from pages.parts.rows import ROWS_SHOWN, Behind, show_rows
from pages.parts.service_cache import Watched
from pages.parts.service_words import span

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
_TABLE = '<div class="sw-scroll"><table class="sw-table {}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'

_LAGS = {
    store.NAME: "which lags by some 10 seconds",
    prometheus.NAME: "which estimates between its scrapes, of whichever service it watches",
}


def title(said: str, about: object, *, key: str) -> None:
    """A section's title and what it says."""
    show(html(_TITLE, said, about), key=f"{key}-title")


def tile(value: str, label: str, about: object, address: str) -> Markup:
    """One number that opens to its rows."""
    return html(
        '<a class="sw-tile" href="{}"><b>{}</b><span>{}</span><small>{}</small></a>', address, value, label, about
    )


def tiles(found: Sequence[Markup], *, key: str) -> None:
    """Tiles in a row."""
    show(html('<div class="sw-tiles">{}</div>', join(found)), key=key)


def number(address: str, said: str) -> Markup:
    """A number in a table that opens to its rows; one that is nothing opens nothing."""
    return html('<a href="{}">{}</a>', address, said) if said not in ("0", "–", "") else html("{}", said or "–")


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1, style: str = "") -> Markup:
    """A table whose first `left` columns are words and whose others are numbers."""
    sides = ["" if place < left else "sw-r" for place in range(len(heads))]
    head = join(html('<th class="{}">{}</th>', side, name) for side, name in zip(sides, heads, strict=True))
    body = join(
        html("<tr>{}</tr>", join(html('<td class="{}">{}</td>', *cell) for cell in zip(sides, row, strict=True)))
        for row in rows
    )
    return html(_TABLE, style, head, body)


def note(said: object, *, key: str, symbol: str = "info") -> None:
    """A sentence on the side."""
    show(html('<p class="sw-note">{} {}</p>', icon(symbol), said), key=key)


def when_read(watched: Watched) -> None:
    """Who counted, until when, and why somebody else didn't."""
    if watched.trouble:
        note(watched.trouble, key="trouble", symbol="warning")
    clock = time.strftime("%H:%M:%S", time.gmtime(watched.when))
    again = html('<a class="sw-link" href="{}">Look again</a>', links.link(rows=None))
    said = "Read at {} UTC from {}, {}. {}"
    note(html(said, clock, watched.answers.source, _LAGS[watched.answers.source], again), key="read", symbol="schedule")


def show_answers(workspace: Workspace, watched: Watched) -> None:
    """The drawer with the rows of the figure that the address names, where it names one of `rows_of`."""
    key = links.get("rows")
    if not key:
        return
    name, rows = rows_of(watched.answers, key)
    rows = rows.assign(at=rows["at"].dt.strftime("%Y-%m-%d %H:%M"))
    if "status" in rows:
        rows["per_second"] = rows["n"] / watched.answers.window.seconds
    drawer(workspace, f"service-{key}", f"{name}, each {span(watched.answers.window.step * 60)}", rows)


def drawer(workspace: Workspace, key: str, name: str, rows: pd.DataFrame) -> None:
    """The drawer with `rows`."""
    show_behind(workspace, key, name, rows.head(ROWS_SHOWN), len(rows), lambda: rows)


def show_behind(
    workspace: Workspace, key: str, name: str, first: pd.DataFrame, total: int, every: Callable[[], pd.DataFrame]
) -> None:
    """The same where only the first rows are at hand, and `every` reads the `total`."""
    show_rows(workspace.name, Behind(key, name, plain(first), total, lambda: plain(every())))


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with moments as UTC without saying so in each cell, as tables and spreadsheets take them."""
    moments = rows.select_dtypes("datetimetz").columns
    return rows.assign(**{name: rows[name].dt.tz_convert(None) for name in moments})
