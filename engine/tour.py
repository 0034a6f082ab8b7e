"""The tour: five stories told on a workspace's own data, each a few views in order with a note for the presenter.

What a story shows is looked up (the complaint with most words behind it, the query that shares least with titles, the
run whose lead is no lead), so that it holds on any workspace, and nothing of it is made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from engine.errors import ShelfwiseError
from engine.metrics.definitions import label
from engine.metrics.significance import PairedDifference
from engine.run_values import open_values
from engine.runs import RunStore
from engine.scoreboard import ROOMS, baseline_of, difference_of, paired_values, runs_of
from engine.sql import Queries
from engine.text import terms

COMPLAINTS = ("jam", "break", "leak", "rip", "squeak", "too small", "smell", "fade")
_TAGGED = """
SELECT f.item_id, f.title, t.tag FROM (SELECT DISTINCT item_id, tag FROM tags) t JOIN facts f USING (item_id)
WHERE f.reviews > 0 ORDER BY f.reviews DESC, f.item_id, t.tag
"""
_POPULAR = """
SELECT item_id, title FROM facts WHERE events > 0 AND coalesce(available, true) ORDER BY events DESC, item_id LIMIT 1
"""
_QUERIES = """
SELECT query, string_agg(f.title, ' ') AS titles, count(*) AS n FROM judgments j JOIN facts f USING (item_id)
WHERE j.relevance > 0 GROUP BY query ORDER BY query
"""


@dataclass(frozen=True)
class Step:
    """One view of a story: what to say about it, and where it is (page and parameters)."""

    said: str
    page: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """A story: its title, the presenter's note, its steps; without steps `missing` says why."""

    key: str
    title: str
    note: str
    steps: tuple[Step, ...]
    missing: str = ""


def stories(queries: Queries, tasks: pd.DataFrame | None = None, *, llm: bool = False) -> list[Story]:
    """The five stories of a workspace.

    tasks: the rescue queue, None where it can't be made; llm: whether an LLM answers here, live or recorded.
    """
    store = RunStore(queries.workspace)
    return [_complaint(queries, llm), _query(queries), _newcomer(queries), _no_lead(store), _hidden(tasks)]


def _complaint(queries: Queries, llm: bool) -> Story:
    title = "What do customers complain about?"
    note = (
        "Open the tag and read the sentences that raised it: every prediction shows its evidence. Confirm or reject "
        "it; the decision is kept and can train the next tagger."
    )
    rows = queries.frame(_TAGGED)
    named = (rows[rows["tag"].str.contains(word)] for word in COMPLAINTS)
    found = next((some for some in named if len(some)), rows)
    if found.empty:
        return Story("complaint", title, note, (), "No SKU with reviews has a tag yet.")
    item, name, tag = (str(found[column].iloc[0]) for column in ("item_id", "title", "tag"))
    steps = (
        Step(f"“{tag}” on {name}: the sentences behind it", "sku", {"sku": item, "tag": tag}),
        _second_look(item, llm),
        Step("Decide on it, with what other taggers say", "review", {"queue": "disagree"}),
        Step(f"How well “{tag}” is told on SKUs that no tagger learned from", "metrics", {"room": "tags", "tag": tag}),
    )
    return Story("complaint", title, note, steps)


def _second_look(item: str, llm: bool) -> Step:
    """The check of a SKU's tags by an LLM; by its sentences alone where none answers."""
    by, who = ("llm", "an LLM: who answered") if llm else ("local", "the sentences alone")
    return Step(f"A second look at its tags by {who}, what moved and why", "sku", {"sku": item, "check": by})


def _query(queries: Queries) -> Story:
    title = "A query in the shopper’s own words"
    note = (
        "Of all judged queries this one shares least with the titles of what it means. Compare the lists by keywords "
        "and by meaning, and open a hit to see which words and which sentence matched."
    )
    rows = queries.frame(_QUERIES)
    if rows.empty:
        return Story("query", title, note, (), "There are no judged queries in this workspace.")
    shared = [_shared(query, titles) for query, titles in zip(rows["query"], rows["titles"], strict=True)]
    query = str(rows["query"].iloc[min(range(len(rows)), key=lambda at: (shared[at], -int(rows["n"].iloc[at])))])
    steps = (
        Step(f"“{query}” by keywords alone", "search", {"q": query, "by": "bm25"}),
        Step("The learned second stage beside it", "search", {"q": query, "by": "second_stage", "beside": "bm25"}),
        Step("What each retriever finds, over all judged queries", "metrics", {"room": "search"}),
        Step("Where the missed ones are lost", "leaks", {"room": "search"}),
    )
    return Story("query", title, note, steps)


def _shared(query: str, titles: str) -> float:
    """The share of a query's terms that its answers' titles hold."""
    asked, known = set(terms(query)), set(terms(titles))
    return len(asked & known) / len(asked) if asked else 1.0


def _newcomer(queries: Queries) -> Story:
    title = "A newcomer, one event later"
    note = (
        "A visitor without a history gets what is popular, and the page says so. Add one event: the list changes at "
        "once, without training, and names the event as its reason."
    )
    popular = queries.frame(_POPULAR)
    if popular.empty:
        return Story("newcomer", title, note, (), "There are no events in this workspace.")
    item, name = str(popular["item_id"].iloc[0]), str(popular["title"].iloc[0])
    visitor = {"user": "new visitor", "see": "what-if"}
    steps = (
        Step("Nobody knows them: popularity, named as such", "recommend", visitor),
        Step(f"They put {name} into the cart", "recommend", {**visitor, "add": f"{item}:addtocart"}),
        Step("How much worse newcomers are served, in figures", "metrics", {"room": "recommend"}),
    )
    return Story("newcomer", title, note, steps)


def _no_lead(store: RunStore) -> Story:
    title = "A run that looks better and isn’t"
    note = (
        "The figure is higher, and the interval holds 0: on these rows nobody can tell. Look at the rows that became "
        "worse in the flip book before anything is promoted."
    )
    for kind, room in ROOMS.items():
        for baseline, run, gap in _pairs(store, kind):
            if gap.difference > 0 and not gap.clear:
                models = f"{store.get(run).model} against {store.get(baseline).model}"
                said = f"{models}: {label(room.headline)} {gap.words()}"
                runs = {"room": kind, "beside": baseline, "run": run}
                steps = (
                    Step(said, "compare", runs),
                    Step("The rows that became worse", "compare", {**runs, "ask": "worse"}),
                    Step("What serves, and who let it serve", "runs", {"see": "versions"}),
                )
                return Story("no lead", title, note, steps)
    return Story("no lead", title, note, (), "Every stored run is clearly better or worse than its baseline.")


def _pairs(store: RunStore, kind: str) -> Sequence[tuple[str, str, PairedDifference]]:
    """Comparable runs of a room in its headline metric: baseline, run, difference; the closest first."""
    runs = runs_of(store, kind)
    found: list[tuple[str, str, PairedDifference]] = []
    for run in {run.model: run for run in reversed(runs)}.values():
        others = [baseline_of(runs, run), *(other for other in runs if other.model != run.model)]
        for other in [one for one in others if one is not None][:6]:
            try:
                beside = paired_values(store, run.id, other.id)
                gap = difference_of(beside, open_values(store, run.id), ROOMS[kind].headline)
            except ShelfwiseError:
                continue
            found.append((other.id, run.id, gap))
    return sorted(found, key=lambda pair: abs(pair[2].difference))


def _hidden(tasks: pd.DataFrame | None) -> Story:
    title = "A shelf that hides its best item"
    note = (
        "Customers love it and hardly a list holds it. The page says who is shown it and what keeps it away from the "
        "others; the queue ranks such SKUs by how many people they could reach."
    )
    gems = None if tasks is None else tasks[tasks["kind"] == "hidden gem"]
    if gems is None or gems.empty:
        return Story(
            "hidden",
            title,
            note,
            (),
            "Every well-liked SKU is shown as often as others are; or no recommender is trained.",
        )
    item, name = str(gems["item_id"].iloc[0]), str(gems["title"].iloc[0])
    steps = (
        Step(f"What customers say about {name}", "sku", {"sku": item}),
        Step("Who is shown it: hardly anybody", "recommend", {"sku": item}),
        Step("Everything like it, by how many people it touches", "rescue", {"ask": "hidden gem"}),
    )
    return Story("hidden", title, note, steps)
