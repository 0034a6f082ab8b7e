"""One SKU in the product search, without a query: who finds it, what search reads of it, what is similar."""

import numpy as np
from markupsafe import Markup

from engine.errors import UnknownNameError, counted
from engine.search.documents import Document
from engine.search.finders import Finder, found_share
from pages.parts import cards, links, search_cache, search_hits
from pages.parts.markup import html, icon, join, show
from pages.parts.search_panel import show_similar
from pages.parts.search_room import DEPTH, Room, label

FIRST = 10
_SECTION = '<div class="sw-section"><h3>{}</h3><p>{}</p></div>'
_ORIGINS = {
    "known": "a known good answer",
    "judged": "judged good here",
    "tag": "its tag",
    "title": "its title",
    "asked": "asked here",
}


def show_item(room: Room, item_id: str) -> None:
    """The SKU that `item_id` names. Raises UnknownNameError with the nearest when no document is of it."""
    rows = np.flatnonzero(room.documents.item_ids == item_id)
    item = search_cache.items(room.workspace, (item_id,)).get(item_id)
    if not len(rows) or item is None:
        raise UnknownNameError("SKU", item_id, room.documents.frame["item_id"])
    back = html('<a class="sw-link" href="{}">{} Product search</a>', links.link(sku=None), icon("arrow_back"))
    show(back, key="back")
    show(_head(room, item), key="item-head")
    finders = search_cache.finders(room.workspace, room.by, item_id, DEPTH)
    show(_finders(room, finders, item_id), key="finders")
    show(_read(room.documents.document(int(rows[0]))), key="item-read")
    show_similar(room, item_id)


def _head(room: Room, item: dict) -> Markup:
    return html(
        '<div class="sw-passport {}">{}<div><span class="sw-meta">{} · {}</span><h2>{}</h2>{}{}'
        '<a class="sw-link sw-small" href="{}">Open in the SKU explorer</a></div></div>',
        "" if item.get("image") else "sw-plain",
        cards.image(room.workspace.path, item),
        cards.category(item["category"]),
        item["item_id"],
        search_hits.title(item),
        search_hits.facts(item),
        search_hits.tag_chips(item["tags"], ()),
        links.link("sku", sku=item["item_id"]),
    )


def _finders(room: Room, finders: tuple[Finder, ...], item_id: str) -> Markup:
    """Each query with the place that the SKU has among its hits; the query opens to that hit."""
    found, should = found_share(finders, FIRST)
    many = "query" if should == 1 else "queries"
    told = f"Of {should} {many} whose good answer it is, {found} find it within the first {FIRST}"
    said = told if should else "Nobody said whose good answer it is: these are its own words and what was asked here"
    title = html(_SECTION, "Who finds it", f"{said} · {label(room.by)}")
    if not finders:
        note = html('<p class="sw-note">It has no title or tags to ask for, and no query asked here finds it.</p>')
        return html("{}{}", title, note)
    head = html("<th>Place</th><th>Query</th><th>Why this query</th>")
    rows = join(_finder(one, item_id) for one in finders)
    table = '<table class="sw-table sw-breakdown"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
    return html("{}{}", title, html(table, head, rows))


def _finder(one: Finder, item_id: str) -> Markup:
    missed = html('<span class="sw-badge sw-down">{} not in {}</span>', icon("search_off"), DEPTH)
    return html(
        '<tr><td>{}</td><td><a class="sw-link" href="{}">{}</a></td><td>{}</td></tr>',
        html('<b class="sw-num">#{}</b>', one.place) if one.place else missed,
        links.link(q=one.query, sku=item_id if one.place else None),
        one.query,
        _ORIGINS[one.origin],
    )


def _read(document: Document) -> Markup:
    """The parts of the document that are embedded and matched."""
    named = document.title if document.title != document.item_id else ""
    parts = {
        "Title": named,
        "Keywords of reviews": ", ".join(document.keywords),
        "Description": document.summary,
        "Features": ", ".join(document.features),
    }
    row = '<div><span class="sw-meta">{}</span><p class="sw-lead">{}</p></div>'
    listed = join(html(row, name, text) for name, text in parts.items() if text)
    read = counted(document.n_reviews, "review")
    said = f"Its document, made with {read} from before the cut-off of train"
    title = html(_SECTION, "What search reads of it", said)
    if not listed:
        rest = f"so only words of its {read} can find it" if document.n_reviews else "so no query can find it"
        note = f"It has no title, description, features or keywords, {rest}."
        return html('{}<p class="sw-note" role="status">{} {}</p>', title, icon("info"), note)
    return html('{}<div class="sw-wide">{}</div>', title, listed)
