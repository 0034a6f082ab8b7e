"""Tag review: queues of predicted tags that people should look at, one (SKU, tag) at a time with its evidence."""

from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from engine import review
from engine.decisions import Decisions
from engine.errors import NotBuiltError, UnknownNameError
from engine.review import QUEUES
from engine.tags.predictor import train_command
from pages.parts import cache, cards, deciding, export, golden, links, shell, states
from pages.parts.charts import meter
from pages.parts.markup import html, join, show
from pages.parts.pair import Chosen, pairs_of, show_pair
from pages.parts.shelf import Shelf, open_shelf, tagger_switch

NEXT = ("sku", "tag")  # left out of the address when the list changes: the first pair of the new list is shown


def main() -> None:
    """Queues and filters, then the pair to decide beside its evidence, then what was decided last."""
    shelf = open_shelf(shell.workspace())
    show(html('<div class="sw-head"><h1>Tag review</h1></div>'), key="title")
    if shelf.tagger is None:
        raise NotBuiltError("A tagger", train_command(shelf.workspace, "linear"))
    queues = open_queues(shelf)
    name = links.get("queue") or next(iter(QUEUES))
    if name not in QUEUES:
        raise UnknownNameError("queue", name, QUEUES, labels={key: one.label for key, one in QUEUES.items()})
    show(chips(queues, name), key="queues")
    chosen = choose(shelf, name, queues[name])
    deciding.show_said()
    with states.frame():
        show_pair(shelf, chosen)
    left, right = st.columns(2, gap="large")
    with left:
        deciding.show_last(shelf.workspace)
    with right:
        golden.show_gold(shelf)
    golden.open_rows(shelf)


def open_queues(shelf: Shelf) -> dict[str, pd.DataFrame]:
    """Each queue's pairs, of the category that the address names."""
    rows = shelf.catalogue.rows
    category = links.get("category")
    if category and category not in shelf.catalogue.categories:
        raise UnknownNameError("category", category, shelf.catalogue.categories)
    here = set(rows.loc[rows["category"] == category, "item_id"]) if category else None
    found = cache.candidates(shelf.workspace, shelf.tagger, list(shelf.taggers.values()))
    decided = cache.decided(shelf.workspace)
    queues = {name: review.queue(name, found, decided) for name in QUEUES}
    return {name: rows[rows["item_id"].isin(here)] if here is not None else rows for name, rows in queues.items()}


def chips(queues: dict[str, pd.DataFrame], current: str) -> Markup:
    """The queues as chips with how many pairs are left in each."""
    listed = join(
        html(
            '<a class="sw-chip {}" href="{}"{} title="{}">{} <b class="sw-num">{:,}</b></a>',
            "sw-on" if name == current else "",
            links.link(queue=name, only=None, sku=None, tag=None),
            Markup(' aria-current="true"') if name == current else "",
            QUEUES[name].about,
            QUEUES[name].label,
            int((~rows["done"]).sum()),
        )
        for name, rows in queues.items()
    )
    return html('<nav class="sw-chips sw-ask" aria-label="Queues">{}</nav>', listed)


def choose(shelf: Shelf, name: str, rows: pd.DataFrame) -> Chosen:
    """The filters by category, tag and tagger, the name, and how far the list is done."""
    counts = rows.loc[~rows["done"], "tag"].value_counts()
    tags = ["", *sorted(counts.index, key=lambda tag: (-counts[tag], tag))]
    only = links.get("only")
    tags += [only] if only not in tags else []
    categories, category = ["", *shelf.catalogue.categories], links.get("category")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="review-controls"):
        bound = links.bind("category", category, "", drop=NEXT)
        said = {"format_func": lambda one: cards.category(one) or "All categories", "width": 180}
        st.selectbox("Category", categories, **said, **bound)
        bound = links.bind("only", only, "", drop=NEXT)
        said = {"format_func": lambda tag: f"{tag} · {counts.get(tag, 0)}" if tag else "All tags", "width": 240}
        st.selectbox("Tag", tags, **said, **bound)
        deciding.choose_name()
        tagger_switch(shelf)
    rows = rows[rows["tag"] == only] if only else rows
    skipped = st.session_state.setdefault("skipped", set())
    later = [pair in skipped for pair in zip(rows["item_id"], rows["tag"], strict=True)]
    chosen = Chosen(name, rows, rows[~rows["done"] & ~pd.Series(later, index=rows.index, dtype=bool)])
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(rows):
            with st.container(width="stretch"):
                show(far(chosen), key="progress")
        bulk(shelf, chosen)
        export_button(shelf)
    return chosen


def far(chosen: Chosen) -> Markup:
    """How far the list is done, as a bar and in words."""
    done = review.progress(chosen.rows)
    return html(
        '<div class="sw-far">{}<p class="sw-note"><b class="sw-num">{:,}</b> of <b class="sw-num">{:,}</b> done · {}'
        "</p></div>",
        meter(done.share),
        done.done,
        done.total,
        QUEUES[chosen.name].about,
    )


def bulk(shelf: Shelf, chosen: Chosen) -> None:
    """Confirm or reject all that is left of the list; the number is known before, and one undo takes all back."""
    pairs = pairs_of(chosen.left)
    if len(pairs) < 2:
        return
    with st.popover("All of them", icon=":material/done_all:"):
        said = f"{len(pairs):,} pairs of SKU and tag are left in this list: {chosen.left['item_id'].nunique():,} SKUs, "
        said += f"{chosen.left['tag'].nunique():,} tags. One click decides them all, one undo takes it back."
        show(html("<p>{}</p>", said), key="bulk-said")
        then = links.link(sku=None, tag=None)
        for verb, label in (("confirm", "Confirm all"), ("reject", "Reject all")):
            act = partial(deciding.decide, shelf.workspace, verb, pairs, then=then)
            st.button(f"{label} {len(pairs):,}", key=f"bulk-{verb}", on_click=act)


def export_button(shelf: Shelf) -> None:
    """The whole log of decisions as CSV, with what was undone."""
    decisions = Decisions(shelf.workspace)
    if decisions.version() != "0-0":
        make = lambda: decisions.history().assign(workspace=shelf.workspace.name)  # noqa: E731
        export.button("Export decisions", make, name=f"{shelf.workspace.name}-decisions", key="export")


main()
