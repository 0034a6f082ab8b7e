"""Why an item is in a user's list, by the user's own events; and why another one isn't.

An event's part in a recommendation is what the models' score loses when the event is taken out of the history: the
same question for every model, answered by asking it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.ranked import NONE
from engine.recommend.affinity import profiles
from engine.recommend.base import Recommender
from engine.recommend.catalogue import UNKNOWN
from engine.recommend.interactions import Interactions
from engine.recommend.pipeline import Gathered, Pipeline
from engine.recommend.topk import Floats

MOST_EVENTS = 100  # of a history that are taken out one by one: the newest


@dataclass(frozen=True)
class Reason:
    """One item of the user's history and its part in a recommendation: the share of the score that it carries."""

    item_id: str
    share: float


@dataclass(frozen=True)
class Why:
    """Why one item was recommended to one user.

    reasons: the user's items that raised it, strongest first; category: the deepest category of the item in which the
    user has a history, and the share of their weight there ("" and 0 when there is none); popularity: the share of
    items that are less popular.
    """

    item_id: str
    reasons: tuple[Reason, ...]
    category: str
    category_share: float
    popularity: float


@dataclass(frozen=True)
class WhyNot:
    """Why an item is not in a list: the stage that lost it, and that in a sentence.

    ranks: where the item isn't a candidate, its rank by each source that learned it, None where it has no score there.
    """

    stage: str
    sentence: str
    ranks: Mapping[str, int | None] = field(default_factory=dict)


def explain(pipeline: Pipeline, history: Interactions, items: NDArray[np.int64], *, most: int = 3) -> list[Why]:
    """Why each of `items` (rows of the catalogue) suits the user of `history` (one row); `most` reasons each."""
    newest = np.argsort(-history.last.data, kind="stable")[:MOST_EVENTS]
    shares = _event_shares(pipeline, history, items, newest)
    profile = profiles(history.weights, pipeline.catalogue).toarray()[0]
    found = []
    for item, row in zip(items, shares, strict=True):
        order = [place for place in np.argsort(-row, kind="stable")[:most] if row[place] > 0]
        reasons = tuple(
            Reason(str(pipeline.catalogue.item_ids[history.weights.indices[newest[place]]]), float(row[place]))
            for place in order
        )
        name, share = _category(pipeline, profile, int(item))
        item_id = str(pipeline.catalogue.item_ids[item])
        found.append(Why(item_id, reasons, name, share, float(pipeline.popularity[item])))
    return found


def trace(pipeline: Pipeline, gathered: Gathered, k: int, *, user: int = 0) -> pd.DataFrame:
    """Every candidate of one user (a row of the gathered histories) through all stages, best relevance first.

    Columns: item_id, title; for each source `<name> score` (NaN where it doesn't name the item) and `<name> rank`;
    models, affinity, popularity and relevance; rank by relevance, and place in the final list (both from 1, missing
    when not in it). Items that only popularity put into the list stand at the end.
    """
    mine = gathered.users == user
    items = gathered.items[mine]
    relevance = gathered.relevance(pipeline.config)[mine]
    frame = pd.DataFrame({"item": items})
    for column, name in enumerate(gathered.sources):
        raw = pd.Series(gathered.raw[mine, column])
        frame[f"{name} score"] = raw
        frame[f"{name} rank"] = raw.rank(ascending=False, method="first").astype("Int64")
    frame["affinity"], frame["popularity"] = gathered.affinity[mine], gathered.popularity[mine]
    frame["relevance"] = relevance
    frame["rank"] = pd.Series(relevance).rank(ascending=False, method="first").astype("Int64")
    lists = pipeline.rank(gathered, k)
    final = lists.ranked.rows[user]
    places = {int(item): place for place, item in enumerate(final[final != NONE], start=1)}
    extra = [item for item in places if item not in set(items.tolist())]
    frame = pd.concat([frame.sort_values("rank"), pd.DataFrame({"item": extra})], ignore_index=True)
    frame["place"] = pd.array([places.get(int(item)) for item in frame["item"]], dtype="Int64")
    rows = frame.pop("item").to_numpy(dtype=np.int64)
    frame.insert(0, "item_id", pipeline.catalogue.item_ids[rows])
    frame.insert(1, "title", pipeline.catalogue.titles[rows])
    return frame


def why_not(pipeline: Pipeline, gathered: Gathered, item_id: str, k: int, *, user: int = 0) -> WhyNot:
    """The stage that kept `item_id` out of the user's first k, or that it is in them."""
    found = np.flatnonzero(pipeline.catalogue.item_ids == item_id)
    if not len(found):
        return WhyNot("not in the catalogue", f"{item_id} is not in the catalogue that the models were fitted on.")
    item = int(found[0])
    place = np.flatnonzero(pipeline.rank(gathered, k).ranked.rows[user] == item)
    if len(place):
        return WhyNot("in the list", f"It is in the list, at place {place[0] + 1}.")
    reason = gathered.rules.reason(user, item)
    if reason:
        return WhyNot("excluded", f"It is left out because it is {reason}.")
    trained = [name for name in gathered.sources if pipeline.models[name].trained[item]]
    if not trained:
        return WhyNot("not trained", "No source learned it: it had too few interactions when they were fitted.")
    mine = gathered.users == user
    if item not in gathered.items[mine]:
        said = f"Each source gives its first {pipeline.config.candidates:,}, and it is further down in all of them."
        return WhyNot("not a candidate", said, _ranks(pipeline, gathered, trained, item, user))
    relevance = gathered.relevance(pipeline.config)[mine]
    rank = int((relevance > relevance[gathered.items[mine] == item][0]).sum()) + 1
    if rank <= k:
        return WhyNot(
            "moved down for diversity", f"It is at rank {rank} by relevance; more different items went first."
        )
    return WhyNot("below the cut", f"It is a candidate at rank {rank} by relevance; the list ends at {k}.")


def _ranks(pipeline: Pipeline, gathered: Gathered, trained: list[str], item: int, user: int) -> dict[str, int | None]:
    """The item's rank by each of the sources, among all that they score."""
    history = gathered.histories.rows(np.array([user]))
    excluded, found = gathered.rules.excluded[[user]], dict[str, int | None]()
    for name in trained:
        model = pipeline.models[name]
        everything = model.recommend(history, len(model.item_ids), eligible=gathered.rules.eligible, excluded=excluded)
        place = np.flatnonzero(everything.rows[0] == item)
        found[name] = int(place[0]) + 1 if len(place) else None
    return found


def _event_shares(
    pipeline: Pipeline, history: Interactions, items: NDArray[np.int64], newest: NDArray[np.int64]
) -> Floats:
    """(n_items, n_events) what each event carries of an item's score, all models together by their weights."""
    less = _kept(history, np.arange(history.weights.nnz)[None, :] != newest[:, None])
    total = np.zeros((len(items), len(newest)), dtype=np.float32)
    weight = sum(pipeline.config.sources.values())
    for name, own in pipeline.config.sources.items():
        if own <= 0 or not len(newest):
            continue
        model = pipeline.models[name]
        whole = _scores(model, history, items)[0]
        parts = whole[None, :] - _scores(model, less, items)
        total += (own / weight) * (parts / np.maximum(np.abs(whole), 1e-9)[None, :]).T
    return total


def _scores(model: Recommender, histories: Interactions, items: NDArray[np.int64]) -> Floats:
    """(n_histories, n_items) the model's scores of `items`, 0 where it has none."""
    eligible = np.zeros(len(histories.item_ids), dtype=bool)
    eligible[items] = True
    found = model.recommend(histories, int(eligible.sum()), eligible=eligible)
    dense = np.zeros((len(histories), len(histories.item_ids) + 1), dtype=np.float32)
    there = found.rows != NONE
    np.put_along_axis(dense, np.where(there, found.rows, -1), np.where(there, found.scores, 0), axis=1)
    picked: Floats = dense[:, items]
    return picked


def without(history: Interactions, places: NDArray[np.int64]) -> Interactions:
    """The one history with the interactions at `places` (of its stored ones) left out together."""
    keep = np.ones((1, history.weights.nnz), dtype=bool)
    keep[0, places] = False
    return _kept(history, keep)


def _kept(history: Interactions, keep: NDArray[np.bool_]) -> Interactions:
    """As many histories as `keep` (n, n_interactions) has rows: each the given interactions of the one `history`."""
    indptr = np.concatenate([[0], np.cumsum(keep.sum(axis=1))])
    shape = (len(keep), len(history.item_ids))

    def left(data: NDArray[np.generic]) -> sparse.csr_array:
        cells = np.broadcast_to(history.weights.indices, keep.shape)[keep]
        return sparse.csr_array((np.broadcast_to(data, keep.shape)[keep], cells, indptr), shape=shape)

    users = np.array([f"{history.users[0]} without some {row}" for row in range(len(keep))], dtype=object)
    parts = (left(history.weights.data), left(history.last.data), left(history.done.data))
    return Interactions(users, history.item_ids, history.kinds, *parts)


def _category(pipeline: Pipeline, profile: Floats, item: int) -> tuple[str, float]:
    levels = pipeline.catalogue.levels[item]
    known = [int(level) for level in levels if level != UNKNOWN and profile[level] > 0]
    return (str(pipeline.catalogue.categories[known[-1]]), float(profile[known[-1]])) if known else ("", 0.0)
