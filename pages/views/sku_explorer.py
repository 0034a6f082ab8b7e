"""SKU explorer: find a SKU, read its reviews, see its predicted tags and the sentences behind each."""

import pandas as pd
import streamlit as st

from engine import explore
from engine.errors import NotBuiltError, UnknownNameError
from engine.schema import Evidence, ItemText
from engine.workspace import Workspace
from pages.parts import cache, cards, export, links, reviews, shell, states, tags
from pages.parts.markup import html, icon, join, show

PAGE_SIZE = 24
REVIEWS_SHOWN = 15
DEFAULT_TOP, MAX_TOP = 12, 30
ORDERS = {
    "evidence": "Evidence first",
    "newest": "Newest first",
    "oldest": "Oldest first",
    "best": "Highest rated",
    "worst": "Lowest rated",
}


def main() -> None:
    """Controls, then the grid; or, with a SKU in the address, the list and beside it the SKU's passport."""
    workspace = shell.workspace()
    taggers = cache.taggers(workspace)
    tagger = choose_tagger(taggers)
    shelf = cache.catalogue(workspace, tagger)
    sku = links.get("sku")
    with st.container(key="beside-controls" if sku else "controls"):
        show(html('<div class="sw-head"><h1>SKU explorer</h1></div>'), key="title")
        filters = choose_filters(shelf)
    found = explore.find(shelf, filters)
    if not sku:
        show_grid(workspace, found, filters, taggers)
        return
    left, right = st.columns([3, 9], gap="medium")
    with left, st.container(key="beside"):
        show_beside(workspace, found, sku)
    with right, states.frame():
        back = html('<a class="sw-link" href="{}">{} All SKUs</a>', links.link(sku=None, tag=None), icon("arrow_back"))
        show(back, key="back")
        show_passport(workspace, sku, taggers, tagger)


def choose_tagger(taggers: dict[str, cache.Tagger]) -> cache.Tagger | None:
    """The tagger named in the address, or the first. Raises UnknownNameError for one that isn't trained."""
    asked = links.get("tagger")
    if asked and asked not in taggers:
        raise UnknownNameError("tagger", asked, taggers)
    return taggers[asked] if asked else next(iter(taggers.values()), None)


def choose_filters(shelf: explore.Catalogue) -> explore.Filters:
    """Search box, category, order and preset questions, all tied to the address."""
    filters = explore.Filters(links.get("q"), links.get("category"), links.get("ask"), links.get("sort", "relevance"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Search",
            placeholder="SKU, title, tag, brand or category",
            icon=":material/search:",
            max_chars=200,
            width="stretch",
            **links.bind("q", filters.query, ""),
        )
        known = ["", *shelf.categories]
        st.selectbox(
            "Category",
            known,
            format_func=lambda name: name or "All categories",
            width=190,
            **links.bind("category", filters.category if filters.category in known else "", ""),
        )
        st.selectbox(
            "Order",
            list(explore.SORTS),
            format_func=explore.SORTS.get,
            width=170,
            **links.bind("sort", filters.sort if filters.sort in explore.SORTS else "relevance", "relevance"),
        )
    show(questions(shelf, filters.question), key="questions")
    return filters


def questions(shelf: explore.Catalogue, chosen: str) -> object:
    """Preset questions as chips with the number of SKUs that answer each."""
    counts = explore.question_counts(shelf)
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}"{}>{} <b class="sw-num">{:,}</b></a>',
            "sw-on" if key == chosen else "",
            links.link(ask=None if key == chosen else key, sku=None, tag=None),
            html(' aria-current="true"') if key == chosen else "",
            explore.QUESTIONS[key].label,
            count,
        )
        for key, count in counts.items()
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Preset questions">{}</nav>', chips)


def show_grid(
    workspace: Workspace, found: pd.DataFrame, filters: explore.Filters, taggers: dict[str, cache.Tagger]
) -> None:
    """How many SKUs match, the export, the cards and the pages; or that nothing matches, with ways out."""
    if found.empty:
        ways = {"Show all SKUs": links.link(q=None, category=None, ask=None)}
        if filters.query and (filters.category or filters.question):
            ways = {f"Search for “{filters.query}” everywhere": links.link(category=None, ask=None)} | ways
        said = f"None of the SKUs matches “{filters.query}”" if filters.query else "No SKU answers this"
        states.empty("Nothing matches", f"{said} with these filters. Every word must be found.", ways, key="grid")
        return
    tagger = choose_tagger(taggers)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            count = html('<b class="sw-num">{:,}</b> {}', len(found), "SKU" if len(found) == 1 else "SKUs")
            show(html('<p>{}<span class="sw-quiet">{}</span></p>', count, _made_by(tagger)), key="count")
        if tagger:
            tagger_switch(taggers, tagger)
            export_button(workspace, found, tagger)
    start = page_start(found)
    page = found.iloc[start : start + PAGE_SIZE]
    show(cards.grid(page, workspace.path, query=bool(filters.query)), key="grid")
    pages_below(found)


def _made_by(tagger: cache.Tagger | None) -> str:
    return f" · tags by {tagger.name}, filled where asserted" if tagger else " · no tagger is trained yet"


def show_beside(workspace: Workspace, found: pd.DataFrame, sku: str) -> None:
    """The list that the open SKU came from."""
    if found.empty:
        states.empty(
            "Nothing matches",
            "No SKU matches these filters.",
            {"Show all": links.link(q=None, category=None, ask=None)},
            key="beside",
        )
        return
    start = page_start(found)
    page = found.iloc[start : start + PAGE_SIZE]
    said = html('<p class="sw-note">{:,}–{:,} of {:,} SKUs</p>', start + 1, start + len(page), len(found))
    show(html("{}{}", said, cards.beside(page, workspace.path, current=sku)), key="list")
    pages_below(found, around=1)


def page_start(found: pd.DataFrame) -> int:
    """The position of the first SKU of the page that the address names; pages that don't exist become the last."""
    last = max(0, (len(found) - 1) // PAGE_SIZE)
    return PAGE_SIZE * (int(links.number("page", 1, low=1, high=last + 1)) - 1)


def pages_below(found: pd.DataFrame, *, around: int = 2) -> None:
    """Links to the first, the last and the neighbouring pages, when there is more than one."""
    count = -(-len(found) // PAGE_SIZE)
    if count > 1:
        show(cards.pager(page_start(found) // PAGE_SIZE + 1, count, around=around), key="pager")


def tagger_switch(taggers: dict[str, cache.Tagger], tagger: cache.Tagger) -> None:
    """A switch between trained taggers, when there is more than one."""
    if len(taggers) > 1:
        st.segmented_control(
            "Tagger",
            list(taggers),
            label_visibility="collapsed",
            required=True,
            **links.bind("tagger", tagger.name, next(iter(taggers))),
        )


def export_button(workspace: Workspace, found: pd.DataFrame, tagger: cache.Tagger) -> None:
    """Predictions of the filtered SKUs as CSV, with the tagger and its version in each row."""
    top, minimum = tag_limits()
    origin = {"workspace": workspace.name, "tagger": tagger.name, "version": tagger.version}
    export.button(
        "Export predictions",
        lambda: explore.export_rows(
            found, cache.predictions(workspace, tagger), top=top, minimum=minimum, origin=origin
        ),
        name=f"{workspace.name}-{tagger.name}-predictions",
        key="export",
    )


def show_passport(
    workspace: Workspace, sku: str, taggers: dict[str, cache.Tagger], tagger: cache.Tagger | None
) -> None:
    """One SKU: its facts, beside its reviews the predicted tags, and the evidence of a chosen tag in place."""
    passport = explore.passport(cache.queries(workspace), sku)
    show(cards.passport_head(passport.item, workspace.path), key="passport")
    tag_column, review_column = st.columns([4, 6], gap="large")
    with tag_column:
        predicted = show_tags(workspace, passport, taggers, tagger)
    with review_column:
        found = show_evidence(workspace, passport, tagger, predicted)
        show_reviews(passport, found)


def show_tags(
    workspace: Workspace,
    passport: explore.Passport,
    taggers: dict[str, cache.Tagger],
    tagger: cache.Tagger | None,
) -> pd.DataFrame | None:
    """The predicted tags with the switch between taggers, their limits, and the comparison with given tags."""
    show(html('<div class="sw-section"><h2>Predicted tags</h2></div>'), key="tags-title")
    if tagger is None:
        command = cache.TRAIN_COMMAND.format(workspace=workspace.name, model="linear")
        states.not_built(NotBuiltError("A tagger", command), title="No tagger yet")
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        tagger_switch(taggers, tagger)
        top, minimum = choose_limits()
        st.toggle("Compare with given tags", **links.bind("people", links.get("people") == "1", False))
    predictions = cache.predictions(workspace, tagger)
    rows = explore.item_tags(predictions, passport.item["item_id"], top=top, minimum=minimum)
    asserted = int(rows["asserted"].sum())
    note = html(
        '<p class="sw-note">{} asserted of {} shown. The line on each bar is the tag’s threshold. '
        "Choose a tag to see its evidence.</p>",
        asserted,
        len(rows),
    )
    if rows.empty:
        lower = {"Show the strongest anyway": links.link(min=None, top=None)} if minimum else {}
        states.empty("No tag to show", "The tagger gives no tag this probability.", lower, key="tags")
    else:
        show(html("{}{}", note, tags.predicted(rows, current=links.get("tag"))), key="tags")
    if links.get("people") == "1":
        show_agreement(passport, predictions)
    return rows


def show_agreement(passport: explore.Passport, predictions: pd.DataFrame) -> None:
    """Asserted tags beside given ones."""
    if passport.given.empty:
        show(
            html('<p class="sw-note">Nobody gave this SKU tags, so there is nothing to compare with.</p>'), key="given"
        )
        return
    every = explore.item_tags(predictions, passport.item["item_id"], top=len(predictions))
    compared = explore.agreement(list(every.loc[every["asserted"], "tag"]), list(passport.given["tag"]))
    show(html('<div class="sw-section"><h3>Beside the given tags</h3></div>{}', tags.agreement(compared)), key="given")


def tag_limits() -> tuple[int, float]:
    """How many tags to show at most, and from which probability, as the address says."""
    return int(links.number("top", DEFAULT_TOP, low=1, high=MAX_TOP)), links.number("min", 0.0, low=0.0, high=1.0)


def choose_limits() -> tuple[int, float]:
    """The limits, with a popover to change them."""
    top, minimum = tag_limits()
    with st.popover("Limits", icon=":material/tune:"):
        st.slider("Tags at most", 1, MAX_TOP, **links.bind("top", top, DEFAULT_TOP))
        st.slider("From this probability", 0.0, 1.0, step=0.05, **links.bind("min", minimum, 0.0))
    return top, minimum


def show_evidence(
    workspace: Workspace, passport: explore.Passport, tagger: cache.Tagger | None, predicted: pd.DataFrame | None
) -> Evidence | None:
    """What speaks for and against the chosen tag. None when no tag is chosen or there is nothing to weigh."""
    tag = links.get("tag")
    if not tag or tagger is None or predicted is None or passport.reviews.empty:
        return None
    if tag not in set(predicted["tag"]):
        raise UnknownNameError("tag", tag, predicted["tag"])
    item = ItemText(passport.item["item_id"], passport.item["category"], tuple(passport.reviews["text"]))
    found = cache.evidence(workspace, tagger, item, tag)
    title = html('<div class="sw-section"><h2>Why “{}”</h2></div>', tag)
    close = html('<a class="sw-link sw-small" href="{}">Show the reviews without marks</a>', links.link(tag=None))
    show(html("{}{}{}<p>{}</p>", title, reviews.evidence_head(found), reviews.against(found), close), key="evidence")
    return found


def show_reviews(passport: explore.Passport, found: Evidence | None) -> None:
    """The reviews in the chosen order, the first few unless all are asked for."""
    total = len(passport.reviews)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            show(
                html('<div class="sw-section"><h2>Reviews <span class="sw-quiet sw-num">{}</span></h2></div>', total),
                key="reviews-title",
            )
        orders = [name for name in ORDERS if found or name != "evidence"]
        asked = links.get("order") if links.get("order") in orders else orders[0]
        if total > 1:
            st.selectbox(
                "Order of reviews",
                orders,
                format_func=ORDERS.get,
                label_visibility="collapsed",
                width=170,
                **links.bind("order", asked, orders[0]),
            )
    if not total:
        show(
            html('<p class="sw-note">Nobody has reviewed this SKU yet: a tagger can only go by its category.</p>'),
            key="reviews",
        )
        return
    ordered = reviews.order(passport.reviews, asked, found)
    shown = ordered if links.get("all") else ordered.head(REVIEWS_SHOWN)
    more = html('<a class="sw-link" href="{}">Show all {} reviews</a>', links.link(all=1), total)
    show(html("{}{}", reviews.listed(shown, found), more if len(shown) < total else ""), key="reviews")


main()
