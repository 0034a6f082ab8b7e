"""One SKU: its facts, its predicted tags, and its reviews with the evidence of a chosen tag in place."""

import pandas as pd
import streamlit as st

from engine import explore
from engine.errors import NotBuiltError, UnknownNameError
from engine.schema import Evidence, ItemText
from engine.tags.predictor import train_command
from pages.parts import cache, cards, curate, links, reviews, states, tags
from pages.parts.markup import html, show
from pages.parts.rerank import show_rerank
from pages.parts.shelf import Shelf, choose_limits, limits, tagger_switch

REVIEWS_SHOWN = 15
SEEN = {
    "train": ("Seen in training.", "The tagger learned from this SKU’s given tags, which flatters what it says here."),
    "valid": ("Seen in tuning.", "The tagger’s thresholds were tuned on this SKU, which flatters it a little here."),
    "test": ("Held out.", "The tagger hasn’t seen this SKU’s given tags."),
}
OUTDATED = "The tables have changed since the tagger was trained: train it again for tags of these very reviews."
_TITLE = '<div class="sw-section"><h2>{}</h2></div>'


def show_passport(shelf: Shelf, sku: str) -> None:
    """The SKU's facts, and below them its tags beside its reviews. Raises UnknownNameError with the nearest SKU."""
    passport = explore.passport(cache.queries(shelf.workspace), sku)
    show(cards.passport_head(passport.item, shelf.workspace.path, pictures=shelf.pictures), key="passport")
    left, right = st.columns([4, 6], gap="large")
    with left:
        predicted = _show_tags(shelf, passport)
    with right, states.frame():
        found = _show_evidence(shelf, passport, predicted)
        _show_reviews(passport, found)


def _show_tags(shelf: Shelf, passport: explore.Passport) -> pd.DataFrame | None:
    """The predicted tags with the switch between taggers, their limits, and the comparison with given tags."""
    show(html(_TITLE, "Predicted tags"), key="tags-title")
    if shelf.tagger is None:
        error = NotBuiltError("A tagger", train_command(shelf.workspace, "linear"))
        states.not_built(error, title="No tagger yet")
        curate.show_curation(shelf, passport.item["item_id"])
        return None
    comparing = links.get("people") == "1"
    with st.container(horizontal=True, vertical_alignment="center"):
        tagger_switch(shelf)
        choose_limits()
        st.toggle("Compare with given tags", **links.bind("people", comparing, False))
    _show_seen(shelf, passport)
    top, minimum = limits()
    predictions = cache.predictions(shelf.workspace, shelf.tagger)
    every = explore.item_tags(predictions, passport.item["item_id"], top=len(predictions))
    rows = explore.item_tags(every, passport.item["item_id"], top=top, minimum=minimum)
    if every.empty and not shelf.tagger.current:
        error = NotBuiltError("A prediction for this SKU", train_command(shelf.workspace, shelf.tagger.name))
        states.not_built(error, title="Newer than the tagger")
    elif rows.empty:
        ways = {"Show the strongest anyway": links.link(min=None, top=None)} if minimum else {}
        states.empty("No tag to show", "The tagger gives no tag this probability.", ways, key="tags")
    else:
        note = (
            f"{rows['asserted'].sum()} asserted of {len(rows)} shown. The line on each bar is the tag’s threshold; "
            "choose a tag to see its evidence." + ("" if shelf.tagger.current else f" {OUTDATED}")
        )
        current, said = links.get("tag"), curate.on_sku(shelf, passport.item["item_id"])
        show(html('<p class="sw-note">{}</p>{}', note, tags.predicted(rows, current=current, said=said)), key="tags")
    curate.show_curation(shelf, passport.item["item_id"], set(every["tag"]))
    with states.frame():
        show_rerank(shelf, _item(passport), every)
    if comparing:
        _show_agreement(shelf, passport, list(every.loc[every["asserted"], "tag"]))
    return rows


def _show_seen(shelf: Shelf, passport: explore.Passport) -> None:
    """Whether the tagger knew this SKU's tags: how far its probabilities here can be believed."""
    words = SEEN.get(explore.part_of(shelf.catalogue, passport.item["item_id"]))
    if words:
        show(html('<p class="sw-note"><b>{}</b> {}</p>', *words), key="seen")


def _item(passport: explore.Passport) -> ItemText:
    return ItemText(passport.item["item_id"], passport.item["category"], tuple(passport.reviews["text"]))


def _show_agreement(shelf: Shelf, passport: explore.Passport, asserted: list[str]) -> None:
    """Asserted tags beside given ones."""
    if passport.given.empty:
        note = "Nobody gave this SKU tags, so there is nothing to compare with."
        show(html('<p class="sw-note">{}</p>', note), key="given")
        return
    compared = explore.agreement(asserted, list(passport.given["tag"]))
    title = html('<div class="sw-section"><h3>Beside the given tags</h3></div>')
    show(html("{}{}", title, tags.agreement(compared)), key="given")


def _show_evidence(shelf: Shelf, passport: explore.Passport, predicted: pd.DataFrame | None) -> Evidence | None:
    """What speaks for and against the chosen tag. None when no tag is chosen or there is nothing to weigh."""
    tag = links.get("tag")
    if not tag or shelf.tagger is None or predicted is None or passport.reviews.empty:
        return None
    if tag not in set(predicted["tag"]):
        raise UnknownNameError("tag", tag, predicted["tag"])
    found = cache.evidence(shelf.workspace, shelf.tagger, _item(passport), tuple(predicted["tag"]))[tag]
    close = html('<a class="sw-link sw-small" href="{}">Show the reviews without marks</a>', links.link(tag=None))
    title = html(_TITLE, f"Why “{tag}”")
    show(html("{}{}{}<p>{}</p>", title, reviews.evidence_head(found), reviews.against(found), close), key="evidence")
    return found


def _show_reviews(passport: explore.Passport, found: Evidence | None) -> None:
    """The reviews in the chosen order, the first few unless all are asked for."""
    total = len(passport.reviews)
    orders = reviews.orders(passport.reviews, found)
    first = next(iter(orders))
    asked = links.get("order") if links.get("order") in orders else first
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            count = html('Reviews <span class="sw-quiet sw-num">{:,}</span>', total)
            show(html(_TITLE, count), key="reviews-title")
        if total > 1 and len(orders) > 1:
            bound = links.bind("order", asked, first)
            said = "Order of reviews"
            st.selectbox(said, list(orders), format_func=orders.get, label_visibility="collapsed", width=170, **bound)
    if not total:
        note = "Nobody has reviewed this SKU yet: a tagger can only go by its category."
        show(html('<p class="sw-note">{}</p>', note), key="reviews")
        return
    ordered = reviews.order(passport.reviews, asked, found)
    shown = ordered if links.get("all") else ordered.head(REVIEWS_SHOWN)
    more = html('<a class="sw-link" href="{}">Show all {:,} reviews</a>', links.link(all=1), total)
    show(html("{}{}", reviews.listed(shown, found), more if len(shown) < total else ""), key="reviews")
