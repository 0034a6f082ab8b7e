"""The items behind figures of all lists together, such as coverage: how many lists each is in, how many are in none."""

from engine.metrics.definitions import split_name
from pages.parts import export, links, metrics_cache
from pages.parts.markup import html, join, show
from pages.parts.metrics_room import Room

_TABLE = (
    '<div class="sw-scroll"><table class="sw-table sw-breakdown"><thead><tr>{}</tr></thead>'
    "<tbody>{}</tbody></table></div>"
)
OF_ITEMS = ("coverage", "gini")
SHOWN = 12


def show_items(room: Room) -> None:
    """The items that are in the most lists, how many are in none, and the export of all that are in one."""
    _, k = split_name(room.metric)
    found = metrics_cache.listed(room.values, room.run.id, room.path, k or 10)
    total = metrics_cache.catalogue(room.workspace, room.path, room.run.id)
    said = f"{len(found):,} of {total:,} items are among the first {k} of a list; {total - len(found):,} are in none."
    lines = join(
        html(
            '<tr><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r">{:,}</td></tr>',
            links.link("sku", sku=row["item_id"]),
            row["item_id"],
            row["lists"],
        )
        for row in found.head(SHOWN).to_dict("records")
    )
    head = html('<th>Item</th><th class="sw-r">Lists it is in</th>')
    show(html('<p class="sw-note">{}</p>{}', said, html(_TABLE, head, lines)), key="items")
    every = found.assign(n_items=total)
    export.button("Export the items", lambda: every, name=f"{room.run.id}-items", key="items-export")
