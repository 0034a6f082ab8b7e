"""Rankers on a market of the WSDM Cup 2022: python benchmarks/rank_wsdm.py [DATA] [--members A,B] [--extra N]

DATA is the folder of the raw sets (default: ../shared/data). 2,697 users have a list of 100 candidates, one of which
they dealt with later; the lists are divided by user: half to learn from, a fifth to choose by, the rest is test.
Features (scores of recommenders, counts, items together in histories) come from the interactions of train alone, which
hold no answer of any list and have no times, so histories stand in no order. To learn from there is also one list each
of N other users (default: 3,000): one of their interactions is taken out of train before anything is computed for those
lists, and 99 items that they had nothing to do with are put beside it.
Printed: NDCG@10 on test of popularity and of each recommender alone, of each ranker and of the ensemble, and paired
differences with intervals. About fifteen minutes on two cores.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.metrics.significance import mean_measure, paired_bootstrap
from engine.rank.base import Training
from engine.rank.ensemble import Ensemble
from engine.rank.evaluation import list_ndcg
from engine.rank.lists import Feature, Histories, Lists, Stock
from engine.rank.registry import RANKERS
from engine.recommend.catalogue import Catalogue
from engine.recommend.interactions import Interactions
from engine.recommend.registry import RECOMMENDERS
from engine.settings import DEFAULT_SEED

PARTS = {"train": 0.5, "valid": 0.2, "test": 0.3}
SPACES: dict[str, list[dict[str, Any]]] = {
    "als": [
        {"factors": factors, "regularization": regularization, "alpha": alpha}
        for factors in (32, 64, 128)
        for regularization in (0.05, 1.0)
        for alpha in (4.0, 20.0)
    ],
    "item_knn": [
        {"weighting": weighting, "neighbours": neighbours}
        for weighting in ("bm25", "cosine")
        for neighbours in (50, 200, 1000)
    ],
    "ease": [{"regularization": regularization} for regularization in (20.0, 100.0, 500.0)],
}
MINIMA = {"min_user_interactions": 2, "min_item_interactions": 2}
TREES = {"objective": "lambdarank", "rounds": 600, "rate": 0.03, "rows": 0.7, "features": 0.7}
MEMBERS: dict[str, dict[str, Any]] = {
    "lightgbm": {**TREES, "leaves": 15},
    "xgboost": TREES,
    "catboost": TREES,
    "transformer": {},
    "gat": {},
}
CUTOFF = 10


@dataclass(frozen=True)
class Market:
    """users, items: ids; ratings: (n_users, n_items), 0 where nothing happened; asked: (n_lists,) the user of each
    list; candidates: (n_lists, 100) items; wanted: the same shape, bool.
    """

    users: NDArray[np.object_]
    items: NDArray[np.object_]
    ratings: sparse.csr_array
    asked: NDArray[np.int64]
    candidates: NDArray[np.int64]
    wanted: NDArray[np.bool_]


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compute features, learn, measure and print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("data", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared/data")
    arguments.add_argument("--members", default=",".join(MEMBERS), metavar="A,B")
    arguments.add_argument("--extra", type=int, default=3000, metavar="N")
    chosen = arguments.parse_args(argv)
    market = read_market(chosen.data / "wsdm22_market_t1")
    rng = np.random.default_rng(DEFAULT_SEED)
    parts = divided(len(market.asked), rng)
    configs = {name: tuned(name, market, parts["valid"]) for name in SPACES}
    lists = {part: lists_of(market, configs, rows) for part, rows in parts.items()}
    other = others(market, rng, chosen.extra)
    train = joined(lists["train"], lists_of(other, configs, np.arange(len(other.asked))))
    print(f"{len(train):,} lists to learn from ({len(lists['train']):,} given), ", end="")
    print(f"{len(lists['valid']):,} to choose by, {len(lists['test']):,} test")
    scores = alone(lists)
    for name in chosen.members.split(","):
        scores[name] = learned(name, train, lists)
    members = {part: {name: scores[name][part] for name in chosen.members.split(",")} for part in ("valid", "test")}
    ensemble = Ensemble.fit(members["valid"], lists["valid"])
    print("weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in ensemble.weights.items()))
    scores["ensemble"] = {part: ensemble.combine(own, lists[part]) for part, own in members.items()}
    report(lists, scores, chosen.members.split(","))


def read_market(folder: Path) -> Market:
    """The interactions of both files of train, and the lists."""
    train = pd.concat([pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "train_5core")])
    train = train.drop_duplicates(["userId", "itemId"])  # the second file says only that there was one
    run = pd.read_parquet(folder / "valid_run.parquet").sort_values("userId")
    answers = pd.read_parquet(folder / "valid_qrel.parquet").set_index("userId")["itemId"]
    shown = np.stack(run["itemIds"].to_list())
    users = np.unique(np.concatenate([train["userId"], run["userId"]]).astype(str)).astype(object)
    items = np.unique(np.concatenate([train["itemId"], shown.ravel()]).astype(str)).astype(object)
    places = pd.Index(items)
    at = (pd.Index(users).get_indexer(train["userId"]), places.get_indexer(train["itemId"]))
    ratings = sparse.csr_array((train["rating"].to_numpy(np.float32), at), shape=(len(users), len(items)))
    candidates = places.get_indexer(shown.ravel()).reshape(shown.shape)
    wanted = shown == answers.loc[run["userId"]].to_numpy(dtype=object)[:, None]
    asked = pd.Index(users).get_indexer(run["userId"])
    known = ratings[np.repeat(asked, shown.shape[1]), candidates.ravel()]
    assert not known.sum(), "a candidate is among the user's interactions of train"
    return Market(users, items, ratings, asked, candidates, wanted)


def divided(n: int, rng: np.random.Generator) -> dict[str, NDArray[np.int64]]:
    """The lists of each part; a user has one list."""
    ends = np.cumsum([round(share * n) for share in PARTS.values()])[:-1]
    return dict(zip(PARTS, np.split(rng.permutation(n), ends), strict=True))


def others(market: Market, rng: np.random.Generator, most: int) -> Market:
    """Lists of users who have none, each around an interaction that is no longer in its ratings."""
    counts = np.diff(market.ratings.indptr)
    users = rng.permutation(np.setdiff1d(np.flatnonzero(counts > 2), market.asked))[:most]
    ratings = market.ratings.copy()
    held = ratings.indptr[users] + rng.integers(0, counts[users])
    answers = ratings.indices[held].astype(np.int64)
    candidates = np.empty((len(users), market.candidates.shape[1]), dtype=np.int64)
    offered = np.unique(market.candidates)
    for row, user in enumerate(users):
        own = ratings.indices[ratings.indptr[user] : ratings.indptr[user + 1]]
        left = np.setdiff1d(offered, own)
        candidates[row] = rng.permutation(np.append(rng.choice(left, candidates.shape[1] - 1, False), answers[row]))
    ratings.data[held] = 0
    ratings.eliminate_zeros()
    return Market(market.users, market.items, ratings, users, candidates, candidates == answers[:, None])


def interactions(market: Market) -> tuple[Interactions, Catalogue]:
    """The market as recommenders take it: every interaction counts once."""
    weights = market.ratings.copy()
    weights.data = np.ones_like(weights.data)
    once, n = weights.astype(np.int64), len(market.items)
    data = Interactions(market.users, market.items, ("rating",), weights, once, once.astype(np.int32))
    nothing = np.zeros((n, 1), dtype=np.int32)
    names = np.array(["all"], dtype=object)
    whole = Catalogue(market.items, market.items, nothing, names, np.full(n, np.nan), np.ones(n, dtype=bool))
    return data, whole


def recommended(name: str, config: dict[str, Any], market: Market, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, 100) the scores of a recommender for the candidates of lists; NaN where it has none."""
    data, catalogue = interactions(market)
    make = RECOMMENDERS.load(name)
    model = make(make.Config(**config, **MINIMA)).fit(data, catalogue, seed=DEFAULT_SEED)
    found = model.recommend(data.rows(market.asked[rows]), len(market.items))
    dense = np.full((len(rows), len(market.items)), np.nan, dtype=np.float32)
    line, place = np.nonzero(found.rows >= 0)
    dense[line, found.rows[line, place]] = found.scores[line, place]
    chosen: NDArray[np.float32] = np.take_along_axis(dense, market.candidates[rows], axis=1)
    return np.where(np.isfinite(chosen), chosen, np.nan).astype(np.float32)


def tuned(name: str, market: Market, rows: NDArray[np.int64]) -> dict[str, Any]:
    """The settings of a recommender with the best NDCG on the lists at `rows`."""
    lists, best = bare(market, rows), (-1.0, {})
    for config in SPACES[name]:
        own = order_of(recommended(name, config, market, rows)).ravel()
        best = max(best, (float(list_ndcg(lists, own, CUTOFF).mean()), config), key=lambda found: found[0])
    print(f"{name}: valid NDCG@{CUTOFF} {best[0]:.4f} with {best[1]}")
    return best[1]


def order_of(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """`scores` without gaps: what a recommender has no score for comes last."""
    return np.nan_to_num(scores.astype(np.float64), nan=-1e9)


def bare(market: Market, rows: NDArray[np.int64]) -> Lists:
    """The lists at `rows` with histories, and without features."""
    n, width = len(rows), market.candidates.shape[1]
    users = market.asked[rows]
    past = market.ratings[users]
    stock = Stock(market.items, np.zeros(len(market.items), np.int32), np.array(["all"], dtype=object))
    kinds = past.data.astype(np.int16)
    return Lists(
        list_ids=market.users[users],
        users=market.users[users],
        micros=np.ones(n, dtype=np.int64),
        sizes=np.full(n, width, dtype=np.int64),
        items=market.candidates[rows].ravel(),
        features=np.zeros((n * width, 0), dtype=np.float32),
        columns=(),
        stock=stock,
        wanted=market.wanted[rows].ravel(),
        histories=Histories(
            np.diff(past.indptr).astype(np.int64),
            past.indices.astype(np.int32),
            kinds,
            np.zeros(len(kinds), dtype=np.int64),
            ("no rating", *(f"{stars} stars" for stars in range(1, 6))),
        ),
    )


def lists_of(market: Market, configs: dict[str, dict[str, Any]], rows: NDArray[np.int64]) -> Lists:
    """The lists at `rows` with their features."""
    lists, made = bare(market, rows), {}
    for name, config in configs.items():
        scores = recommended(name, config, market, rows)
        made[f"{name}_score"] = scores.ravel()
        places = np.argsort(np.argsort(-order_of(scores), axis=1, kind="stable"), axis=1)
        made[f"{name}_place"] = np.where(np.isnan(scores), np.nan, places).ravel()
    made |= counted(market, rows) | together(market, rows)
    columns = tuple(Feature(name, name.replace("_", " ")) for name in made)
    return replace(lists, features=np.column_stack(list(made.values())).astype(np.float32), columns=columns)


def counted(market: Market, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Counts and ratings of items and users."""
    ratings, items = market.ratings, market.candidates[rows].ravel()
    users = np.repeat(market.asked[rows], market.candidates.shape[1])
    item_counts = np.bincount(ratings.indices, minlength=len(market.items))
    user_counts = np.diff(ratings.indptr)
    by_item = np.bincount(ratings.indices, ratings.data, minlength=len(market.items)) / np.maximum(item_counts, 1)
    by_user = np.asarray(ratings.sum(axis=1)).ravel() / np.maximum(user_counts, 1)
    share = item_counts[market.candidates[rows]]
    return {
        "item_users": item_counts[items],
        "item_users_place": np.argsort(np.argsort(-share, axis=1, kind="stable"), axis=1).ravel(),
        "item_mean_rating": np.where(item_counts[items] > 0, by_item[items], np.nan),
        "user_items": user_counts[users],
        "user_mean_rating": by_user[users],
        "user_mean_popularity": (ratings.astype(bool) @ item_counts / np.maximum(user_counts, 1))[users],
    }


def together(market: Market, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """How often users had a candidate together with items of the user's history: counts and cosines."""
    had = market.ratings.copy()
    had.data = np.ones_like(had.data)
    both = sparse.csr_array(had.T @ had)
    counts = both.diagonal()
    found = {name: np.zeros(market.candidates[rows].shape) for name in ("most", "sum", "n", "cosine", "cosines")}
    for line, (user, items) in enumerate(zip(market.asked[rows], market.candidates[rows], strict=True)):
        own = had.indices[had.indptr[user] : had.indptr[user + 1]]
        if not len(own):
            continue
        pairs = both[own][:, items].toarray()
        near = pairs / np.sqrt(np.maximum(np.outer(counts[own], counts[items]), 1))
        found["most"][line], found["sum"][line], found["n"][line] = pairs.max(0), pairs.sum(0), (pairs > 0).sum(0)
        found["cosine"][line], found["cosines"][line] = near.max(0), near.mean(0)
    return {f"together_{name}": values.ravel() for name, values in found.items()}


def joined(one: Lists, other: Lists) -> Lists:
    """The lists of both, of the same stock."""
    assert one.histories is not None and other.histories is not None

    def both(name: str, of: Any = None) -> Any:
        return np.concatenate([getattr(part if of is None else getattr(part, of), name) for part in (one, other)])

    events = Histories(
        *(both(name, "histories") for name in ("sizes", "items", "kinds", "micros")), one.histories.kind_names
    )
    names = ("list_ids", "users", "micros", "sizes", "items", "features", "wanted")
    return replace(one, **{name: both(name) for name in names}, histories=events)


def alone(lists: dict[str, Lists]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The scores of popularity, and of each recommender alone."""
    found = {}
    for name, column in {"popularity": "item_users", **{name: f"{name}_score" for name in SPACES}}.items():
        at = lists["test"].names.index(column)
        found[name] = {part: order_of(lists[part].features[:, at]) for part in ("valid", "test")}
    return found


def learned(name: str, train: Lists, lists: dict[str, Lists]) -> dict[str, NDArray[np.float64]]:
    """The scores of a ranker that learned from `train`."""
    make = RANKERS.load(name)
    begun = time.perf_counter()
    ranker = make(make.Config(**MEMBERS[name])).fit(train, lists["valid"], Training(seed=DEFAULT_SEED))
    trained = time.perf_counter() - begun
    begun = time.perf_counter()
    found = {part: ranker.scores(lists[part]) for part in ("valid", "test")}
    spent = (time.perf_counter() - begun) / sum(len(own) for own in found.values())
    rounds = max((len(curve) for curve in ranker.curves.values()), default=0)
    print(f"{name}: {rounds} rounds in {trained:.0f} s, {spent * 1e6:.1f} µs a candidate", flush=True)
    return found


def report(lists: dict[str, Lists], scores: dict[str, dict[str, NDArray[np.float64]]], members: list[str]) -> None:
    """Print figures of valid and test, and what each is above ALS and below the ensemble."""
    values = {
        name: {part: list_ndcg(lists[part], own[part], CUTOFF) for part in ("valid", "test")}
        for name, own in scores.items()
    }
    print(f"\n{'NDCG@' + str(CUTOFF):<14}{'valid':>8}{'test':>8}")
    for name, own in values.items():
        print(f"{name:<14}{own['valid'].mean():>8.4f}{own['test'].mean():>8.4f}")
    first = max(members, key=lambda name: values[name]["valid"].mean())
    best = max(("popularity", *SPACES), key=lambda name: values[name]["valid"].mean())
    pairs = [(base, name) for base in dict.fromkeys(["als", "item_knn", best]) for name in (*members, "ensemble")]
    for base, name in [*pairs, (first, "ensemble")]:
        one, other = (mean_measure(values[each]["test"]) for each in (base, name))
        print(f"{name} against {base}: {paired_bootstrap(one, other, seed=DEFAULT_SEED, unit='lists').words()}")


if __name__ == "__main__":
    main()
