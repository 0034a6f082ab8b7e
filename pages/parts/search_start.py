"""The product search before a query: examples to try, queries that go badly, and what was judged last."""

from functools import partial

import pandas as pd
from markupsafe import Markup

from engine.asked import Asked
from pages.parts import export, links, search_cache, search_judging, verdicts
from pages.parts.markup import html, join, show
from pages.parts.search_room import Room
from pages.parts.search_textless import show_textless

EXAMPLES, TROUBLED = 12, 12
_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'


def show_start(room: Room) -> None:
    """What to begin with."""
    show_examples(room)
    show_troubled(room)
    show_textless(room)
    search_judging.show_last(room.workspace)


def show_examples(room: Room) -> None:
    """Queries to try: those with known answers, else frequent tags."""
    known = search_cache.judged_queries(room.workspace)
    examples = known[:: max(1, len(known) // EXAMPLES)][:EXAMPLES] or list(room.facets.tags)[:EXAMPLES]
    if not examples:
        return
    said = "Queries whose good answers are known" if known else "Frequent tags"
    chips = join(html('<a class="sw-chip" href="{}">{}</a>', links.link(q=text), text) for text in examples)
    title = html(_TITLE, "Try one of these", said)
    show(html('{}<nav class="sw-chips" aria-label="Examples">{}</nav>', title, chips), key="examples")


def show_troubled(room: Room) -> None:
    """Queries that found nothing or only poor hits, most often first, with the export of all that are kept."""
    asked = Asked(room.workspace)
    rows = asked.troubled(TROUBLED)
    said = "Asked here, and nothing or only poor hits came; who asked isn’t kept"
    if rows.empty:
        note = html('<p class="sw-note">None so far.</p>')
        show(html("{}{}", html(_TITLE, "Queries that go badly", said), note), key="troubled")
        return
    head = html('<th>Nothing</th><th>Poor</th><th>Query</th><th class="sw-r">Last (UTC)</th>')
    body = join(_troubled(row) for row in rows.to_dict("records"))
    table = html('<table class="sw-table sw-breakdown"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)
    title = html(_TITLE, "Queries that go badly", said)
    show(html("{}{}", title, table), key="troubled")
    make = partial(_all_troubled, asked)
    export.button("Export these queries", make, name=f"{room.workspace.name}-queries", key="export-troubled")


def _all_troubled(asked: Asked) -> pd.DataFrame:
    return asked.troubled(asked.cap).assign(workspace=asked.workspace.name)


def _troubled(row: dict) -> Markup:
    return html(
        '<tr><td>{}</td><td>{}</td><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r">{}</td></tr>',
        row["empty"] or "",
        row["weak"] or "",
        links.link(q=row["query"]),
        row["query"],
        verdicts.when(row["last"]),
    )
