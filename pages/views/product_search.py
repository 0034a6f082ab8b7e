"""Product search: what shoppers would find, why, and how good it is; judged while browsing, two retrievers at once."""

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from engine.asked import Asked
from engine.comparison import compare_lists
from engine.errors import ArtifactError, DataError
from engine.search.hits import Hit
from pages.parts import (
    cards,
    compare,
    deciding,
    export,
    links,
    search_cache,
    search_export,
    search_filters,
    search_hits,
    shell,
    states,
)
from pages.parts.markup import html, icon, join, show
from pages.parts.search_box import query_box
from pages.parts.search_item import show_item
from pages.parts.search_panel import show_panel
from pages.parts.search_room import Room, choose_retrievers, label, open_room, show_notices
from pages.parts.search_start import show_start
from pages.parts.search_textless import show_asked_rows, textless_link

PAGE_SIZE = 20
MOST_SAID = 80  # characters of a query in a sentence
FIRST, MISSING = 10, 5  # hits that known answers should be among; how many missing ones are named
QUESTIONS = {
    "unjudged": "Nobody judged",
    "poor": "Judged partly or bad",
    "meaning": "Without a word of the query",
}


def main() -> None:
    """The query and its filters; then the start page, a SKU, or the hits and beside them the open one."""
    workspace = shell.workspace()
    workspace.table_path("items")
    show(html('<div class="sw-head"><h1>Product search</h1></div>'), key="title")
    try:
        room = open_room(workspace)
    except DataError as error:
        ways = {"Leave price and stars out": links.link(price=None, stars=None)}
        states.empty("A filter in this link can’t be used", str(error), ways, key="filters")
        return
    beside = links.get("sku") and room.query
    with st.container(key="beside-controls" if beside else "controls"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="search-controls"):
            with st.container(width="stretch"):
                query_box(workspace)
            choose_retrievers(room)
        search_filters.show_filters(room.facets, room.filters)
    deciding.show_said()
    with states.frame():
        show_asked_rows(room)
        try:
            show_view(room)
        except ArtifactError as error:
            show_damaged(room, error)


def show_view(room: Room) -> None:
    """What the address asks for: the hits of a query, who finds a SKU, or what to begin with."""
    if room.query:
        show_answer(room)
    elif links.get("sku"):
        show_item(room, links.get("sku"))
    else:
        show_start(room)
        if st.context.url:  # somebody looks on: a browser, not a test or a script
            search_cache.warm(room.workspace, room.by)


def show_damaged(room: Room, error: ArtifactError) -> None:
    """A part of the search is damaged: what, the command that builds it again, and what answers meanwhile."""
    ways = {"Answer by words meanwhile": links.link(by="bm25", beside=None)} if room.by != "bm25" else {}
    states.empty("Part of this search is damaged", f"{error} This builds it again:", ways, key="damaged")
    st.code(search_cache.BUILD_COMMAND.format(name=room.workspace.name), language="bash", wrap_lines=True)


def show_answer(room: Room) -> None:
    """The hits of the query, or why there are none."""
    if not room.asked:
        states.empty(
            "Nothing to look for", room.analysis.message or "", {"Start again": links.link(q=None)}, key="query"
        )
        return
    hits = room.hits(room.by)
    guessed = not room.beside and room.guessed(hits)
    show_notices(room, guessed=guessed)
    if room.beside:
        show_both(room, hits)
    elif hits and not guessed:
        show_one(room, hits)
    else:
        show_nothing(room, guessed=guessed)
    note_asked(room, () if guessed else hits)


def note_asked(room: Room, hits: Sequence[Hit]) -> None:
    """Count the query, once in a row, unless filters narrow what it could find."""
    if room.filters.active or st.session_state.get("asked-last") == room.query:
        return
    st.session_state["asked-last"] = room.query
    Asked(room.workspace).note(room.query, found=len(hits), weak=room.weak(hits))


def show_nothing(room: Room, *, guessed: bool) -> None:
    """No hit, or only guesses: what was asked, and ways out."""
    if guessed:
        said = f"No word of “{shortened(room.query)}” is in the catalogue, and no item is near it in meaning."
        ways = {"Show the nearest all the same": links.link(all=1), "Start again": links.link(q=None)}
        states.empty("Nothing is found", said, ways, key="list")
        return
    ways = {"Search without filters": links.link(**search_filters.NONE)} if room.filters.active else {}
    ways |= {"Search by meaning": links.link(by="dense")} if room.by in ("bm25", "popular") else {}
    more = " with these filters" if room.filters.active else ""
    said = f"{label(room.by)} finds nothing for “{shortened(room.query)}”{more}."
    states.empty("Nothing is found", said, {**ways, "Start again": links.link(q=None)}, key="list")


def shortened(query: str) -> str:
    """A query as it stands in a sentence."""
    return query if len(query) <= MOST_SAID else f"{query[:MOST_SAID]}…"


def show_one(room: Room, hits: Sequence[Hit]) -> None:
    """One list, and beside it the hit that is open."""
    answers = answering(room, hits)
    sku, chosen = links.get("sku"), answers.get(links.get("ask"), hits)
    left, right = st.columns([6, 5], gap="medium") if sku else (st.container(), None)
    with left, st.container(key="beside" if sku else "hits-alone"):
        show_head(room, {room.by: hits})
        show(html("{}{}", known(room, hits), questions(answers)), key="questions")
        page = page_of(chosen)
        if page:
            drawn = search_hits.hit_list(page, search_hits.shown_hits(room, hits, page), current=sku)
            show(html("{}{}", drawn, pages_below(chosen)), key="hits")
        else:
            states.empty("No such hit", "None of the hits answers this.", {"Show all": links.link(ask=None)}, key="ask")
    if right:
        with right, states.frame():
            show_open(room, hits, page, sku)


def show_open(room: Room, hits: Sequence[Hit], page: Sequence[Hit], sku: str) -> None:
    """The open hit with a way back to the list, which shows `page` of the hits."""
    back = html('<a class="sw-link" href="{}">{} All hits</a>', links.link(sku=None, above=None), icon("arrow_back"))
    show(back, key="back")
    show_panel(room, hits, page, sku)


def show_both(room: Room, hits: Sequence[Hit]) -> None:
    """Two lists beside each other in the language of comparison, and the hit that is open."""
    others = room.hits(room.beside)
    first, second = hits[:PAGE_SIZE], others[:PAGE_SIZE]
    compared = compare_lists([hit.item_id for hit in first], [hit.item_id for hit in second])
    sku = links.get("sku")
    with st.container(key="beside" if sku else "hits-alone"):
        show_head(room, {room.by: hits, room.beside: others})
        show(compare.summary(compared, first=PAGE_SIZE), key="compared")
    places = st.columns([4, 4, 5] if sku else 2, gap="medium")
    sides = (("A", room.by, first), ("B", room.beside, second))
    for place, (side, name, listed) in zip(places, sides, strict=False):
        with place, st.container(key=f"beside-{side}" if sku else f"side-{side}"):
            title = html('<div class="sw-section"><h3>{}: {}</h3></div>', side, label(name))
            shown = search_hits.shown_hits(room, listed, listed)
            drawn = search_hits.short_list(listed, shown, compared, current=sku, side=side)
            nothing = html('<p class="sw-note">Finds nothing for this query.</p>')
            show(html("{}{}", title, drawn if listed else nothing), key=f"list-{side}")
    if sku:
        with places[2], states.frame():
            mine, page = (hits, first) if sku in {hit.item_id for hit in hits} else (others, second)
            show_open(room, mine, page, sku)


def answering(room: Room, hits: Sequence[Hit]) -> dict[str, list[Hit]]:
    """For each preset question the hits that answer it. Hits by meaning alone are told where words are a stage."""
    judged = search_cache.judged(room.workspace, room.query)
    poor = {item_id for item_id, one in judged.items() if one.verdict != "good"}
    wordless = [hit for hit in hits for stage in hit.stages if stage.name == "bm25" and not stage.score]
    return {
        "unjudged": [hit for hit in hits if hit.item_id not in judged],
        "poor": [hit for hit in hits if hit.item_id in poor],
        "meaning": wordless,
    }


def known(room: Room, hits: Sequence[Hit]) -> Markup:
    """How many of the known good answers are among the first hits, and links to those that are missing."""
    good = search_cache.known_answers(room.workspace, room.query)
    if not good:
        return Markup("")
    first = {hit.item_id for hit in hits[:FIRST]}
    missing = [item_id for item_id in good if item_id not in first]
    ways = join(
        (html('<a class="sw-link" href="{}">{}</a>', links.link(sku=one), one) for one in missing[:MISSING]), ", "
    )
    rest = f" and {len(missing) - MISSING} more" if len(missing) > MISSING else ""
    said = f"{len(good) - len(missing)} of {len(good)} known good answers are among the first {FIRST}"
    return html(
        '<p class="sw-note">{} {}{}{}{}.</p>', icon("verified"), said, "; missing: " if missing else "", ways, rest
    )


def questions(answers: dict[str, list[Hit]]) -> Markup:
    """Preset questions as chips with how many hits answer each; those that none answers are left out."""
    asked = links.get("ask")
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}"{}>{} <b class="sw-num">{:,}</b></a>',
            "sw-on" if name == asked else "",
            links.link(ask=None if name == asked else name),
            Markup(' aria-current="true"') if name == asked else "",
            QUESTIONS[name],
            len(found),
        )
        for name, found in answers.items()
        if found or name == asked
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Preset questions">{}</nav>', chips)


def show_head(room: Room, lists: dict[str, Sequence[Hit]]) -> None:
    """How many hits there are among how many items, the export and the link."""
    hits = lists[room.by]
    eligible = search_cache.eligible(room.workspace, room.filters)
    among = len(room.documents.frame) if eligible is None else int(eligible.sum())
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            said = html('<p><b class="sw-num">{:,}</b> {}', len(hits), "hit" if len(hits) == 1 else "hits")
            rest = f"the best among {among:,} SKUs · {label(room.by)}"
            bare = textless_link(room)
            show(
                html('{} <span class="sw-quiet">· {}{}{}</span></p>', said, rest, " · " if bare else "", bare),
                key="count",
            )
        search_export.export_button(room, lists)
        export.copy_link()


def page_of(hits: Sequence[Hit]) -> Sequence[Hit]:
    """The hits of the page that the address names."""
    start = PAGE_SIZE * (page_number(hits) - 1)
    return hits[start : start + PAGE_SIZE]


def page_number(hits: Sequence[Hit]) -> int:
    """The page that the address names; one that doesn't exist becomes the nearest that does."""
    return int(links.number("page", 1, low=1, high=max(1, -(-len(hits) // PAGE_SIZE))))


def pages_below(hits: Sequence[Hit]) -> Markup:
    """Links to the pages, when there is more than one."""
    count = -(-len(hits) // PAGE_SIZE)
    return cards.pager(page_number(hits), count, around=2) if count > 1 else Markup("")


main()
