"""Tour: five stories on this workspace's own data, each a few views in order, with a note for who presents it."""

import streamlit as st

from engine.errors import ShelfwiseError
from engine.tags.rerank_llm import Unavailable, llm_checker
from engine.tour import Story
from engine.workspace import DEMO_COMMAND, Workspace
from pages.parts import links, metrics_cache, recommend_cache, shell
from pages.parts.markup import html, icon, join, show


def main() -> None:
    """The stories; a presenter's notes are shown when asked for."""
    workspace = shell.workspace()
    workspace.table_path("items")
    said = "Five stories in this workspace’s own data; nothing leaves the machine, and nothing was made up for them"
    show(html('<div class="sw-head"><h1>Tour</h1><span class="sw-quiet">{}</span></div>', said), key="title")
    notes = links.get("see") == "1"
    with st.container(horizontal=True, gap="medium"):
        st.toggle("Presenter’s notes", **links.bind("see", notes, False))
        shell.mask_switch("mask-here")
    llm = not isinstance(llm_checker(workspace), Unavailable)
    found = metrics_cache.stories(workspace, _served(workspace), llm)
    shown = join(_story(number, story, notes) for number, story in enumerate(found, start=1))
    show(html('<div class="sw-stories">{}</div>', shown), key="stories")
    show(html('<p class="sw-note">Begin anew, with the demo store as it was first made:</p>'), key="reset")
    st.code(DEMO_COMMAND, language="bash", wrap_lines=True)


def _served(workspace: Workspace) -> recommend_cache.Served | None:
    """The recommender; None where it isn't trained or is damaged, which the page of recommendations says."""
    try:
        return recommend_cache.served(workspace)
    except ShelfwiseError:
        return None


def _story(number: int, story: Story, notes: bool) -> object:
    steps = join(
        html('<li><a class="sw-link" href="{}">{}</a></li>', links.link(step.page, **step.parameters), step.said)
        for step in story.steps
    )
    body = html("<ol>{}</ol>", steps) if steps else html('<p class="sw-quiet">{}</p>', story.missing)
    note = html('<p class="sw-small">{} {}</p>', icon("co_present"), story.note) if notes else ""
    return html('<section class="sw-story"><h2>{}. {}</h2>{}{}</section>', number, story.title, note, body)


main()
