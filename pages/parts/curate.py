"""People's decisions in the explorer: on one SKU's tags, and on all SKUs of the filtered list at once."""

from collections.abc import Collection, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from engine.decisions import MAX_TAG, Decisions, Pair
from engine.workspace import Workspace
from pages.parts import cache, deciding, links, verdicts
from pages.parts.markup import html, show
from pages.parts.shelf import Shelf


def show_curation(shelf: Shelf, sku: str, known: Collection[str] = ()) -> None:
    """Confirm, reject or rename the chosen tag when it is among `known`, add another, undo; then what people said."""
    deciding.show_said()
    tag, workspace = links.get("tag"), shelf.workspace
    with st.container(horizontal=True, gap="small", key="curate"):
        if tag in known:
            act = partial(deciding.decide, workspace, "confirm", [(sku, tag)], then=None)
            st.button("Confirm", key=f"yes-{sku}-{tag}", icon=":material/check:", shortcut="Y", on_click=act)
            act = partial(deciding.decide, workspace, "reject", [(sku, tag)], then=None)
            st.button("Reject", key=f"no-{sku}-{tag}", icon=":material/close:", shortcut="N", on_click=act)
            if st.button("Rename", key=f"rename-{sku}-{tag}", icon=":material/edit:", shortcut="E"):
                deciding.rename(workspace, (sku, tag), then=None)
        deciding.undo_button(workspace, follow=False)
        with st.popover("Add a tag", icon=":material/add:"):
            _choose_tag(shelf, key="add-tag")
            st.button("Add", key="add", on_click=partial(_add, workspace, [sku]), disabled=not _chosen("add-tag"))
        with st.popover("Who and why", icon=":material/person:"):
            deciding.choose_name()
            deciding.choose_reason()
    show_decisions(shelf, sku)


def show_decisions(shelf: Shelf, sku: str) -> None:
    """What people said of this SKU's tags so far."""
    history = Decisions(shelf.workspace).history(sku)
    if len(history):
        decided = cache.decided(shelf.workspace)
        mine = decided[decided["item_id"] == sku]
        title = html('<div class="sw-section"><h3>Decided on this SKU</h3></div>')
        show(html("{}{}{}", title, verdicts.counts(mine), verdicts.history(history)), key="decided")


def on_sku(shelf: Shelf, sku: str) -> dict[str, str]:
    """The verdicts that count on a SKU, by tag."""
    decided = cache.decided(shelf.workspace)
    mine = decided[decided["item_id"] == sku]
    return dict(zip(mine["tag"], mine["verdict"], strict=True))


def show_bulk(shelf: Shelf, found: pd.DataFrame) -> None:
    """Decide on one tag for all SKUs of the filtered list: the number is known before, one undo takes all back."""
    if shelf.tagger is None:
        return
    with st.popover("Tag them all", icon=":material/done_all:"):
        deciding.choose_name()
        _choose_tag(shelf, key="bulk-tag")
        tag = _chosen("bulk-tag")
        if tag:
            _bulk_buttons(shelf, found, tag)
        deciding.undo_button(shelf.workspace, follow=False)


def _bulk_buttons(shelf: Shelf, found: pd.DataFrame, tag: str) -> None:
    rows = cache.predictions(shelf.workspace, shelf.tagger)
    rows = rows[(rows["tag"] == tag) & (rows["probability"] >= rows["threshold"])]
    here = found["item_id"]
    with_it, without = here[here.isin(rows["item_id"])], here[~here.isin(rows["item_id"])]
    said = f"Of the {len(here):,} SKUs in this list, {shelf.tagger.name} asserts it on {len(with_it):,}."
    show(html("<p>{}</p>", said), key="bulk-said")
    choices = (
        ("confirm", "Confirm it on these", with_it),
        ("reject", "Reject it on these", with_it),
        ("add", "Add it to the other", without),
    )
    for verb, label, items in choices:
        pairs: Sequence[Pair] = [(item, tag) for item in items]
        act = partial(deciding.decide, shelf.workspace, verb, pairs, then=None)
        st.button(f"{label} {len(pairs):,}", key=f"bulk-{verb}", on_click=act, disabled=not pairs)


def _add(workspace: Workspace, items: Sequence[str]) -> None:
    tag = _chosen("add-tag")
    deciding.decide(workspace, "add", [(item, tag) for item in items], then=None)


def _choose_tag(shelf: Shelf, *, key: str) -> None:
    """A field for a tag: one that is known, or a new one."""
    known: list[str] = []
    if shelf.tagger:
        known = sorted(cache.predictions(shelf.workspace, shelf.tagger)["tag"].unique())
    st.selectbox("Tag", known, index=None, accept_new_options=True, placeholder="Choose or write one", key=key)


def _chosen(key: str) -> str:
    return str(st.session_state.get(key) or "").strip()[:MAX_TAG]
