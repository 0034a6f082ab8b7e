"""One (SKU, tag) to decide: what it is, its buttons with their keys, and what the reviews say for and against it."""

from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine import explore
from engine.decisions import Pair
from engine.errors import UnknownNameError
from engine.review import QUEUES
from engine.schema import ItemText
from pages.parts import cache, cards, deciding, links, reviews, states
from pages.parts.charts import meter, percent
from pages.parts.curate import show_decisions
from pages.parts.markup import html, show
from pages.parts.shelf import Shelf

REVIEWS_SHOWN = 5


@dataclass(frozen=True)
class Chosen:
    """The pairs of the chosen queue and filters, and among them those that are left to decide in this session."""

    name: str
    rows: pd.DataFrame
    left: pd.DataFrame


def show_pair(shelf: Shelf, chosen: Chosen) -> None:
    """The pair that the address names, or the next one that is left, with its buttons and its evidence."""
    pair = (links.get("sku"), links.get("tag"))
    if not all(pair):
        if chosen.left.empty:
            _show_done(chosen)
            return
        pair = pairs_of(chosen.left)[0]
        links.settle(sku=pair[0], tag=pair[1])
    passport = explore.passport(cache.queries(shelf.workspace), pair[0])
    row = _row_of(shelf, chosen, pair)
    left, right = st.columns([5, 7], gap="large")
    with left:
        show(_about(shelf, passport.item, row), key="pair")
        _buttons(shelf, pair)
        show_decisions(shelf, pair[0])
    with right, states.frame():
        _show_evidence(shelf, passport, row)


def _row_of(shelf: Shelf, chosen: Chosen, pair: Pair) -> dict:
    """What is known of the pair: from the list, or else from the tagger's predictions.

    Raises UnknownNameError for a tag that neither the tagger nor anybody ever gave.
    """
    for rows in (chosen.rows, cache.predictions(shelf.workspace, shelf.tagger)):
        found = rows[(rows["item_id"] == pair[0]) & (rows["tag"] == pair[1])]
        if len(found):
            return {"why": "", **found.iloc[0].to_dict()}
    predictions, decided = cache.predictions(shelf.workspace, shelf.tagger), cache.decided(shelf.workspace)
    same = predictions[predictions["tag"] == pair[1]]
    if same.empty and pair[1] not in set(decided["tag"]):
        raise UnknownNameError("tag", pair[1], {*predictions["tag"].unique(), *decided["tag"]})
    threshold = float("nan") if same.empty else same["threshold"].iloc[0]
    return {"item_id": pair[0], "tag": pair[1], "probability": 0.0, "threshold": threshold, "why": ""}


def _about(shelf: Shelf, item: dict, row: dict) -> Markup:
    """The SKU, the tag, its probability beside its threshold, and why it is in the list."""
    known = row["threshold"] == row["threshold"]
    said = percent(row["probability"]) if row["probability"] else "less than 1 %"
    bar = html(
        '<span class="sw-far">{}<span class="sw-note">{} by {}, asserted from {}</span></span>',
        meter(row["probability"], mark=row["threshold"]),
        said,
        shelf.tagger.name,
        percent(row["threshold"]),
    )
    return html(
        '<a class="sw-item {}" href="{}" aria-label="Open {} in the SKU explorer">{}<span>'
        '<strong class="sw-clip">{}</strong><span class="sw-meta">{} · {}</span></span></a>'
        '<h2 class="sw-asked">“{}”</h2>{}<p class="sw-note">{}</p>',
        "" if shelf.pictures else "sw-plain",
        links.link("sku", sku=item["item_id"], tagger=links.get("tagger") or None),
        item["title"],
        cards.image(shelf.workspace.path, item),
        item["title"],
        cards.category(item["category"]),
        item["item_id"],
        row["tag"],
        bar if known else html('<p class="sw-note">{} doesn’t know this tag.</p>', shelf.tagger.name),
        f"Here because: {row['why']}" if row["why"] else "",
    )


def _buttons(shelf: Shelf, pair: Pair) -> None:
    """Confirm, reject, skip, rename and undo, each with its key. Keys of widgets hold the pair: a late click on the
    buttons of the pair before doesn't decide this one."""
    then = links.link(sku=None, tag=None)  # the first pair that is left then
    place = "-".join(pair)
    workspace = shelf.workspace
    with st.container(horizontal=True, gap="small", key="decide"):
        act = partial(deciding.decide, workspace, "confirm", [pair], then=then)
        st.button("Confirm", key=f"yes-{place}", type="primary", icon=":material/check:", shortcut="Y", on_click=act)
        act = partial(deciding.decide, workspace, "reject", [pair], then=then)
        st.button("Reject", key=f"no-{place}", icon=":material/close:", shortcut="N", on_click=act)
        act = partial(_skip, pair, then)
        st.button("Skip", key=f"skip-{place}", icon=":material/skip_next:", shortcut="S", on_click=act)
        if st.button("Rename", key=f"rename-{place}", icon=":material/edit:", shortcut="E"):
            deciding.rename(workspace, pair, then=then)
        deciding.undo_button(workspace, follow=True)
    deciding.choose_reason()


def _skip(pair: Pair, then: str) -> None:
    """Leave the pair for later in this session."""
    st.session_state["skipped"].add(pair)
    links.follow(then)


def _show_done(chosen: Chosen) -> None:
    """Nothing is left: everything is done, or only what was skipped, or the queue is empty."""
    waiting = int((~chosen.rows["done"]).sum())
    ways = (
        {"All categories and tags": links.link(category=None, only=None)}
        if links.get("category") or links.get("only")
        else {}
    )
    if waiting:
        states.empty("Only skipped ones are left", f"You skipped {waiting:,} of this list.", ways, key="queue")
        st.button("Look at them again", on_click=st.session_state["skipped"].clear, icon=":material/replay:")
    elif len(chosen.rows):
        states.empty("All done", "Every tag of this list is decided. Choose another queue above.", ways, key="queue")
    else:
        states.empty("Nothing in this queue", f"What would be here: {QUEUES[chosen.name].about}.", ways, key="queue")


def _show_evidence(shelf: Shelf, passport: explore.Passport, row: dict) -> None:
    """What the reviews say for and against the tag: counter-evidence apart, then the reviews that say most."""
    if passport.reviews.empty or row["threshold"] != row["threshold"]:
        why = (
            "Nobody has reviewed this SKU yet."
            if passport.reviews.empty
            else "A tagger that doesn’t know a tag has no evidence."
        )
        show(html('<p class="sw-note">{}</p>', why), key="evidence")
        listed = reviews.order(passport.reviews, "newest", None).head(REVIEWS_SHOWN)
        show(reviews.listed(listed, None), key="reviews")
        return
    item = ItemText(passport.item["item_id"], passport.item["category"], tuple(passport.reviews["text"]))
    found = cache.evidence(shelf.workspace, shelf.tagger, item, (row["tag"],))[row["tag"]]
    title = html('<div class="sw-section"><h2>What the reviews say</h2></div>')
    show(html("{}{}{}", title, reviews.evidence_head(found), reviews.against(found)), key="evidence")
    shown = reviews.order(passport.reviews, "evidence", found).head(REVIEWS_SHOWN)
    all_of_them = links.link("sku", sku=item.item_id, all=1)
    more = html('<a class="sw-link" href="{}">All {:,} reviews</a>', all_of_them, len(passport.reviews))
    rest = more if len(shown) < len(passport.reviews) else ""
    show(html("{}{}", reviews.listed(shown, found), rest), key="reviews")


def pairs_of(rows: pd.DataFrame) -> list[Pair]:
    """The (SKU, tag) pairs of a queue's rows, in order."""
    return list(zip(rows["item_id"].tolist(), rows["tag"].tolist(), strict=True))
