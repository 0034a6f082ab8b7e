"""The recommendations before a user is chosen: users worth a look, SKUs nobody is shown, lists for many users."""

import re
from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine.errors import counted
from engine.recommending.people import PRESETS
from pages.parts import export, links, masks, recommend_cache
from pages.parts.markup import html, icon, join, show
from pages.parts.recommend_cache import SHOWN, Person
from pages.parts.recommend_export import stamped
from pages.parts.recommend_room import VISITOR, WHAT_IF, Room, words

USERS_SHOWN, USERS_KEPT = 4, 20
MOST_EXPORTED = 10_000
_SECTION = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'


def show_start(room: Room) -> None:
    """What to begin with."""
    title = html(_SECTION, "Users worth a look", "Or type any user id above; one that nobody knows gets the cold path")
    groups = join(_group(room, name, users) for name, users in recommend_cache.presets(room.served, USERS_KEPT).items())
    show(html('{}<div class="sw-presets">{}</div>', title, groups), key="presets")
    show(_ways(), key="start-ways")
    _show_export(room)


def _group(room: Room, name: str, users: list[str]) -> Markup:
    found = [recommend_cache.portrait(room.served, Person(user)) for user in users[:USERS_SHOWN]]
    rows = join(
        html('<li><a class="sw-link" href="{}">{}</a></li>', links.link(user=one.user_id), words(one)) for one in found
    )
    none = html('<li class="sw-quiet">Nobody is like this.</li>')
    head = html('<h3>{}</h3><p class="sw-note">{}</p>', name.capitalize(), PRESETS[name].about.capitalize())
    return html("<section>{}<ul>{}</ul></section>", head, rows or none)


def _ways() -> Markup:
    ways = (
        ("person_add", "A new visitor, from scratch", links.link(user=VISITOR, see=WHAT_IF)),
        ("visibility_off", "SKUs that nobody is shown", links.link(see="nobody")),
    )
    return html(
        '<div class="sw-ways">{}</div>',
        join(html('<a class="sw-link" href="{}">{} {}</a>', to, icon(symbol), said) for symbol, said, to in ways),
    )


def preset_chips(room: Room) -> Markup:
    """A chip per preset; on one of its users it leads to the next."""
    user = links.get("user")
    chips = []
    for name, users in recommend_cache.presets(room.served, USERS_KEPT).items():
        if users:
            here = user in users
            following = users[(users.index(user) + 1) % len(users)] if here else users[0]
            said = f"{name}, next one" if here else name
            address = links.link(user=following, sku=None, drop=None, add=None, all=None)
            style = "sw-on" if here else ""
            chips.append(html('<a class="sw-chip {}" href="{}">{}</a>', style, address, said.capitalize()))
    new = links.link(user=VISITOR, see=WHAT_IF, sku=None, drop=None, add=None)
    chips.append(html('<a class="sw-chip" href="{}">New visitor</a>', new))
    return html('<nav class="sw-chips sw-ask" aria-label="Users">{}</nav>', join(chips))


def _show_export(room: Room) -> None:
    """The lists of many users at once, as a table."""
    said = f"The first {SHOWN} of each, one row per user and place, with the versions that made them"
    show(html(_SECTION, "Lists for many users", said), key="many-title")
    such = "user-…" if masks.on() else "U-1001\nU-1002"
    typed = st.text_area("User ids, one per line or with commas", key="many", height=110, placeholder=such)
    users = list(dict.fromkeys(masks.real(part.strip()) for part in re.split(r"[\n,;]", typed) if part.strip()))
    if not users:
        return
    if len(users) > MOST_EXPORTED:
        note = f"{counted(len(users), 'user')} are too many at once; give {MOST_EXPORTED:,} or fewer."
        show(html('<p class="sw-note" role="status">{} {}</p>', icon("error"), note), key="many-said")
        return
    known = set(room.served.histories.users)
    strangers = [user for user in users if user not in known]
    note = f"{counted(len(users), 'user')}" + (
        f"; {counted(len(strangers), 'name')} that no event has, such as {strangers[0]}: cold path" if strangers else ""
    )
    show(html('<p class="sw-note" role="status">{}.</p>', note), key="many-said")
    name = f"{room.workspace.name}-recommendations"
    export.button(f"Export {counted(len(users), 'list')}", partial(_many, room, users), name=name, key="export-many")


def _many(room: Room, users: list[str]) -> pd.DataFrame:
    return stamped(room, recommend_cache.lists_of(room.served, users))
