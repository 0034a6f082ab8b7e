"""Who is shown a SKU, and which SKUs nobody is shown."""

from functools import partial

import pandas as pd
from markupsafe import Markup

from engine.errors import UnknownNameError
from engine.recommending.lists import audience, unseen
from pages.parts import cards, export, links, recommend_cache, states
from pages.parts.charts import percent
from pages.parts.markup import html, join, show
from pages.parts.recommend_cache import MOST_USERS, SHOWN, Person
from pages.parts.recommend_cards import facts_line
from pages.parts.recommend_export import stamped
from pages.parts.recommend_room import Room, words

USERS_SHOWN, PAGE_SIZE = 30, 40
_TABLE = '<table class="sw-table sw-breakdown"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
_SECTION = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'


def show_audience(room: Room, item_id: str) -> None:
    """The users whose list holds a SKU, best places first. Raises UnknownNameError with the nearest SKU."""
    ids = room.served.shop.catalogue.item_ids
    if item_id not in set(ids):
        raise UnknownNameError("SKU", item_id, ids)
    item = recommend_cache.items(room.served, (item_id,))[item_id]
    show(_head(room, item), key="audience-head")
    found = recommend_cache.everybody(room.served)
    rows = audience(found, int(ids.searchsorted(item_id)))
    share = len(rows) / max(len(found.users), 1)
    said = f"{percent(share) if len(rows) else 'None'} of {among(room)} have it in their first {SHOWN}"
    show(html(_SECTION, f"Who is shown it: {len(rows):,}", said), key="audience-title")
    if rows.empty:
        missing = unseen(found, room.served.pipeline).set_index("item_id")
        ways = {"All SKUs that nobody is shown": links.link(sku=None, see="nobody")}
        states.empty("Nobody is shown it", f"Why: {missing['why'][item_id]}.", ways, key="audience")
        return
    make = partial(stamped, room, rows.assign(item_id=item_id))
    export.button("Export", make, name=f"{room.workspace.name}-audience-{item_id}", key="export-audience")
    show(_users(room, rows, item_id), key="audience")


def among(room: Room) -> str:
    """The users whose lists were made, in words."""
    n = len(room.served.histories)
    return f"{n:,} users" if n <= MOST_USERS else f"the {MOST_USERS:,} users with the newest events (of {n:,})"


def _head(room: Room, item: dict) -> Markup:
    return html(
        '<div class="sw-passport {}">{}<div><span class="sw-meta">{}</span><h2>{}</h2>'
        '<div class="sw-ways"><a class="sw-link sw-small" href="{}">Open in the SKU explorer</a></div></div></div>',
        "" if item.get("image") else "sw-plain",
        cards.image(room.workspace.path, item),
        facts_line(cards.category(item["category"]), item["item_id"], cards.price(item["price"])),
        item["title"],
        links.link("sku", sku=item["item_id"]),
    )


def _users(room: Room, rows: pd.DataFrame, item_id: str) -> Markup:
    lines = join(
        html(
            '<tr><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r">{}</td><td>{}</td></tr>',
            links.link(user=row["user_id"], sku=item_id),
            words(recommend_cache.portrait(room.served, Person(row["user_id"]))),
            row["place"],
            "filled from popularity" if row["filled"] else "",
        )
        for row in rows.head(USERS_SHOWN).to_dict("records")
    )
    head = html('<th>User</th><th class="sw-r">Place</th><th></th>')
    more = f"The best {USERS_SHOWN} places of {len(rows):,}; all are in the export." if len(rows) > USERS_SHOWN else ""
    table = html(_TABLE, head, lines)
    return html('<div class="sw-scroll">{}</div><p class="sw-note">{}</p>', table, more)


def show_nobody(room: Room) -> None:
    """The SKUs that are in nobody's list, by what keeps them away."""
    found = recommend_cache.everybody(room.served)
    rows = unseen(found, room.served.pipeline)
    total = len(room.served.shop.catalogue)
    said = f"{len(rows):,} of {total:,} SKUs are in the first {SHOWN} of nobody among {among(room)}"
    back = html('<a class="sw-link" href="{}">All users</a>', links.link(see=None, ask=None, page=None))
    show(html("<p>{}</p>{}", back, html(_SECTION, "SKUs that nobody is shown", said)), key="nobody-title")
    if rows.empty:
        states.empty("None", "Every SKU is shown to somebody.", {}, key="nobody")
        return
    asked = links.get("ask")
    show(_reasons(rows, asked), key="nobody-why")
    chosen = rows[rows["why"] == asked] if asked else rows
    if chosen.empty:
        states.empty(
            "None for this reason", f"“{asked}” keeps nothing away.", {"All": links.link(ask=None)}, key="nobody"
        )
        return
    make = partial(stamped, room, chosen)
    export.button("Export", make, name=f"{room.workspace.name}-shown-to-nobody", key="export-nobody")
    count = -(-len(chosen) // PAGE_SIZE)
    page = int(links.number("page", 1, low=1, high=count))
    part = chosen.iloc[PAGE_SIZE * (page - 1) : PAGE_SIZE * page]
    items = recommend_cache.items(room.served, tuple(part["item_id"]))
    drawn = join(
        _item(room, items[row["item_id"]], row["why"]) for row in part.to_dict("records") if row["item_id"] in items
    )
    style = "" if any(item.get("image") for item in items.values()) else "sw-plain"
    pager = cards.pager(page, count, around=2) if count > 1 else ""
    show(html('<div class="sw-list sw-wall {}">{}</div>{}', style, drawn, pager), key="nobody")


def _reasons(rows: pd.DataFrame, asked: str) -> Markup:
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}"{}>{} <b class="sw-num">{:,}</b></a>',
            "sw-on" if why == asked else "",
            links.link(ask=None if why == asked else why),
            Markup(' aria-current="true"') if why == asked else "",
            str(why)[0].upper() + str(why)[1:],
            n,
        )
        for why, n in rows["why"].value_counts().items()
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Reasons">{}</nav>', chips)


def _item(room: Room, item: dict, why: str) -> Markup:
    return html(
        '<a class="sw-item" href="{}">{}<span><strong class="sw-clip">{}</strong>'
        '<span class="sw-meta">{} · {} · {}</span></span></a>',
        links.link("sku", sku=item["item_id"]),
        cards.image(room.workspace.path, item),
        item["title"],
        item["item_id"],
        cards.category(item["category"]),
        why,
    )
