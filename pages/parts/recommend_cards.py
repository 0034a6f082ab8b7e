"""How recommendations look: a card with its reason, and a short row of a compared list."""

from collections.abc import Collection, Sequence

from markupsafe import Markup

from engine.comparison import Compared, Place
from engine.recommend.explain import Why
from engine.recommending.reasons import Because, because
from pages.parts import cards, compare, links, recommend_cache
from pages.parts.charts import percent
from pages.parts.markup import html, icon, join
from pages.parts.recommend_room import Room, category_words, popularity_words

_SIGNS = {"history": ("history", "by their history"), "category": ("category", "by category")}
_POPULAR = ("trending_up", "by popularity")


def card_list(room: Room, item_ids: Sequence[str], *, filled: Collection[str], current: str) -> Markup:
    """The list of the person as they are, each item with its reason, the open one marked."""
    items = recommend_cache.items(room.served, item_ids)
    whys = recommend_cache.whys(room.served, room.asked, item_ids)
    found = recommend_cache.gathered(room.served, room.asked)
    drawn = []
    for place, item_id in enumerate(item_ids, start=1):
        if item_id not in items:
            continue
        reason = because(room.served.shop, found, whys[item_id], room.config, filled=item_id in filled)
        facts = _facts(whys[item_id], told=reason.source == "category")
        drawn.append(_card(room, items[item_id], place, reason, facts, current=current))
    style = "" if any(item.get("image") for item in items.values()) else "sw-plain"
    return html('<div class="sw-hits {}" role="list" aria-label="Recommendations">{}</div>', style, join(drawn))


def reason_line(reason: Because) -> Markup:
    """The reason with the sign of what it goes by."""
    symbol, said = _SIGNS.get(reason.source, _POPULAR)
    return html('<span class="sw-because">{} {}</span>', icon(symbol, said), reason.words)


def facts_line(*words: str) -> str:
    """ "Clothes · CLO-0366 · 99.00", of the words that aren't empty."""
    return " · ".join(filter(None, words))


def _facts(why: Why, *, told: bool) -> Markup:
    """The share of the history in the item's category, unless the reason tells it already, and the popularity."""
    chips = [html('<span class="sw-chip">{}</span>', popularity_words(why.popularity))]
    if why.category and not told:
        share, name = percent(why.category_share), category_words(why.category)
        chips.insert(0, html('<span class="sw-chip">{} of their history in {}</span>', share, name))
    return html('<span class="sw-chips">{}</span>', join(chips))


def _card(room: Room, item: dict, place: int, reason: Because, facts: Markup, *, current: str) -> Markup:
    here = item["item_id"] == current
    return html(
        '<a class="sw-hit sw-rec" role="listitem" id="rec-{}" href="{}"{}>{}<span class="sw-said-of">'
        '<span class="sw-meta"><b class="sw-num">{}</b> · {}</span><strong>{}</strong>{}{}</span></a>',
        item["item_id"],
        links.link(sku=None if here else item["item_id"]),
        Markup(' aria-current="true"') if here else "",
        cards.image(room.workspace.path, item),
        place,
        facts_line(cards.category(item["category"]), item["item_id"], cards.price(item["price"])),
        item["title"],
        reason_line(reason),
        facts,
    )


def compared_list(room: Room, item_ids: Sequence[str], compared: Compared, *, side: str, current: str = "") -> Markup:
    """Items as short rows, each with where the other list has it. side: A or B."""
    places = {place.item_id: place for place in compared.places}
    items = recommend_cache.items(room.served, item_ids)
    rows = join(
        _row(room, items[item_id], number, places[item_id], side=side, current=current)
        for number, item_id in enumerate(item_ids, start=1)
        if item_id in items
    )
    style = "" if any(item.get("image") for item in items.values()) else "sw-plain"
    return html('<div class="sw-hits sw-tight {}" role="list" aria-label="List {}">{}</div>', style, side, rows)


def _row(room: Room, item: dict, number: int, place: Place, *, side: str, current: str) -> Markup:
    here = item["item_id"] == current
    return html(
        '<a class="sw-item sw-line-{}" role="listitem" id="{}-{}" href="{}"{}>{}<span>'
        '<strong class="sw-clip">{}</strong><span class="sw-meta"><b class="sw-num">{}</b> · {}</span> {}'
        "</span></a>",
        place.where.lower().replace(" ", "-"),
        side.lower(),
        item["item_id"],
        links.link(sku=None if here else item["item_id"]),
        Markup(' aria-current="true"') if here else "",
        cards.image(room.workspace.path, item),
        item["title"],
        number if side != "gone" else "–",
        facts_line(item["item_id"], cards.price(item["price"])),
        compare.move_badge(place),
    )
