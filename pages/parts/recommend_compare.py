"""Two recommenders beside each other, for one user, in the one language of comparison."""

import streamlit as st

from engine.comparison import compare_lists
from engine.errors import ArtifactError, UnknownNameError
from engine.ranking.serving import train_command
from engine.recommending.training import PIPELINE
from pages.parts import compare, links, recommend_cache, states
from pages.parts.markup import html, show
from pages.parts.recommend_cards import compared_list
from pages.parts.recommend_room import OPENED, Room, label


def show_beside(room: Room) -> None:
    """The two lists. Raises UnknownNameError for a recommender that isn't trained or doesn't exist."""
    names = recommend_cache.names(room.workspace)
    by = links.get("by", PIPELINE)
    others = [name for name in names if name != by]
    beside = links.get("beside", next(iter(others), ""))
    with st.container(horizontal=True, gap="small"):
        bound = links.bind("by", by if by in names else PIPELINE, PIPELINE, drop=("sku", "beside"))
        st.selectbox("A", names, format_func=label, width=230, **bound)
        bound = links.bind("beside", beside if beside in others else None, next(iter(others), ""), drop=tuple(OPENED))
        st.selectbox("B", others, format_func=label, width=230, **bound)
    for kind, name in (("recommender", by), ("recommender to compare with", beside)):
        if name not in names:
            raise UnknownNameError(kind, name, names)
    try:
        first, second = (recommend_cache.by_model(room.served, room.asked, name) for name in (by, beside))
    except ArtifactError as error:
        show_unfit(room, error)
        return
    compared = compare_lists(first, second)
    show(compare.summary(compared, first=recommend_cache.SHOWN), key="compared")
    for place, side, name, ids in zip(st.columns(2, gap="medium"), "AB", (by, beside), (first, second), strict=True):
        with place:
            title = html('<div class="sw-section"><h3>{}: {}</h3></div>', side, label(name))
            drawn = compared_list(room, ids, compared, side=side, current=links.get("sku"))
            nothing = html('<p class="sw-note">Has nothing for this user: it knows none of their SKUs.</p>')
            show(html("{}{}", title, drawn if ids else nothing), key=f"list-{side}")
    if not recommend_cache.rankers(room.workspace):
        said = "Nothing ranks these candidates anew yet; an ensemble is trained with"
        show(html('<p class="sw-note">{} <code>{}</code></p>', said, train_command(room.workspace)), key="no-ranker")


def show_unfit(room: Room, error: ArtifactError) -> None:
    """A ranker that can't be the second stage here: why, the command that trains one that can, and the way back."""
    ways = {"Back to the pipeline": links.link(by=None, beside=None)}
    states.empty("The candidates can’t be ranked so", str(error), ways, key="unfit")
    st.code(train_command(room.workspace), language="bash", wrap_lines=True)
