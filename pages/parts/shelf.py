"""What the explorer's list and passport share: the tagger in use, the catalogue, and the limits on tags."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import streamlit as st

from engine import explore
from engine.errors import ShelfwiseError, UnknownNameError
from engine.tags.predictor import train_command
from engine.workspace import Workspace
from pages.parts import cache, links
from pages.parts.markup import html, icon, show

DEFAULT_TOP, MAX_TOP = 12, 30


@dataclass(frozen=True)
class Shelf:
    """A workspace as the explorer shows it: its trained taggers, the one in use, and the catalogue with its tags."""

    workspace: Workspace
    taggers: dict[str, cache.Tagger]
    tagger: cache.Tagger | None
    catalogue: explore.Catalogue

    @property
    def pictures(self) -> bool:
        """Whether any SKU has a picture; where none has, no room is kept for them."""
        return "pictures" in self.catalogue.has


def open_shelf(workspace: Workspace) -> Shelf:
    """The shelf with the tagger that the address names, or the first that is trained and whole.

    Says which trained taggers can't be used and why, and which one does better than that in use. Raises
    NotBuiltError when there are no items, UnknownNameError for a tagger that isn't trained.
    """
    workspace.table_path("items")
    found = cache.taggers(workspace)
    taggers = found.whole
    asked = links.get("tagger")
    if asked and asked not in {*taggers, *found.damaged}:
        raise UnknownNameError("tagger", asked, taggers)
    tagger = taggers.get(asked) or next(iter(taggers.values()), None)
    _name_damaged(workspace, found.damaged, tagger)
    if tagger:
        _name_better(workspace, tagger, taggers)
    return Shelf(workspace, taggers, tagger, cache.catalogue(workspace, tagger))


def _name_damaged(workspace: Workspace, damaged: Mapping[str, ShelfwiseError], used: cache.Tagger | None) -> None:
    """Say which trained taggers can't be used, why, what mends each, and which one is used."""
    for name, error in damaged.items():
        instead = f", so {used.name} is used" if used else ""
        said = html(
            '<p class="sw-said sw-against" role="status">{} The {} tagger is damaged{}</p>',
            icon("error"),
            name,
            instead,
        )
        why = html('<p class="sw-note">{} <code>{}</code></p>', error, train_command(workspace, name))
        show(html("{}{}", said, why), key=f"damaged-{name}")


def _name_better(workspace: Workspace, used: cache.Tagger, taggers: Collection[str]) -> None:
    """Say which trained tagger is best on the SKUs held out, when that isn't the one in use."""
    figures = {line.model: line.figure for line in cache.tag_runs(workspace) if line.model in taggers}
    best = max(figures, key=lambda name: figures[name], default=used.name)
    if figures.get(used.name, 1.0) < figures.get(best, 0.0):
        said = '<p class="sw-note">Tags by {}: micro-F1 {:.2f} on held-out SKUs. {} reaches {:.2f}: {}.</p>'
        way = html('<a class="sw-link" href="{}">show its tags</a>', links.link(tagger=best))
        show(html(said, used.name, figures[used.name], best.capitalize(), figures[best], way), key="better")


def tagger_switch(shelf: Shelf) -> None:
    """A switch between trained taggers, when there is more than one."""
    if shelf.tagger and len(shelf.taggers) > 1:
        first = next(iter(shelf.taggers))
        st.segmented_control(
            "Tagger",
            list(shelf.taggers),
            label_visibility="collapsed",
            required=True,
            **links.bind("tagger", shelf.tagger.name, first),
        )


def limits() -> tuple[int, float]:
    """How many tags to show at most, and from which probability, as the address says."""
    return int(links.number("top", DEFAULT_TOP, low=1, high=MAX_TOP)), links.number("min", 0.0, low=0.0, high=1.0)


def choose_limits() -> None:
    """A popover to change the limits."""
    top, minimum = limits()
    with st.popover("Limits", icon=":material/tune:"):
        st.slider("Tags at most", 1, MAX_TOP, **links.bind("top", top, DEFAULT_TOP))
        st.slider("From this probability", 0.0, 1.0, step=0.05, **links.bind("min", minimum, 0.0))
