"""Recommendations put in order by learned rankers: python benchmarks/rank_end_to_end.py [DATA] [--sets A,B]

DATA is the folder of the raw sets (default: ../shared/data); sets: demo, online_retail. Candidates come from recommend,
fitted on what came before each window; rankers learn from three windows of train, are stopped and joined on valid, and
test is read once. Printed: what changes in the lists when everything after their moment is made up anew (nothing must);
neither, weights and SMOTE, chosen between on valid; the ensemble and each member against recommend's own order of the
same candidates, with intervals over users; the ensemble against itself without each member.
With --home FOLDER a stopped run goes on where it was. About half an hour on two cores.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from engine.artifacts import ArtifactStore, Card
from engine.data.demo import make_demo
from engine.data.importer import import_files
from engine.metrics.significance import mean_measure, paired_bootstrap
from engine.rank.balance import How
from engine.rank.config import MEMBERS
from engine.rank.ensemble import Ensemble
from engine.rank.evaluation import list_ndcg
from engine.ranking.cache import COST, ENSEMBLE, KIND, load_scores
from engine.ranking.config import RankingConfig, read_config
from engine.ranking.leakage import look_ahead
from engine.ranking.own_order import OWN
from engine.ranking.preparing import open_maker
from engine.ranking.source import Source, open_source, seed_of
from engine.ranking.training import train_ensemble
from engine.recommend.eligibility import Rules
from engine.recommending.shop import RecommendConfig
from engine.recommending.training import SOURCES
from engine.runs import RunStore, compare
from engine.settings import DEFAULT_SEED
from engine.workspace import Workspace

SHOPS = {
    "demo": RecommendConfig(),
    "online_retail": RecommendConfig(rules=Rules(bought=False), targets=("transaction",)),  # people buy again
}
BOOSTERS = ("lightgbm", "catboost", "xgboost")
COMPARED = ("ndcg@5", "ndcg@10", "recall@20")


def main(argv: Sequence[str] | None = None) -> None:
    """Import, prepare, train, measure and print, set by set."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("data", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared/data")
    arguments.add_argument("--sets", default=",".join(SHOPS), metavar="A,B")
    arguments.add_argument("--members", default=",".join(MEMBERS), metavar="A,B")
    arguments.add_argument("--sources", default=",".join(SOURCES), metavar="A,B", help="recommenders (%(default)s)")
    arguments.add_argument("--rounds", type=int, default=500, metavar="N", help="trees of each booster at most")
    arguments.add_argument("--home", type=Path, metavar="FOLDER", help="keep workspaces there (default: nowhere)")
    chosen = arguments.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        for name in chosen.sets.split(","):
            workspace = Workspace.create((chosen.home or Path(place)) / name)
            if "events" not in workspace.tables:
                _fill(workspace, name, chosen.data)
            _report(workspace, name, {how: _config(name, chosen, how) for how in get_args(How)})


def _fill(workspace: Workspace, name: str, data: Path) -> None:
    if name == "demo":
        make_demo(workspace, seed=DEFAULT_SEED)
    else:
        import_files(workspace, name.replace("_", "-"), [data / name])


def _report(workspace: Workspace, name: str, configs: Mapping[str, RankingConfig]) -> None:
    config = configs["none"]
    began = time.perf_counter()
    source = open_source(workspace, config)
    print(f"\n## {name}: lists prepared in {time.perf_counter() - began:.0f} s", flush=True)
    for part in ("train", "valid", "test"):
        lists = source.prepared.part(part)
        among, sought = int(lists.known.sum()), int(lists.sought.sum())
        print(
            f"{part}: {len(lists):,} lists, {len(lists.items):,} candidates; {among:,} of {sought:,} wanted among them"
        )
    _print_leakage(workspace, config)
    cards = {}
    for how, own in configs.items():
        began = time.perf_counter()
        cards[how] = train_ensemble(workspace, own, source)
        print(f"balance {how}: valid ndcg@10 {cards[how].metrics['ndcg@10']:.4f}, {_seconds(began)}", flush=True)
    best = max(cards, key=lambda how: cards[how].metrics["ndcg@10"])
    print(f"chosen on valid: {best}")
    _print_balances(workspace, cards, best)
    _print_members(workspace, cards[best])
    _print_left_out(workspace, cards[best], source, configs[best])


def _config(name: str, chosen: Namespace, how: str) -> RankingConfig:
    members = chosen.members.split(",")
    return read_config(
        {
            "data": {"shop": asdict(SHOPS[name])},
            "preprocessing": {"sources": chosen.sources.split(",")},
            "smote": {"how": how},
            "models": {member: {"rounds": chosen.rounds} for member in members if member in BOOSTERS},
            "ensemble": {"members": members},
            "training": {"seed": DEFAULT_SEED},
            "cache": {"keep": len(get_args(How))},
        }
    )


def _print_leakage(workspace: Workspace, config: RankingConfig) -> None:
    maker = open_maker(workspace, config.preprocessing, shop_config=config.data.shop, seed=seed_of(config))
    test = maker.windows()[-1]
    print(f"another future after {test.name}: {look_ahead(maker, test, seed=1).words}", flush=True)


def _print_balances(workspace: Workspace, cards: Mapping[str, Card], best: str) -> None:
    runs = {how: str(card.config["run"]) for how, card in cards.items()}
    for how in runs:
        if how != best:
            for metric in COMPARED:
                found = compare(RunStore(workspace), runs[how], runs[best], metric, seed=DEFAULT_SEED)
                print(f"balance {best} against {how} on test: {metric} {found.words()}")


def _print_members(workspace: Workspace, card: Card) -> None:
    store, own = RunStore(workspace), str(card.config["baselines"][OWN])
    runs = {**card.config["baselines"], **card.config["runs"], ENSEMBLE: card.config["run"]}
    print(f"weights {card.config['weights']}; off {card.config['off'] or 'none'}")
    print(" " * 14 + "".join(f"{metric:>11}" for metric in COMPARED))
    for model, run in runs.items():
        figures = store.aggregate(run, COMPARED)
        print(f"{model:<14}" + "".join(f"{figures[metric]:>11.4f}" for metric in COMPARED))
    for model in [*card.config["runs"], ENSEMBLE]:
        for metric in COMPARED:
            found = compare(store, own, runs[model], metric, seed=DEFAULT_SEED)
            print(f"{model} against {OWN}: {metric} {found.words()}")
    single = max(card.config["runs"], key=lambda name: _member(workspace, card, name).metrics["ndcg@10"])
    for metric in COMPARED:
        found = compare(store, runs[single], runs[ENSEMBLE], metric, seed=DEFAULT_SEED)
        print(f"{ENSEMBLE} against {single}, the best member on valid: {metric} {found.words()}")


def _print_left_out(workspace: Workspace, card: Card, source: Source, config: RankingConfig) -> None:
    kept = load_scores(ArtifactStore(workspace).open(KIND, ENSEMBLE, card.version))
    members = list(card.config["members"])
    valid, test = ({name: kept[f"{part} {name}"] for name in members} for part in ("valid", "test"))
    asked = source.prepared.test
    costs = {name: _member(workspace, card, name).metrics[COST] for name in members}
    whole = Ensemble.fit(valid, source.prepared.valid, config.ensemble, costs=costs).combine(test, asked)
    for name in members if len(members) > 1 else []:
        others = {other: own for other, own in valid.items() if other != name}
        joined = Ensemble.fit(others, source.prepared.valid, config.ensemble, costs=costs)
        without = joined.combine({other: test[other] for other in others}, asked)
        pair = [mean_measure(list_ndcg(asked, scores, 10)) for scores in (without, whole)]
        found = paired_bootstrap(*pair, seed=DEFAULT_SEED, unit="users")
        print(f"{ENSEMBLE} against itself without {name}: ndcg@10 {found.words()}")


def _member(workspace: Workspace, card: Card, name: str) -> Card:
    return ArtifactStore(workspace).card(KIND, name, card.config["members"][name])


def _seconds(began: float) -> str:
    return f"{time.perf_counter() - began:.0f} s"


if __name__ == "__main__":
    main()
