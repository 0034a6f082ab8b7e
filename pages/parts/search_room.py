"""What the parts of the product search share: the documents, what is asked, by whom it is answered, the filters."""

from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from engine.errors import UnknownNameError
from engine.search.documents import Documents
from engine.search.filters import Facets, Filters
from engine.search.hits import Hit, is_guess, is_weak
from engine.search.query import QueryAnalysis
from engine.search.registry import RETRIEVERS
from engine.workspace import Workspace
from pages.parts import links, search_cache, search_filters
from pages.parts.markup import html, icon, show

BEST = "second_stage"
SELECT = 165  # pixels: two stand side by side on a phone
DEPTH = 100  # hits that are looked for; pages, comparison and export show these


@dataclass(frozen=True)
class Room:
    """A workspace's search as the address asks for it. by, beside: names of retrievers, beside "" for none."""

    workspace: Workspace
    documents: Documents
    facets: Facets
    filters: Filters
    query: str
    by: str
    beside: str

    @cached_property
    def analysis(self) -> QueryAnalysis:
        """The query as retrievers read it."""
        return search_cache.reader(self.workspace).read(self.query)

    @property
    def asked(self) -> str:
        """What is looked for: the query, corrected."""
        return self.analysis.text

    def hits(self, name: str) -> tuple[Hit, ...]:
        """The hits by the retriever called `name`."""
        return search_cache.hits(self.workspace, name, self.query, self.filters, DEPTH)

    def contributions(self, hit: Hit) -> dict[str, float]:
        """What each feature added to the score of a hit of `by`."""
        return search_cache.contributed(self.workspace, self.by, self.query, self.filters, hit.item_id)

    def guessed(self, hits: tuple[Hit, ...]) -> bool:
        """Whether nothing speaks for any of `hits`, and nobody asked for them all the same."""
        return is_guess(hits, self.analysis) and not links.get("all")

    def weak(self, hits: tuple[Hit, ...]) -> bool:
        """Whether even the best of `hits` are poor."""
        return is_weak(hits, self.analysis)


def open_room(workspace: Workspace) -> Room:
    """The search that the address names.

    Raises NotBuiltError with the command when documents are missing, UnknownNameError with the nearest name for a
    retriever, category, tag or brand that doesn't exist, DataError for a limit that is no number.
    """
    documents = search_cache.documents(workspace)
    filters = search_filters.from_address()
    search_cache.eligible(workspace, filters)  # raises for names that no document has
    by = links.get("by") or search_cache.best(workspace)
    beside, known = links.get("beside"), search_cache.retrievers(workspace)
    for name in (by, beside):
        if name and name not in known:
            raise UnknownNameError("retriever", name, known)
    return Room(workspace, documents, search_cache.offered(workspace), filters, links.get("q").strip(), by, beside)


def choose_retrievers(room: Room) -> None:
    """Which retriever answers, and which one beside it."""
    names = list(search_cache.retrievers(room.workspace))
    about = {name: f"{label(name)}: {part.about}" for name, part in RETRIEVERS.parts.items()}
    default = search_cache.best(room.workspace)
    bound = links.bind("by", room.by, default, drop=("above",))
    st.selectbox("Answered by", names, format_func=label, width=SELECT, help="\n\n".join(about.values()), **bound)
    others = ["", *(name for name in names if name != room.by)]
    bound = links.bind("beside", room.beside if room.beside in others else "", "", drop=("sku", "above"))
    st.selectbox(
        "Beside it", others, format_func=lambda name: label(name) if name else "Nothing", width=SELECT, **bound
    )


def label(name: str) -> str:
    """A retriever as people read it."""
    known = {"bm25": "Words (BM25)", "dense": "Meaning", "hybrid": "Words and meaning", "popular": "Popularity"}
    base, _, encoder = name.partition(search_cache.WITH)
    said = known.get(base, base.replace("_", " ").capitalize())
    return f"{said}, {encoder}" if encoder else said


def show_notices(room: Room, *, guessed: bool) -> None:
    """What isn't built or not as it should be, what was corrected, and where the query says little.

    guessed: whether the hits are only guesses, which the page says in their place.
    """
    analysis, said = room.analysis, ""
    if search_cache.outdated(room.workspace):
        said = "The tables have changed since this search was built; build it again for their present items:"
    elif search_cache.best(room.workspace) != BEST:
        said = f"Only a part of the search is built, and “{label(room.by)}” answers meanwhile; build the rest:"
    if said:
        command = search_cache.BUILD_COMMAND.format(name=room.workspace.name)
        note = html('<p class="sw-note" role="status">{} {} <code>{}</code></p>', icon("history"), said, command)
        show(note, key="outdated")
    if analysis.instead:
        said = analysis.instead[0].upper() + analysis.instead[1:]
        show(html('<p class="sw-note" role="status">{} {}</p>', icon("spellcheck"), said), key="corrected")
    for name in filter(None, (room.by, room.beside)):
        if problem := search_cache.problem(room.workspace, name):
            show(html('<p class="sw-note" role="status">{} {}</p>', icon("error"), problem), key=f"problem-{name}")
    if analysis.message and analysis.text and not guessed:
        show(html('<p class="sw-note" role="status">{} {}</p>', icon("info"), analysis.message), key="message")
