"""What the product search keeps between reruns: documents, retrievers with their models, hits, and what explains them.

Beside cache.py and recommend_cache.py the only place with Streamlit's caches. Keys hold the versions of everything
that search reads, so what a script builds is seen at once and old entries age out. The models load once for all
sessions, with the first query.
"""

from collections.abc import Sequence
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

import pandas as pd
import streamlit as st

from engine import searching
from engine.artifacts import ArtifactStore
from engine.asked import Asked, query_key
from engine.errors import ArtifactError, ShelfwiseError
from engine.judging import Judging, Judgment, good_answers
from engine.search.documents import KIND, NAME, Documents, read_documents
from engine.search.encoders import EMBEDDED
from engine.search.explain import Quote, closest_by_meaning, closest_by_words
from engine.search.filters import Facets, Filters, Mask, facets
from engine.search.finders import Finder, find_finders
from engine.search.hits import Hit, contributions, find_hits, similar_items
from engine.search.query import QueryReader
from engine.search.registry import RETRIEVERS
from engine.search.suggestions import Suggester
from engine.search.terms import terms
from engine.workspace import Workspace
from pages.parts import cache

MOST_SUGGESTED = 2_000  # asked and judged queries each
WITH = "@"  # between a retriever and the encoder whose vectors it searches
QUOTED = 3  # sentences close in meaning
MOST_ASKED = 20  # queries asked here that are tried on an item
MOST_READ = 200  # newest reviews of an item that a sentence is looked for in
KINDS = ("documents", "embeddings", "index", "bm25", "search")  # of the artifacts that search reads
BEST = (("second_stage", "search"), ("dense", "index"), ("bm25", "documents"))  # and the artifact that each needs
BUILD_COMMAND = ".venv/bin/python scripts/build_search.py --workspace {name}"
MADE_OF = ("items", "reviews", "tags")  # the tables that documents are made of

_ITEMS = """
SELECT item_id, title, category, subcategory, brand, price, available, image, reviews, rating
FROM facts WHERE item_id IN (SELECT unnest(?))
"""
_REVIEWS = """
SELECT item_id, review_id, text FROM reviews WHERE item_id IN (SELECT unnest(?))
QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY timestamp DESC NULLS LAST, review_id) <= ?
ORDER BY item_id, timestamp DESC NULLS LAST, review_id
"""


def documents(workspace: Workspace) -> Documents:
    """The documents that are searched; shared between sessions, so never change them."""
    return _documents(workspace, _version(workspace))


def outdated(workspace: Workspace) -> bool:
    """Whether the tables have changed since the documents were made of them."""
    made = ArtifactStore(workspace).card(KIND, NAME, documents(workspace).version)
    return bool(made.data_hash) and made.data_hash != workspace.data_hash(*MADE_OF)


def offered(workspace: Workspace) -> Facets:
    """What can be filtered by; shared between sessions, so never change it."""
    return _facets(workspace, _version(workspace))


def eligible(workspace: Workspace, filters: Filters) -> Mask | None:
    """Which documents pass, None for all. Raises UnknownNameError for a name that no document has."""
    return _eligible(workspace, filters, _version(workspace)) if filters.active else None


def retriever(workspace: Workspace, name: str) -> Any:
    """An open retriever with its models; shared between sessions. Raises NotBuiltError with the command."""
    return _retriever(workspace, name, _version(workspace))


def warm(workspace: Workspace, name: str) -> None:
    """Load in the background what the first query by `name` needs: models take seconds, in which people type."""
    _opened(workspace, _version(workspace)).warm(workspace, name)


def reader(workspace: Workspace) -> QueryReader:
    """What reads queries: corrections and terms, by the words of the catalogue."""
    return retriever(workspace, "bm25").reader


def hits(workspace: Workspace, name: str, query: str, filters: Filters, k: int) -> tuple[Hit, ...]:
    """The `k` best hits of `query` by the retriever called `name` among the items that pass."""
    return _hits(workspace, name, query, filters, k, _version(workspace))


def contributed(workspace: Workspace, name: str, query: str, filters: Filters, item_id: str) -> dict[str, float]:
    """What each feature added to the score of one hit of `query`, by the retriever called `name`."""
    return _contributed(workspace, name, query, filters, item_id, _version(workspace))


def items(workspace: Workspace, item_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What cards show of each item, by id: of the present catalogue, with the documents' tags and keywords."""
    return _items(workspace, tuple(item_ids), (*_version(workspace), workspace.data_hash()))


def quotes(workspace: Workspace, query: str, item_ids: Sequence[str]) -> dict[str, Quote]:
    """For each item the review sentence that holds most words of the query, by id."""
    return _quotes(workspace, query, tuple(item_ids), (str(workspace.path), workspace.data_hash()))


def meant(workspace: Workspace, name: str, query: str, item_id: str) -> tuple[Quote, ...]:
    """The item's sentences nearest in meaning, by the encoder of the retriever called `name`; none without one."""
    if dense_of(retriever(workspace, name)) is None:
        return ()
    return _meant(workspace, name, query, item_id, (*_version(workspace), workspace.data_hash()))


def problem(workspace: Workspace, name: str) -> str:
    """What is wrong with the index of the retriever called `name`, and the way out; empty when nothing is."""
    dense = dense_of(retriever(workspace, name))
    return dense.index.problem or "" if dense else ""


def similar(workspace: Workspace, item_id: str, k: int) -> tuple[tuple[str, float], ...]:
    """The `k` nearest other items with the cosine of their documents."""
    return _similar(workspace, item_id, k, _version(workspace))


def finders(workspace: Workspace, name: str, item_id: str, k: int) -> tuple[Finder, ...]:
    """The queries that should or could find an item, and its place among the `k` best hits of each by `name`."""
    people = Judging(workspace).current()
    good = people.loc[(people["item_id"] == item_id) & (people["verdict"] == "good"), "query"]
    asked = Asked(workspace).answered(MOST_ASKED)["query"]
    version = (*_version(workspace), workspace.data_hash("judgments"))
    return _finders(workspace, name, item_id, k, (tuple(good), tuple(asked)), version)


def judged(workspace: Workspace, query: str) -> dict[str, Judgment]:
    """What people said of the query's hits so far; read anew each time, as others judge at once."""
    return Judging(workspace).of(query)


def known_answers(workspace: Workspace, query: str) -> tuple[str, ...]:
    """Items that the judgments table calls good answers to the query, best first; none where nobody judged it."""
    return _known(workspace, (str(workspace.path), workspace.data_hash("judgments"))).get(query_key(query), ())


def judged_queries(workspace: Workspace) -> list[str]:
    """Queries of the judgments table, in its order."""
    return _judged_queries(workspace, str(workspace.path), workspace.data_hash("judgments"))


def suggester(workspace: Workspace) -> Suggester:
    """Completes queries. What is asked meanwhile is seen after the next build or import."""
    return _suggester(workspace, (*_version(workspace), workspace.data_hash()))


def retrievers(workspace: Workspace) -> tuple[str, ...]:
    """Names of the retrievers: those of the table and, for each further encoder with an index, "dense@ENCODER" and so
    on as far as they are built with it."""
    store = ArtifactStore(workspace)
    names = list(RETRIEVERS.parts)
    for slug in store.names("index"):
        try:
            card = store.card("index", slug, store.current("index", slug, command=BUILD_COMMAND))
        except ArtifactError:
            continue  # whoever opens it is told what is wrong
        encoder = str(card.config.get("encoder", EMBEDDED))
        trained = ("hybrid", "second_stage") if slug in store.names("search") else ()
        names += [f"{name}{WITH}{encoder}" for name in ("dense", *trained)] if encoder != EMBEDDED else []
    return tuple(names)


def best(workspace: Workspace) -> str:
    """The retriever that answers unless another is chosen: the best of those that are built."""
    store = ArtifactStore(workspace)
    return next((name for name, kind in BEST if store.names(kind)), BEST[-1][0])


def versions(workspace: Workspace) -> tuple[str, ...]:
    """The versions of all artifacts that search reads."""
    store = ArtifactStore(workspace)
    names = [(kind, name) for kind in KINDS for name in store.names(kind)]
    return tuple(f"{kind} {name} {store.current(kind, name, command=BUILD_COMMAND)}" for kind, name in names)


def _version(workspace: Workspace) -> tuple[str, ...]:
    return (str(workspace.path), *versions(workspace))


@st.cache_resource(max_entries=2, show_spinner="Reading documents…")
def _documents(_workspace: Workspace, version: tuple[str, ...]) -> Documents:
    return read_documents(_workspace)


@st.cache_resource(max_entries=2, show_spinner="Counting…")
def _facets(_workspace: Workspace, version: tuple[str, ...]) -> Facets:
    return facets(documents(_workspace).frame)


@st.cache_data(max_entries=64, show_spinner=False)
def _eligible(_workspace: Workspace, filters: Filters, version: tuple[str, ...]) -> Mask:
    return filters.mask(documents(_workspace).frame)


def dense_of(opened: Any) -> Any:
    """The dense retriever that `opened` is or searches with; None where it has none."""
    while opened is not None and not hasattr(opened, "similar"):
        opened = getattr(opened, "hybrid", None) or getattr(opened, "dense", None)
    return opened


class _Opened:
    """Retrievers that are open. Those that others search with are theirs, so a model is loaded once for all."""

    def __init__(self) -> None:
        self._lock, self._found, self._warmed = Lock(), dict[str, Any](), False

    def get(self, workspace: Workspace, name: str) -> Any:
        with self._lock:
            if name not in self._found:
                base, at, encoder = name.partition(WITH)
                opened = searching.open_retriever(workspace, base, encoder=encoder or EMBEDDED)
                hybrid = getattr(opened, "hybrid", None)
                parts = {f"hybrid{at}{encoder}": hybrid, f"dense{at}{encoder}": dense_of(opened)}
                parts["bm25"] = getattr(hybrid or opened, "bm25", None)
                self._found |= {part: made for part, made in parts.items() if made is not None}
                self._found[name] = opened
            return self._found[name]

    def warm(self, workspace: Workspace, name: str) -> None:
        """Open a retriever and ask it once, in the background and only the first time that this is called."""
        if not self._warmed:
            self._warmed = True
            Thread(target=self._warm, args=(workspace, name), name="warm the search", daemon=True).start()

    def _warm(self, workspace: Workspace, name: str) -> None:
        with suppress(ShelfwiseError):  # whoever asks the first query is told
            self.get(workspace, name).search(["warm"], 1)


@st.cache_resource(max_entries=2, show_spinner=False)
def _opened(_workspace: Workspace, version: tuple[str, ...]) -> _Opened:
    return _Opened()


@st.cache_resource(max_entries=10, show_spinner="Loading the search…")
def _retriever(_workspace: Workspace, name: str, version: tuple[str, ...]) -> Any:
    return _opened(_workspace, version).get(_workspace, name)


@st.cache_data(max_entries=256, show_spinner="Searching…")
def _hits(
    _workspace: Workspace, name: str, query: str, filters: Filters, k: int, version: tuple[str, ...]
) -> tuple[Hit, ...]:
    opened, stage = retriever(_workspace, name), name.partition(WITH)[0]
    return find_hits(opened, stage, query, k, eligible=eligible(_workspace, filters))


@st.cache_data(max_entries=256, show_spinner=False)
def _contributed(
    _workspace: Workspace, name: str, query: str, filters: Filters, item_id: str, version: tuple[str, ...]
) -> dict[str, float]:
    return contributions(retriever(_workspace, name), query, item_id, eligible=eligible(_workspace, filters))


@st.cache_data(max_entries=128, show_spinner=False)
def _items(_workspace: Workspace, item_ids: tuple[str, ...], version: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    frame = cache.queries(_workspace).frame(_ITEMS, list(item_ids))
    said = _said(_workspace, _version(_workspace))
    rows = {row["item_id"]: row for row in frame.astype(object).where(frame.notna(), None).to_dict("records")}
    return {
        item_id: {**rows[item_id], **{name: list(column[item_id]) for name, column in said.items()}}
        for item_id in item_ids
        if item_id in rows
    }


@st.cache_resource(max_entries=2, show_spinner=False)
def _said(_workspace: Workspace, version: tuple[str, ...]) -> dict[str, pd.Series]:
    frame = documents(_workspace).frame.set_index("item_id")
    return {name: frame[name] for name in ("tags", "keywords")}


@st.cache_data(max_entries=128, show_spinner=False)
def _quotes(_workspace: Workspace, query: str, item_ids: tuple[str, ...], version: tuple[str, ...]) -> dict[str, Quote]:
    return closest_by_words(_reviews(_workspace, item_ids), frozenset(terms(query)))


@st.cache_data(max_entries=128, show_spinner="Reading the reviews…")
def _meant(_workspace: Workspace, name: str, query: str, item_id: str, version: tuple[str, ...]) -> tuple[Quote, ...]:
    encoder, wanted = dense_of(retriever(_workspace, name)).encoder, frozenset(terms(query))
    return closest_by_meaning(_reviews(_workspace, (item_id,)), query, encoder, wanted=wanted, n=QUOTED)


@st.cache_data(max_entries=128, show_spinner=False)
def _similar(_workspace: Workspace, item_id: str, k: int, version: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    return similar_items(retriever(_workspace, "dense"), item_id, k)


@st.cache_data(max_entries=64, show_spinner="Asking the queries that could find it…")
def _finders(
    _workspace: Workspace,
    name: str,
    item_id: str,
    k: int,
    people: tuple[tuple[str, ...], tuple[str, ...]],
    version: tuple[str, ...],
) -> tuple[Finder, ...]:
    read = documents(_workspace)
    known = _known(_workspace, (str(_workspace.path), _workspace.data_hash("judgments")))
    tags = _said(_workspace, _version(_workspace))["tags"].get(item_id, ())
    title = read.frame.loc[read.frame["item_id"] == item_id, "title"]
    queries = {
        "known": [query for query, items in known.items() if item_id in items],
        "judged": people[0],
        "tag": tags,
        "title": [text for text in title if text != item_id],
        "asked": people[1],
    }
    return find_finders(retriever(_workspace, name), item_id, queries, k=k)


@st.cache_resource(max_entries=2, show_spinner=False)
def _known(_workspace: Workspace, version: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return good_answers(cache.queries(_workspace).frame("SELECT query, item_id, relevance FROM judgments"))


@st.cache_data(max_entries=4, show_spinner=False)
def _judged_queries(_workspace: Workspace, path: str, data_hash: str) -> list[str]:
    sql = "SELECT query, min(query_id) AS id FROM judgments GROUP BY query ORDER BY id"
    return [str(query) for query in cache.queries(_workspace).frame(sql)["query"]]


@st.cache_resource(max_entries=2, show_spinner=False)
def _suggester(_workspace: Workspace, version: tuple[str, ...]) -> Suggester:
    frame, asked = documents(_workspace).frame, Asked(_workspace).answered(MOST_SUGGESTED)
    known = judged_queries(_workspace)[:MOST_SUGGESTED]
    return Suggester(asked["query"], known, offered(_workspace).tags, frame["title"])


def _reviews(workspace: Workspace, item_ids: Sequence[str]) -> pd.DataFrame:
    return cache.queries(workspace).frame(_REVIEWS, list(item_ids), MOST_READ)
