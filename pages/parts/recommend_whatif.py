"""What if: another history or other weights, the list that comes of it, and what the weights would have cost."""

from functools import partial

import streamlit as st
from markupsafe import Markup

from engine.comparison import compare_lists
from engine.errors import UnknownNameError
from engine.metrics.significance import PairedDifference
from pages.parts import compare, links, recommend_cache
from pages.parts.markup import html, icon, join, show
from pages.parts.recommend_cards import compared_list
from pages.parts.recommend_room import (
    EDITS,
    WEIGHTS,
    Room,
    affinity_share,
    as_value,
    event_words,
    offered_events,
    pick,
    title,
)
from pages.parts.rows import ROWS_SHOWN, Behind, show_rows

MOST_OFFERED = 2_000
METRICS = {
    "recall@20": ("Recall@20", "wanted items among the first 20"),
    "ndcg@10": ("NDCG@10", "wanted items, the higher the better placed"),
    "coverage@5": ("Coverage@5", "share of SKUs that somebody is shown"),
    "novelty@5": ("Novelty@5", "how little known what is shown is, in bits"),
    "diversity@5": ("Diversity@5", "how far apart the shown items’ categories are"),
}
_TABLE = '<table class="sw-table sw-breakdown sw-cost"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
_SECTION = '<div class="sw-section"><h3>{}</h3><p>{}</p></div>'
_COST = "cost:"  # begins the key of a figure's rows
_ITEM, _EVENT = "whatif-item", "whatif-event"


def show_sliders(room: Room) -> None:
    """The weights, from what serves to anything else; they change the list of candidates that are kept."""
    served = room.served.pipeline.config
    columns = st.columns(3, gap="medium")
    said = "0: by the models’ scores alone; 1: by what the user’s categories say alone"
    with columns[0]:
        bound = links.bind("affinity", affinity_share(room.config), affinity_share(served))
        st.slider("Models ↔ their categories", 0.0, 1.0, step=0.05, help=said, **bound)
    with columns[1]:
        said = "What the most popular SKU loses of its score; others lose by their rank"
        bound = links.bind("penalty", float(room.config.popularity_penalty), float(served.popularity_penalty))
        st.slider("Popularity penalty", 0.0, 1.0, step=0.05, format="%.3g", help=said, **bound)
    with columns[2]:
        said = "0: the best scores; towards 1 the list spreads over the category tree"
        bound = links.bind("diversity", float(room.config.diversity), float(served.diversity))
        st.slider("Diversity", 0.0, 0.9, step=0.05, help=said, **bound)


def show_list(room: Room) -> None:
    """The list as it would be, each item with where it stood, and below it what fell out."""
    before, after = room.ids(room.as_served()), room.ids(room.shown())
    compared = compare_lists(before, after)
    gone = [place.item_id for place in compared.places if place.where == "only A"]
    show(_changes(room), key="changes")
    show(compare.summary(compared, first=recommend_cache.SHOWN), key="compared")
    head = html(_SECTION, "B: the list as it would be", "Beside A, the list as it is served now")
    drawn = compared_list(room, after, compared, side="B", current=links.get("sku"))
    out = html('<div class="sw-section"><h3>No longer in it</h3></div>') if gone else ""
    lost = compared_list(room, gone, compared, side="gone", current=links.get("sku")) if gone else ""
    show(html("{}{}{}{}", head, drawn, out, lost), key="list-B")


def _changes(room: Room) -> Markup:
    """What is changed, in words, and the way back."""
    said = [f"{len(room.person.added)} added"] if room.person.added else []
    said += [f"{len(room.person.dropped)} taken out"] if room.person.dropped else []
    said = [f"events: {', '.join(said)}"] if said else []
    said += ["weights: others than those that serve"] if room.reweighted else []
    if not said:
        return html('<p class="sw-note">{}</p>', "Move a slider, take events out or add some: the list follows.")
    way = html('<a class="sw-link" href="{}">Back to what serves</a>', links.link(**EDITS, **WEIGHTS))
    return html('<p class="sw-note" role="status">{} Changed {}. {}</p>', icon("tune"), "; ".join(said), way)


def show_adding(room: Room) -> None:
    """Events to add: an item, what was done with it, and those that are added so far, each with a way to leave it."""
    show(html(_SECTION, "Add events", "As if they happened just now, in this order"), key="adding-title")
    catalogue = room.served.shop.catalogue
    best = (-room.served.pipeline.popularity).argsort(kind="stable")[:MOST_OFFERED]
    names = dict(zip(catalogue.item_ids[best], catalogue.titles[best], strict=True))
    pick("SKU", list(names), lambda item: f"{names[item]} · {item}" if item in names else item, {"key": _ITEM})
    kinds = offered_events(room.served)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox("What they did", kinds, format_func=event_words, key=_EVENT, width=190)
        st.button("Add", icon=":material/add:", on_click=partial(_add, room.person.added))
    show(_added(room), key="added")


def _add(so_far: recommend_cache.Steps) -> None:
    item, event = st.session_state.get(_ITEM), st.session_state.get(_EVENT)
    if item and event:
        links.follow(links.link(add=[as_value(*one) for one in (*so_far, (item.strip(), event))]))
        st.session_state[_ITEM] = None


def _added(room: Room) -> Markup:
    rows = join(
        html(
            '<li>{} {} “{}” <a class="sw-link sw-small" href="{}">{} Leave out</a></li>',
            icon("add"),
            event_words(step[1]),
            title(room, step[0]),
            links.link(add=[as_value(*one) for one in room.person.added if one != step] or None),
            icon("close"),
        )
        for step in room.person.added
    )
    return html('<ul class="sw-compared">{}</ul>', rows) if room.person.added else Markup("")


def show_cost(room: Room) -> None:
    """What the weights would have changed on test, in words with intervals; nothing when they are those that serve."""
    if not room.reweighted:
        return
    show(
        html(_SECTION, "What it would cost", "All users of test, with these weights against those that serve"),
        key="cost-title",
    )
    found = recommend_cache.cost(room.served, room.config)
    rows = join(_line(name, one) for name, one in found.items())
    head = html('<th>Figure</th><th class="sw-r">Serves</th><th class="sw-r">Tried</th><th>Difference</th>')
    note = (
        "Read off test, as often as somebody moves a slider: a warning about a setting, not a figure to report. "
        "Edits of this history don’t count in it."
    )
    table = html(_TABLE, head, rows)
    show(html('<div class="sw-scroll">{}</div><p class="sw-note">{} {}</p>', table, icon("warning"), note), key="cost")
    if links.get("rows"):
        show_rows(room.workspace.name, _behind(room, links.get("rows"), list(found)))


def _behind(room: Room, key: str, metrics: list[str]) -> Behind:
    """The users of test that a figure of the cost is made of. Raises UnknownNameError for a key that names none."""
    metric = key.removeprefix(_COST)
    if metric not in metrics or not key.startswith(_COST):
        raise UnknownNameError("figure", key, [f"{_COST}{name}" for name in metrics])
    rows = recommend_cache.cost_rows(room.served, room.config, metric)
    title = (
        f"{METRICS.get(metric, (metric, ''))[0]} of each user of test, with the weights that serve and the tried ones"
    )
    way = partial(_to_user, dict.fromkeys((*EDITS, "sku"), None))
    return Behind(key, title, rows.head(ROWS_SHOWN), len(rows), lambda: rows, way=way)


def _to_user(gone: dict[str, None], row: dict) -> str:
    return links.link(rows=None, user=row["user_id"], **gone)


def _line(name: str, found: PairedDifference) -> Markup:
    label, about = METRICS.get(name, (name, ""))
    where = ("up" if found.difference > 0 else "down") if found.clear else "same"
    words = found.words()
    if not found.wins + found.losses:  # a figure of all lists together, such as coverage
        words = words.partition("),")[0] + ")"
    return html(
        '<tr><td><b>{}</b><small>{}</small></td><td class="sw-r">{:.3f}</td>'
        '<td class="sw-r"><a class="sw-link" href="{}">{:.3f}</a></td><td>{} {}</td></tr>',
        label,
        about,
        found.a,
        links.link(rows=f"{_COST}{name}"),
        found.b,
        compare.badge(where, {"up": "higher", "down": "lower", "same": "no clear difference"}[where]),
        words,
    )
