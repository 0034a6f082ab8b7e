"""SKU explorer: find a SKU, read its reviews, see its predicted tags and the sentences behind each."""

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine import explore
from engine.errors import counted
from pages.parts import cache, cards, curate, deciding, export, links, shell, states
from pages.parts.markup import html, icon, join, show
from pages.parts.passport import show_passport
from pages.parts.shelf import Shelf, limits, open_shelf, tagger_switch

PAGE_SIZE = 24


def main() -> None:
    """Controls, then the grid; or, with a SKU in the address, the list and beside it the SKU's passport."""
    shelf = open_shelf(shell.workspace())
    sku = links.get("sku")
    with st.container(key="beside-controls" if sku else "controls"):
        show(html('<div class="sw-head"><h1>SKU explorer</h1></div>'), key="title")
        filters = choose_filters(shelf.catalogue)
    found = explore.find(shelf.catalogue, filters)
    if not sku:
        show_grid(shelf, found, filters)
        return
    left, right = st.columns([3, 9], gap="medium")
    with left, st.container(key="beside"):
        show_beside(shelf, found, filters, sku)
    with right, states.frame():
        back = html('<a class="sw-link" href="{}">{} All SKUs</a>', links.link(sku=None, tag=None), icon("arrow_back"))
        show(back, key="back")
        show_passport(shelf, sku)


def choose_filters(catalogue: explore.Catalogue) -> explore.Filters:
    """Search box, category, order and preset questions, all tied to the address."""
    filters = explore.Filters(links.get("q"), links.get("category"), links.get("ask"), links.get("sort", "relevance"))
    categories = ["", *catalogue.categories]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Search",
            placeholder="SKU, title, tag, brand or category",
            icon=":material/search:",
            max_chars=200,
            **links.bind("q", filters.query, ""),
        )
        st.selectbox(
            "Category",
            categories,
            format_func=lambda name: cards.category(name) or "All categories",
            width=190,
            **links.bind("category", filters.category if filters.category in categories else "", ""),
        )
        st.selectbox(
            "Order",
            list(explore.SORTS),
            format_func=explore.SORTS.get,
            width=170,
            **links.bind("sort", filters.sort if filters.sort in explore.SORTS else "relevance", "relevance"),
        )
    show(questions(catalogue, filters.question), key="questions")
    return filters


def questions(catalogue: explore.Catalogue, chosen: str) -> Markup:
    """Preset questions as chips with the number of SKUs that answer each; those that none answers are left out."""
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}"{}>{} <b class="sw-num">{:,}</b></a>',
            "sw-on" if key == chosen else "",
            links.link(ask=None if key == chosen else key, sku=None, tag=None),
            Markup(' aria-current="true"') if key == chosen else "",
            explore.QUESTIONS[key].label,
            count,
        )
        for key, count in explore.question_counts(catalogue).items()
        if count or key == chosen
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Preset questions">{}</nav>', chips)


def show_grid(shelf: Shelf, found: pd.DataFrame, filters: explore.Filters) -> None:
    """How many SKUs match, the export, the cards and the pages."""
    deciding.show_said()
    if found.empty:
        show_nothing(filters)
        return
    made_by = f"tags by {shelf.tagger.name}, filled where asserted" if shelf.tagger else "no tagger is trained yet"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            said = html('<p><b class="sw-num">{:,}</b> {} ', len(found), "SKU" if len(found) == 1 else "SKUs")
            show(html('{}<span class="sw-quiet">· {}</span></p>', said, made_by), key="count")
        tagger_switch(shelf)
        curate.show_bulk(shelf, found)
        export_button(shelf, found)
    page = page_of(found)
    drawn = cards.grid(page, shelf.workspace.path, query=bool(filters.query), pictures=shelf.pictures)
    show(html("{}{}", drawn, pages_below(found, around=2)), key="grid")


def show_beside(shelf: Shelf, found: pd.DataFrame, filters: explore.Filters, sku: str) -> None:
    """The list that the open SKU came from."""
    if found.empty:
        show_nothing(filters)
        return
    page = page_of(found)
    said = html('<p class="sw-note">{:,} of {}</p>', len(page), counted(len(found), "SKU"))
    drawn = cards.beside(page, shelf.workspace.path, current=sku, pictures=shelf.pictures)
    show(html("{}{}{}", said, drawn, pages_below(found, around=1)), key="list")


def show_nothing(filters: explore.Filters) -> None:
    """Nothing matches: what was asked, and ways out."""
    ways = {"Show all SKUs": links.link(q=None, category=None, ask=None)}
    if filters.query and (filters.category or filters.question):
        ways = {f"Search for “{filters.query}” everywhere": links.link(category=None, ask=None), **ways}
    asked = f"No SKU matches “{filters.query}”" if filters.query else "No SKU answers this"
    more = ", in this category" if filters.category else ""
    states.empty("Nothing matches", f"{asked}{more}. A search finds SKUs that hold every word of it.", ways, key="list")


def page_of(found: pd.DataFrame) -> pd.DataFrame:
    """The SKUs of the page that the address names."""
    start = PAGE_SIZE * (page_number(found) - 1)
    return found.iloc[start : start + PAGE_SIZE]


def page_number(found: pd.DataFrame) -> int:
    """The page that the address names; one that doesn't exist becomes the nearest that does."""
    return int(links.number("page", 1, low=1, high=max(1, -(-len(found) // PAGE_SIZE))))


def pages_below(found: pd.DataFrame, *, around: int) -> Markup:
    """Links to the first, the last and the neighbouring pages, when there is more than one."""
    count = -(-len(found) // PAGE_SIZE)
    return cards.pager(page_number(found), count, around=around) if count > 1 else Markup("")


def export_button(shelf: Shelf, found: pd.DataFrame) -> None:
    """Predictions of the filtered SKUs as CSV, with the tagger and its version in each row."""
    tagger = shelf.tagger
    if tagger is None:
        return
    top, minimum = limits()
    origin = {"workspace": shelf.workspace.name, "tagger": tagger.name, "version": tagger.version}
    predictions = cache.predictions(shelf.workspace, tagger)
    export.button(
        "Export predictions",
        lambda: explore.export_rows(found, predictions, top=top, minimum=minimum, origin=origin),
        name=f"{shelf.workspace.name}-{tagger.name}-predictions",
        key="export",
    )


main()
