"""Rank categories of RetailRocket by boosted trees: python benchmarks/rank_retailrocket.py [FILE] [--trials N] …

FILE (default: ../shared/data/retailrocket/category_ranking_train.parquet) holds a list for each cart: the categories
that could come next, features that are given, and which came. Lists go by time: the last fifth is test, the 15% before
it valid. Settings are searched with one budget for each booster and objective, learned from some lists of train; the
best are learned from all of it (or its newest lists, --train-lists) and stopped by valid. The ensemble is joined on
valid in the way that valid prefers; test is read once. Intervals are paired, over lists.

Five features are constant for a user or a category over the whole file, so they hold what came after the list (a
category that is put in the cart always has 1 or more in user_cat_hist). Figures are given with all features, and with
those only that look back; settings are searched with the latter.

Rows that repeat a candidate of their list are one candidate. Lists in which no candidate was wanted can't be put in a
right order: figures leave them out, for every model, and are given with them as zeros, too. At the end one booster
learns from train as it is, with weights of classes, and with SMOTE. A quarter of an hour on one core with --trials 5
--tuning-lists 1200 --train-lists 8000 --rounds 150.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq

from engine.metrics.measures import mean_measure
from engine.metrics.significance import PairedDifference, paired_bootstrap
from engine.rank.balance import How, balance
from engine.rank.base import Floats, Training
from engine.rank.config import EnsembleConfig, Range
from engine.rank.ensemble import Ensemble
from engine.rank.evaluation import list_ndcg
from engine.rank.given import read_given
from engine.rank.lists import Lists
from engine.rank.registry import RANKERS
from engine.rank.tuning import Budget, Study, tune
from engine.rank.ways import compare_ways
from engine.ranking.config import Parts
from engine.ranking.source import split_lists

FILE = Path(__file__).resolve().parents[2] / "shared/data/retailrocket/category_ranking_train.parquet"
LOOKING_AHEAD = ("cat_popularity", "user_cat_hist", "user_cat_sessions", "user_total_sessions", "user_avg_session_dur")
PARTS = Parts(valid=0.15, test=0.2)
MEMBERS = tuple((name, how) for name in ("lightgbm", "xgboost", "catboost") for how in ("classification", "lambdarank"))
COMMON = {"rate": Range(0.02, 0.3, log=True), "l2": Range(0.1, 30, log=True), "features": Range(0.4, 1.0)}
SPACES: Mapping[str, Mapping[str, Range]] = {
    "lightgbm": {**COMMON, "leaves": Range(7, 127, log=True), "least": Range(5, 300, log=True)},
    "xgboost": {**COMMON, "depth": Range(3, 9), "least": Range(0.5, 30, log=True)},
    "catboost": {**COMMON, "depth": Range(3, 9)},
}
BASELINES = ("popularity", "seen last")
Scores = dict[str, dict[str, Floats]]  # by part, then by model


def main(argv: Sequence[str] | None = None) -> None:
    """Read, search, learn, join and print."""
    chosen = _arguments(argv)
    names = {"list_column": "session_id", "item_column": "category_id", "time_column": "atc_ts"}
    lists = read_given(chosen.file, **names)
    n_rows = pq.read_metadata(chosen.file).num_rows
    print(f"{n_rows:,} rows, {len(lists.items):,} candidates in {len(lists):,} lists", end="; ")
    print(f"{int((lists.sought == 0).sum()):,} lists without a wanted one")
    prepared = split_lists(lists, PARTS)
    parts = {name: prepared.part(name) for name in ("train", "valid", "test")}
    if chosen.train_lists:
        parts["train"] = parts["train"].take(np.arange(len(parts["train"]))[-chosen.train_lists :])
    for name, own in parts.items():
        print(f"{name}: {len(own):,} lists, {int((own.sought == 0).sum()):,} without a wanted candidate")
    back = {name: _looking_back(own) for name, own in parts.items()}
    settings = _search(back, chosen)
    for title, own in (("features that look back", back), ("all features that are given", parts)):
        print(f"\n== {title} ({len(own['test'].columns)}) ==", flush=True)
        _measure(own, settings, chosen)
    print("\n== balance, features that look back ==", flush=True)
    _balance(back, *settings["lightgbm classification"], chosen.seed)


def _arguments(argv: Sequence[str] | None) -> Namespace:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("file", type=Path, nargs="?", default=FILE)
    arguments.add_argument("--trials", type=int, default=8, help="settings tried of each booster and objective")
    arguments.add_argument("--tuning-lists", type=int, default=2000, help="lists of train that trials learn from")
    arguments.add_argument("--train-lists", type=int, help="newest lists of train to learn from (default: all)")
    arguments.add_argument("--rounds", type=int, default=400, help="trees at most")
    arguments.add_argument("--seed", type=int, default=1)
    return arguments.parse_args(argv)


def _looking_back(lists: Lists) -> Lists:
    kept = [place for place, name in enumerate(lists.names) if name not in LOOKING_AHEAD]
    columns = tuple(lists.columns[place] for place in kept)
    return replace(lists, features=lists.features[:, kept], columns=columns)


def _search(parts: Mapping[str, Lists], chosen: Namespace) -> dict[str, tuple[str, Any]]:
    """For each member its ranker's name and the best settings found on valid."""
    rng = np.random.default_rng(chosen.seed)
    train, valid = (_some(parts[name], chosen.tuning_lists, rng) for name in ("train", "valid"))
    found = {}
    print(f"\nsearch: {chosen.trials} trials each, from {len(train):,} lists, NDCG@5 on {len(valid):,} of valid")
    with tempfile.TemporaryDirectory() as folder:
        for name, how in MEMBERS:
            make, begun = RANKERS.load(name), time.perf_counter()

            def value(config: Any, share: float, make: Any = make) -> float:
                some = train.take(np.arange(int(len(train) * share)))
                ranker = make(config).fit(some, valid, Training(seed=chosen.seed))
                return float(list_ndcg(valid, ranker.scores(valid), 5)[valid.sought > 0].mean())

            tuned = tune(
                f"{name} {how}",
                make.Config(objective=how, rounds=chosen.rounds, patience=30, rate=0.1),
                value,
                space=SPACES[name],
                study=Study(Path(folder) / "studies.sqlite", f"{name} {how}", "ndcg@5"),
                budget=Budget(chosen.trials, minutes=60, prune=False),
                seed=chosen.seed,
            )
            found[tuned.member] = name, tuned.settings
            said = {key: getattr(tuned.settings, key) for key in SPACES[name]}
            shown = ", ".join(f"{key} {number:.3g}" for key, number in said.items())
            seconds = time.perf_counter() - begun
            print(f"  {tuned.member:24} {tuned.first:.4f} -> {tuned.value:.4f}  ({shown}; {seconds:.0f} s)", flush=True)
    return found


def _some(lists: Lists, n: int, rng: np.random.Generator) -> Lists:
    return lists.take(np.sort(rng.permutation(len(lists))[:n]))


def _measure(parts: Mapping[str, Lists], settings: Mapping[str, tuple[str, Any]], chosen: Namespace) -> None:
    valid, test = parts["valid"], parts["test"]
    scores: Scores = {"valid": {}, "test": {}}
    for member, (name, config) in settings.items():
        begun = time.perf_counter()
        ranker = RANKERS.load(name)(config).fit(parts["train"], valid, Training(seed=chosen.seed))
        for part, own in scores.items():
            own[member] = ranker.scores(parts[part])
        rounds = len(next(iter(ranker.curves.values())))
        first = sorted(ranker.importance().items(), key=lambda pair: -pair[1])[:3]
        shares = ", ".join(f"{feature} {share:.2f}" for feature, share in first)
        print(f"  {member:24} {time.perf_counter() - begun:5.0f} s, {rounds} rounds; counts most: {shares}", flush=True)
    ways = compare_ways(scores["valid"], valid, EnsembleConfig(), k=5)
    way = max(ways, key=lambda each: ways[each])
    print("  joined, on valid: " + ", ".join(f"{each} {value:.4f}" for each, value in ways.items()) + f" -> {way}")
    ensemble = Ensemble.fit(scores["valid"], valid, EnsembleConfig(how=way))
    print("  weights: " + ", ".join(f"{member} {weight:.2f}" for member, weight in ensemble.weights.items() if weight))
    for member, reason in ensemble.off.items():
        print(f"  off: {member}: {reason}")
    best = max(scores["valid"], key=lambda member: _mean(list_ndcg(valid, scores["valid"][member], 5), valid))
    orders = _baselines(parts["train"], test) | scores["test"]
    orders["ensemble"] = ensemble.combine(scores["test"], test)
    _table(test, orders, chosen.seed)
    _verdict(test, orders, best, chosen.seed)


def _balance(parts: Mapping[str, Lists], name: str, config: Any, seed: int) -> None:
    """The same booster and settings, with train balanced in each way; lists that it stops by stay as they are."""
    test, found = parts["test"], dict[str, Floats]()
    for how in get_args(How):
        balanced = balance(parts["train"], how, seed=seed)
        ranker = RANKERS.load(name)(replace(config, watched="ndcg@5"))  # the same for all three
        ranker.fit(balanced.lists, parts["valid"], Training(seed=seed, weights=balanced.weights))
        found[how] = list_ndcg(test, ranker.scores(test), 5)
        said = _compare(test, found["none"], found[how], seed).words() if how != "none" else ""
        print(f"  {how:8} NDCG@5 {_mean(found[how], test):.4f}  {said}  ({balanced.note})", flush=True)


def _baselines(train: Lists, test: Lists) -> dict[str, Floats]:
    """How often each category was wanted in train; and what was seen last in the session, popularity breaking ties."""
    counts = np.bincount(train.items[train.known], minlength=len(train.stock)).astype(np.float64)
    popularity = counts[test.items]
    recency = test.features[:, test.names.index("recency_sec")].astype(np.float64)
    return {"popularity": popularity, "seen last": -recency + popularity / (counts.sum() + 1)}


def _mean(values: Floats, lists: Lists) -> float:
    return float(values[lists.sought > 0].mean())


def _reciprocal(lists: Lists, scores: Floats) -> Floats:
    """(n_lists,) 1 / place of the first wanted candidate, 0 where none is."""
    order = lists.ordered(scores)
    found = np.zeros(len(lists))
    right = np.flatnonzero(lists.known[order])
    owner = lists.list_of_row[right]  # lists stay where they were
    first = np.unique(owner, return_index=True)[1]
    found[owner[first]] = 1 / (right[first] - lists.starts[owner[first]] + 1)
    return found


def _compare(test: Lists, base: Floats, other: Floats, seed: int) -> PairedDifference:
    kept = test.sought > 0
    return paired_bootstrap(mean_measure(base[kept]), mean_measure(other[kept]), seed=seed, unit="lists")


def _table(test: Lists, orders: Mapping[str, Floats], seed: int) -> None:
    n_empty = int((test.sought == 0).sum())
    print(f"  test: {len(test) - n_empty:,} lists; the {n_empty:,} without a wanted candidate are left out")
    print(f"  {'':24} NDCG@5     MRR  as zeros: NDCG@5, MRR  NDCG@5 against {', against '.join(BASELINES)}")
    ndcg = {name: list_ndcg(test, scores, 5) for name, scores in orders.items()}
    for name, scores in orders.items():
        reciprocal = _reciprocal(test, scores)
        against = BASELINES[: list(orders).index(name)]  # a baseline against those before it
        said = "; ".join(_compare(test, ndcg[base], ndcg[name], seed).words() for base in against)
        zeros = f"{ndcg[name].mean():.4f}, {reciprocal.mean():.4f}"
        print(f"  {name:24} {_mean(ndcg[name], test):.4f}  {_mean(reciprocal, test):.4f}  {zeros:21} {said}")


def _verdict(test: Lists, orders: Mapping[str, Floats], best: str, seed: int) -> None:
    """Whether the ensemble is above the member that valid prefers, and if not, how alike the members are."""
    members = [name for name in orders if name not in (*BASELINES, "ensemble")]
    ndcg = {name: list_ndcg(test, orders[name], 5) for name in [*members, "ensemble"]}
    ahead = max(members, key=lambda name: _mean(ndcg[name], test))
    differences = {}
    for said, name in (("best on valid", best), ("best on test", ahead)):
        differences[said] = _compare(test, ndcg[name], ndcg["ensemble"], seed)
        print(f"  ensemble against the {said}, {name}: NDCG@5 {differences[said].words()}")
        mrr = _compare(test, _reciprocal(test, orders[name]), _reciprocal(test, orders["ensemble"]), seed)
        print(f"  {'':24} MRR {mrr.words()}")
    if differences["best on valid"].clear and differences["best on valid"].difference > 0:
        return
    kept = test.sought > 0
    alike = np.mean([np.corrcoef(ndcg[best][kept], ndcg[name][kept])[0, 1] for name in members if name != best])
    first = {name: test.ordered(orders[name])[test.starts[:-1]] for name in members}
    same = np.mean([(first[name] == first[best])[kept].mean() for name in members if name != best])
    most = np.max([ndcg[name] for name in members], axis=0)
    print(
        f"  why not: the members see the same features and learned the same from them. Another member puts the same "
        f"candidate first as {best} in {same:.1%} of the lists, and its NDCG@5 by list correlates {alike:.3f}; "
        f"even who knew which member to ask for each list would reach {_mean(most, test):.4f}."
    )


if __name__ == "__main__":
    main()
