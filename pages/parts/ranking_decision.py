"""One decision taken apart: lists worth a look, then the candidates of one with what every member says of them."""

from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine.ranking.cache import ENSEMBLE
from engine.ranking.decisions import BASE, Decision, history
from engine.ranking.list_table import PLACE, PRESETS, VALUE
from pages.parts import cache, cards, export, links, masks, ranking_cache, states
from pages.parts.markup import html, icon, join, show
from pages.parts.ranking_export import stamped
from pages.parts.ranking_room import Room, label, section, table, user_words
from pages.parts.ranking_why import show_why
from pages.parts.recommend_room import event_words

SHOWN, LISTS_SHOWN, EVENTS_SHOWN = 10, 25, 12
OPENED = {"sku": None, "above": None}


def show_decision(room: Room) -> None:
    """The list that the address names, or lists to choose from."""
    _choose(room)
    with states.frame():
        list_id = links.get("list") or _only(room)
        if list_id:
            _show_list(room, list_id)
        else:
            _show_lists(room)


def _choose(room: Room) -> None:
    """A field for a user, and preset questions with how many lists answer each."""
    drop = ("list", "ask", "all", *OPENED)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        bound = links.bind("user", links.get("user"), "", drop=drop)
        st.text_input("User", placeholder="User id", icon=":material/person:", max_chars=200, width=260, **bound)
        with st.container(width="stretch"):
            show(_questions(room), key="questions")


def _questions(room: Room) -> Markup:
    asked = links.get("ask")
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}" title="{}"{}>{} <b class="sw-num">{:,}</b></a>',
            "sw-on" if name == asked else "",
            links.link(ask=None if name == asked else name, user=None, list=None, all=None, **OPENED),
            PRESETS[name].about,
            Markup(' aria-current="true"') if name == asked else "",
            PRESETS[name].label,
            n,
        )
        for name, n in ranking_cache.counts(room.opened).items()
        if n or name == asked
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Preset questions">{}</nav>', chips)


def _only(room: Room) -> str:
    """The list of the user that the address names, where they have just one."""
    user = links.get("user").strip()
    found = room.lab.lists_of(user) if user else []
    return found[0] if len(found) == 1 else ""


def _show_lists(room: Room) -> None:
    """Lists as a table: those of a user, those that answer a question, or all of them."""
    user, asked = links.get("user").strip(), links.get("ask")
    if user:
        rows, said = room.lab.table[room.lab.table["user_id"] == user], f"Lists of {masks.text(user)}"
    elif asked:
        rows = ranking_cache.found(room.opened, asked)
        said = PRESETS[asked].about
    else:
        rows, said = room.lab.table, "all lists of test; choose a question above to begin with"
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            show(section(f"Lists: {len(rows):,}", said[0].upper() + said[1:], small=True), key="lists-title")
        if len(rows):
            name = f"{room.workspace.name}-lists-{asked or masks.text(user) or 'all'}"
            export.button("Export", partial(stamped, room, rows), name=name, key="export-lists")
    if rows.empty:
        ways = {"All lists": links.link(ask=None, user=None)}
        states.empty("No list answers this", "Every list of test was looked at.", ways, key="lists")
        return
    head = html(
        '<th>User</th><th class="sw-r">Candidates</th><th class="sw-r">Wanted</th>'
        '<th class="sw-r">First wanted, {}</th><th class="sw-r">{}</th>'
        '<th class="sw-r">NDCG@5, {}</th><th class="sw-r">{}</th>',
        *(2 * [room.label(name).lower() for name in (ENSEMBLE, BASE)]),
    )
    count = -(-len(rows) // LISTS_SHOWN)
    page = int(links.number("page", 1, low=1, high=count))
    body = join(_list(row) for row in rows.iloc[LISTS_SHOWN * (page - 1) : LISTS_SHOWN * page].to_dict("records"))
    pager = cards.pager(page, count, around=2) if count > 1 else ""
    show(html("{}{}", table(head, body), pager), key="lists")


def _list(row: dict) -> Markup:
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a></td><td class="sw-r">{:,}</td><td class="sw-r">{:,}</td>'
        '<td class="sw-r">{}</td><td class="sw-r">{}</td><td class="sw-r">{:.3f}</td><td class="sw-r">{:.3f}</td></tr>',
        links.link(list=row["list_id"], page=None),
        masks.text(row["user_id"]),
        row["candidates"],
        row["wanted"],
        _place(row[ENSEMBLE + PLACE]),
        _place(row[BASE + PLACE]),
        row[ENSEMBLE + VALUE],
        row[BASE + VALUE],
    )


def _place(value: object) -> str:
    return "no candidate" if pd.isna(value) else f"#{value}"


def _show_list(room: Room, list_id: str) -> None:
    """One list: who and when, the candidates, and beside them the open one or the history."""
    found = ranking_cache.decision(room.opened, list_id)
    show(_head(room, list_id, found), key="decision-head")
    left, right = st.columns([7, 5], gap="large")
    with left, st.container(key="beside" if links.get("sku") else "alone"):
        _show_candidates(room, list_id, found)
    with right, states.frame():
        if links.get("sku"):
            show_why(room, list_id, found)
        else:
            show(_history(room, found), key="timeline")


def _head(room: Room, list_id: str, found: Decision) -> Markup:
    row = room.lab.table.iloc[room.lab.place(list_id)].to_dict()
    facts = (
        ("Decided (UTC)", f"{row['moment']:%Y-%m-%d %H:%M}"),
        ("Candidates", f"{row['candidates']:,}"),
        ("Wanted", f"{row['wanted']:,}, {row['found']:,} of them candidates"),
        (f"First wanted, {label(ENSEMBLE).lower()}", _place(row[ENSEMBLE + PLACE])),
        (f"First wanted, {room.label(BASE).lower()}", _place(row[BASE + PLACE])),
    )
    listed = join(html("<div><dt>{}</dt><dd>{}</dd></div>", name, value) for name, value in facts)
    back = html('<a class="sw-link" href="{}">All lists</a>', links.link(list=None, user=None, all=None, **OPENED))
    now = html(
        '<a class="sw-link" href="{}">What they are recommended now</a>',
        links.link("recommend", user=row["user_id"], see="beside", beside=ENSEMBLE),
    )
    return html(
        '<div class="sw-portrait"><h2>{}</h2><dl class="sw-facts">{}</dl><div class="sw-ways">{} {}</div></div>',
        user_words(found.one),
        listed,
        back,
        now,
    )


def _show_candidates(room: Room, list_id: str, found: Decision) -> None:
    rows = found.candidates
    shown = rows if links.get("all") else rows[(rows["place"] <= SHOWN) | rows["wanted"].fillna(False).astype(bool)]
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            said = (
                f"By the ensemble; the first {SHOWN} and what was wanted"
                if len(shown) < len(rows)
                else "By the ensemble"
            )
            show(section("Candidates", said, small=True), key="candidates-title")
        name = f"{room.workspace.name}-{masks.text(list_id)}"
        export.button("Export", partial(_frame, room, list_id, rows), name=name, key="export-candidates")
    if rows.empty:
        states.empty("No candidates", "No source named anything for this user.", {}, key="candidates")
        return
    items = cache.items(room.workspace, tuple(shown["item_id"]))
    drawn = join(_candidate(room, row, items.get(row["item_id"])) for row in shown.to_dict("records"))
    style = "" if any(item.get("image") for item in items.values()) else "sw-plain"
    more = html('<a class="sw-link" href="{}">Show all {:,}</a>', links.link(all=1), len(rows))
    out = html(
        '<div class="sw-hits {}" role="list" aria-label="Candidates">{}</div>{}',
        style,
        drawn,
        "" if links.get("all") else more,
    )
    show(out, key="candidates")


def _frame(room: Room, list_id: str, rows: pd.DataFrame) -> pd.DataFrame:
    return stamped(room, rows.drop(columns="row").assign(list_id=list_id))


def _candidate(room: Room, row: dict, item: dict | None) -> Markup:
    item = item or {"item_id": row["item_id"], "title": row["item_id"], "category": "", "price": None}
    here = links.get("sku") == row["item_id"]
    wanted = html('<span class="sw-badge sw-up">{} wanted</span>', icon("check")) if row["wanted"] else ""
    places = join(
        html('<span class="sw-chip">{} <b class="sw-num">#{}</b></span>', room.label(name), row[f"{name} place"])
        for name in (*room.lab.scores, BASE)
    )
    return html(
        '<a class="sw-hit sw-rec" role="listitem" id="row-{}" href="{}"{}>{}<span class="sw-said-of">'
        '<span class="sw-meta"><b class="sw-num">{}</b> · {}</span><strong>{}</strong>'
        '<span class="sw-chips">{}{}</span></span></a>',
        row["item_id"],
        links.link(above=None, sku=None if here else row["item_id"]),
        Markup(' aria-current="true"') if here else "",
        cards.image(room.workspace.path, item),
        row["place"],
        " · ".join(filter(None, (cards.category(str(item["category"])), row["item_id"], cards.price(item["price"])))),
        item["title"],
        wanted,
        places,
    )


def _history(room: Room, found: Decision) -> Markup:
    """What the user had done before the decision, newest first."""
    rows = history(found.one)
    shown = rows if links.get("all") else rows.head(EVENTS_SHOWN)
    said = "newest first" + (f", {len(shown)} of {len(rows):,}" if len(shown) < len(rows) else "")
    title = section("History before the decision", said if len(rows) else "No event so far", small=True)
    items = cache.items(room.workspace, tuple(dict.fromkeys(shown["item_id"])))
    drawn = join(_event(room, row, items.get(row["item_id"])) for row in shown.to_dict("records"))
    style = "" if any(item.get("image") for item in items.values()) else "sw-plain"
    hint = html('<p class="sw-note">{} Open a candidate to see why it stands there.</p>', icon("touch_app"))
    return html('{}<div class="sw-list sw-time {}">{}</div>{}', title, style, drawn, hint)


def _event(room: Room, row: dict, item: dict | None) -> Markup:
    item = item or {"title": row["item_id"], "category": ""}
    return html(
        '<a class="sw-item" href="{}">{}<span><strong class="sw-clip">{}</strong><span class="sw-meta">{} · {}</span>'
        "</span></a>",
        links.link("sku", sku=row["item_id"]),
        cards.image(room.workspace.path, item),
        item["title"],
        event_words(row["event"]),
        f"{row['timestamp']:%-d %b %Y %H:%M}",
    )
