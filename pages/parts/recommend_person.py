"""The user whose list is shown: who they are in words, and their history as a timeline."""

import pandas as pd
from markupsafe import Markup

from engine.errors import UnknownNameError, counted
from pages.parts import cards, links, masks, recommend_cache
from pages.parts.charts import percent
from pages.parts.markup import html, icon, join, show
from pages.parts.recommend_room import VISITOR, WHAT_IF, Room, as_value, category_words, event_words, words

EVENTS_SHOWN, MOST_SHOWN = 10, 300
_SIGNS = {
    "view": "visibility",
    "addtocart": "add_shopping_cart",
    "transaction": "shopping_bag",
    "cancellation": "undo",
}


def show_portrait(room: Room) -> None:
    """Who the user is; a name that the log doesn't know is said, with the nearest one."""
    found = recommend_cache.portrait(room.served, room.person)
    shares = [("Events", f"{found.n_events:,}"), ("SKUs", f"{found.n_items:,}"), ("Orders", f"{found.n_orders:,}")]
    shares.insert(1, ("Visits", f"{found.n_visits:,}"))
    shares += [("Spent, at today’s prices", cards.price(found.spent))] if found.spent else []
    shares += [("Most in", f"{category_words(found.category)}, {percent(found.share)}")] if found.category else []
    if found.first and found.last:
        shares += [("First and last event (UTC)", f"{found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}")]
    facts = join(html("<div><dt>{}</dt><dd>{}</dd></div>", name, value) for name, value in shares)
    listed = html('<dl class="sw-facts">{}</dl>', facts) if found.n_events else ""
    show(html('<div class="sw-portrait"><h2>{}</h2>{}{}</div>', words(found), listed, _noted(room)), key="portrait")


def _noted(room: Room) -> Markup:
    """What is said of somebody without a history, or with more of one than counts."""
    if said := room.served.shop.report.capped.get(room.asked.user_id):
        most = room.served.shop.config.events.most_events
        note = f"Has {said:,} events, as bots and tills have; only the newest {most:,} count."
        return html('<p class="sw-note" role="status">{} {}</p>', icon("smart_toy"), note)
    if room.known or room.person.added:
        return Markup("")
    if room.asked.user_id == VISITOR:
        said = "Somebody who just came in: the list is what everybody is shown before they did anything."
        way = html('<a class="sw-link" href="{}">Give them a history</a>', links.link(see=WHAT_IF, sku=None))
        return html('<p class="sw-note">{} {}{}</p>', said, "" if links.get("see") == WHAT_IF else way, "")
    error = UnknownNameError("user", room.asked.user_id, _nearby(room))
    address, name = links.link(user=error.nearest), masks.text(error.nearest)
    near = html(' Did you mean <a class="sw-link" href="{}">{}</a>?', address, name)
    said = "No event has this name, so the list is the one for somebody new."
    return html('<p class="sw-note" role="status">{} {}{}</p>', icon("help"), said, near if error.nearest else "")


def _nearby(room: Room) -> list[str]:
    """The users around the place where the name would stand: enough to find a slip in, however many there are."""
    users = room.served.shop.log.users
    at = int(users.searchsorted(room.asked.user_id))
    step = max(1, len(users) // 2000)
    return [str(user) for user in {*users[max(0, at - 1000) : at + 1000], *users[::step]}]


def show_timeline(room: Room) -> None:
    """The user's events, newest first, with pictures; in "what if" each can be taken out."""
    rows = recommend_cache.timeline(room.served, room.asked.user_id)
    listed = rows.head(MOST_SHOWN if links.get("all") else EVENTS_SHOWN)
    more = len(rows) > EVENTS_SHOWN and not links.get("all")
    said = "newest first" + (f", {len(listed)} of {len(rows):,}" if len(listed) < len(rows) else "")
    said += f", {counted(int(rows['visit'].max()), 'visit')}" if len(rows) else ""
    title = html('<div class="sw-section"><h3>History</h3><p>{}</p></div>', said if len(rows) else "No event so far")
    items = recommend_cache.items(room.served, tuple(dict.fromkeys(listed["item_id"])))
    drawn = join(_visit(room, visit, items) for _, visit in listed.groupby("visit", sort=False))
    style = "" if any(item.get("image") for item in items.values()) else "sw-plain"
    ways = html('<a class="sw-link sw-small" href="{}">Show more of it</a>', links.link(all=1)) if more else ""
    show(html('{}<div class="sw-list sw-time {}">{}</div>{}', title, style, drawn, ways), key="timeline")


def _visit(room: Room, events: pd.DataFrame, items: dict[str, dict]) -> Markup:
    """The events of one visit, as far as they are listed, under its day and number."""
    rows = events.to_dict("records")
    drawn = join(_event(room, row, items.get(row["item_id"])) for row in rows)
    return html('<p class="sw-visit">{:%-d %b %Y} · visit {:,}</p>{}', rows[0]["timestamp"], rows[0]["visit"], drawn)


def _event(room: Room, row: dict, item: dict | None) -> Markup:
    value = (row["item_id"], row["event"])
    gone = value in room.person.dropped
    drawn = html(
        '<a class="sw-item" href="{}">{}<span><strong class="sw-clip">{}</strong><span class="sw-meta">'
        "{} {} · {}</span></span></a>",
        links.link(sku=row["item_id"]),
        cards.image(room.workspace.path, item or {"category": row["category"], "title": row["title"]}),
        row["title"],
        icon(_SIGNS.get(row["event"], "bolt")),
        event_words(row["event"]),
        f"{row['timestamp']:%H:%M}",
    )
    if links.get("see") != WHAT_IF:
        return html('<div class="sw-event">{}</div>', drawn)
    return html(
        '<div class="sw-event {}">{}{}</div>', "sw-gone" if gone else "", drawn, _toggle(room, value, gone=gone)
    )


def _toggle(room: Room, value: tuple[str, str], *, gone: bool) -> Markup:
    """A link that takes an event out of the history, or back into it."""
    kept = [one for one in room.person.dropped if one != value] if gone else [*room.person.dropped, value]
    address = links.link(drop=[as_value(*one) for one in kept] or None)
    symbol, said = ("undo", "Put back") if gone else ("close", "Take out")
    return html('<a class="sw-link sw-small" href="{}">{} {}</a>', address, icon(symbol), said)
