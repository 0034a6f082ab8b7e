"""From histories to lists: candidates of several models, eligibility, category-aware ranking, diversity, popular fill.

Gathering candidates is the costly part and depends on the histories and rules only; ranking them is cheap, so weights
can be tried out on gathered candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.errors import SettingsError
from engine.ranked import NONE, Ranked
from engine.recommend.affinity import affinity, profiles
from engine.recommend.base import Recommender
from engine.recommend.catalogue import Catalogue
from engine.recommend.diversity import mmr
from engine.recommend.eligibility import Eligibility, Rules, eligibility
from engine.recommend.interactions import Interactions
from engine.recommend.topk import Floats, no_lists

BATCH = 4096  # users whose candidates are in memory at once
DEEPER = 3  # diversity chooses among this many times k


@dataclass(frozen=True)
class PipelineConfig:
    """How lists are made.

    sources: the models that give candidates, and the weight of each one's score; candidates: how many each gives;
    alpha: the weight of the models' score; beta: of the affinity to the user's categories; popularity_penalty: how
    much the most popular item loses, others by their rank; diversity: 0 ranks by score alone, towards 1 the list
    spreads over the category tree.
    """

    sources: Mapping[str, float] = field(default_factory=lambda: {"als": 1.0})
    candidates: int = 100
    alpha: float = 0.6
    beta: float = 0.4
    popularity_penalty: float = 0.0
    diversity: float = 0.0

    def __post_init__(self) -> None:
        if not self.sources or any(not weight >= 0 for weight in self.sources.values()):
            raise SettingsError(f"sources is {dict(self.sources)}; it must name a model or more, each with a weight.")
        if self.candidates < 1:
            raise SettingsError(f"candidates is {self.candidates}; it must be 1 or more.")
        for name in ("alpha", "beta", "popularity_penalty"):
            if not getattr(self, name) >= 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 0 or more.")
        if not 0 <= self.diversity < 1:
            raise SettingsError(f"diversity is {self.diversity}; it must be 0 or more and below 1.")


@dataclass(frozen=True)
class Gathered:
    """Candidates of a batch of users, one row per pair of user and item, in the order of users.

    users, items: (n_pairs,) rows in the histories and the catalogue; scores: (n_pairs, n_sources) in [0, 1], a model's
    scores stretched over its list for that user, 0 where it doesn't name the item; raw: the same as the models gave
    them, NaN where not named; affinity, popularity: (n_pairs,) in [0, 1].
    """

    histories: Interactions
    rules: Eligibility
    sources: tuple[str, ...]
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    scores: Floats
    raw: Floats
    affinity: Floats
    popularity: Floats

    def relevance(self, config: PipelineConfig) -> Floats:
        """(n_pairs,) what candidates are ranked by, before diversity."""
        weights = np.array([config.sources.get(name, 0.0) for name in self.sources], dtype=np.float32)
        models = self.scores @ (weights / max(float(weights.sum()), 1e-9))
        found: Floats = (
            config.alpha * models + config.beta * self.affinity - config.popularity_penalty * self.popularity
        ).astype(np.float32)
        return found


@dataclass(frozen=True)
class Recommendations:
    """Lists, and which places (n_users, k) were filled from popularity because candidates ran out.

    Where diversity is asked for, a list is in the order of picking and its scores need not descend.
    """

    ranked: Ranked
    filled: NDArray[np.bool_]


@dataclass(frozen=True)
class Pipeline:
    """Fitted models and the catalogue that they were fitted on.

    models: at least those that the configuration names as sources; fill: has an opinion for everyone (popularity);
    popularity: (n_items,) share of items that are less popular, in [0, 1]; hidden: (n_items,) never recommended.
    """

    catalogue: Catalogue
    models: Mapping[str, Recommender]
    fill: Recommender
    popularity: Floats
    config: PipelineConfig = field(default_factory=PipelineConfig)
    rules: Rules = field(default_factory=Rules)
    hidden: NDArray[np.bool_] | None = None

    def recommend(
        self, histories: Interactions, k: int, *, category: NDArray[np.bool_] | None = None
    ) -> Recommendations:
        """k items for each history, best first. category: (n_items,) recommend only these."""
        found = no_lists(len(histories), k)
        filled = np.zeros(found.rows.shape, dtype=bool)
        for start in range(0, len(histories), BATCH):
            part = slice(start, min(start + BATCH, len(histories)))
            batch = histories.rows(np.arange(part.start, part.stop))
            lists = self.rank(self.gather(batch, category=category), k)
            found.rows[part], found.scores[part] = lists.ranked.rows, lists.ranked.scores
            filled[part] = lists.filled
        return Recommendations(found, filled)

    def gather(self, histories: Interactions, *, category: NDArray[np.bool_] | None = None) -> Gathered:
        """The candidates of all sources for each history, with what they are ranked by."""
        rules = eligibility(histories, self.catalogue, self.rules, hidden=self.hidden, category=category)
        names = tuple(name for name, weight in self.config.sources.items() if weight > 0)
        lists = [
            self.models[name].recommend(
                histories, self.config.candidates, eligible=rules.eligible, excluded=rules.excluded
            )
            for name in names
        ]
        users, items, raw, scores = _merged(lists, len(self.catalogue))
        shares = profiles(histories.weights, self.catalogue).toarray()
        return Gathered(
            histories,
            rules,
            names,
            users,
            items,
            scores,
            raw,
            affinity(shares, users, items, self.catalogue),
            self.popularity[items],
        )

    def rank(self, gathered: Gathered, k: int, config: PipelineConfig | None = None) -> Recommendations:
        """Lists from gathered candidates, by this pipeline's weights or by those of another configuration."""
        config = config or self.config
        return self.arrange(gathered, gathered.relevance(config), k, diversity=config.diversity)

    def arrange(self, gathered: Gathered, relevance: Floats, k: int, *, diversity: float) -> Recommendations:
        """Lists from gathered candidates by any `relevance` (n_pairs,): diversity, then popularity where they end."""
        width = k if diversity == 0 else DEEPER * k
        lists = _ordered(gathered, relevance, len(gathered.histories), width)
        if diversity > 0:
            lists = _diverse(lists, self.catalogue.levels, k, diversity)
        return self._filled(lists, gathered)

    def _filled(self, lists: Ranked, gathered: Gathered) -> Recommendations:
        """Short lists, lengthened by the popular items that aren't in them; their scores lie below the others'."""
        short = np.flatnonzero((lists.rows == NONE).any(axis=1))
        filled = np.zeros(lists.rows.shape, dtype=bool)
        if not len(short):
            return Recommendations(lists, filled)
        k = lists.rows.shape[1]
        histories, rules = gathered.histories.rows(short), gathered.rules
        more = self.fill.recommend(histories, 2 * k, eligible=rules.eligible, excluded=rules.excluded[short])
        own = lists.rows[short]
        new = np.where((more.rows[:, :, None] == own[:, None, :]).any(axis=2), NONE, more.rows)
        both = np.concatenate([own, new], axis=1)
        order = np.argsort(both == NONE, axis=1, kind="stable")[:, :k]
        rows, scores = lists.rows.copy(), lists.scores.copy()
        rows[short] = np.take_along_axis(both, order, axis=1)
        filled[short] = (order >= k) & (rows[short] != NONE)
        lowest = np.where(own != NONE, scores[short], np.inf).min(axis=1, initial=0)
        below = lowest[:, None] - 1 - np.arange(k, dtype=np.float32)
        scores[short] = np.where(filled[short], below, scores[short])
        return Recommendations(Ranked(rows, scores), filled)


def _merged(lists: list[Ranked], n_items: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats, Floats]:
    """The union of several models' lists: users, items, raw scores (NaN: not named) and scores in [0, 1]."""
    keys = []
    for found in lists:
        users, _ = np.nonzero(found.rows != NONE)
        keys.append(users * n_items + found.rows[found.rows != NONE])
    pairs = np.sort(np.concatenate(keys))
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs  # np.unique takes far longer
    raw = np.full((len(pairs), len(lists)), np.nan, dtype=np.float32)
    scores = np.zeros((len(pairs), len(lists)), dtype=np.float32)
    for column, (found, own) in enumerate(zip(lists, keys, strict=True)):
        kept = found.rows != NONE
        place = np.searchsorted(pairs, own)
        raw[place, column] = found.scores[kept]
        scores[place, column] = _stretched(found.scores, kept)[kept]
    return pairs // n_items, pairs % n_items, raw, scores


def _stretched(scores: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Each list's scores between 0 (its last) and 1 (its first); a list of equals is all 1."""
    high = np.where(kept, scores, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    low = np.where(kept, scores, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    flat = ~(high > low)
    span = np.where(flat, 1, high - low)
    with np.errstate(invalid="ignore"):  # infinities of empty lists and empty places, which are not kept
        found: Floats = np.where(flat, 1, (scores - low) / span).astype(np.float32)
    return found


def _ordered(gathered: Gathered, relevance: Floats, n: int, width: int) -> Ranked:
    """Each user's candidates by descending relevance, cut at `width`."""
    order = np.lexsort((gathered.items, -relevance, gathered.users))
    users, result = gathered.users[order], no_lists(n, width)
    starts = np.searchsorted(users, np.arange(n))
    place = np.arange(len(users)) - starts[users]
    kept = place < width
    result.rows[users[kept], place[kept]] = gathered.items[order][kept]
    result.scores[users[kept], place[kept]] = relevance[order][kept]
    return result


def _diverse(lists: Ranked, levels: NDArray[np.int32], k: int, diversity: float) -> Ranked:
    kept = lists.rows != NONE
    picked = mmr(lists.rows, _stretched(lists.scores, kept), levels, k=k, diversity=diversity)
    there = picked != NONE
    places = np.where(there, picked, 0)
    rows = np.where(there, np.take_along_axis(lists.rows, places, axis=1), NONE)
    return Ranked(rows, np.where(there, np.take_along_axis(lists.scores, places, axis=1), -np.inf).astype(np.float32))
