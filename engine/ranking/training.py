"""Train the ensemble: every member that can learn from the lists, joined on valid, measured once on test."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from engine.artifacts import Card
from engine.errors import DataError
from engine.rank.base import Floats
from engine.rank.ensemble import Ensemble
from engine.rank.lists import Lists
from engine.rank.prepared import save_columns
from engine.rank.registry import RANKERS
from engine.rank.ways import compare_ways
from engine.ranking.cache import COST, ENSEMBLE, KIND, MEASURED, MEMBERS, key_of, load_scores, save_scores
from engine.ranking.config import RankingConfig
from engine.ranking.job import Job
from engine.ranking.measuring import figures_on_valid, measure_baselines
from engine.ranking.members import train_member
from engine.ranking.own_order import baselines
from engine.ranking.source import Source
from engine.workspace import Workspace

Report = Callable[[float, str], None]
Cards = Mapping[str, Card]  # by member
logger = logging.getLogger("engine.ranking")


def train_ensemble(
    workspace: Workspace, config: RankingConfig, source: Source, *, report: Report | None = None
) -> Card:
    """Train every member that can learn from these lists, join them on valid, measure the whole once on test.

    The scores of all members and baselines are kept beside it. Raises DataError when no member is left.
    """
    job, told = Job(workspace, config, source), report or (lambda share, words: None)
    names, left_out = members_for(config, source.prepared.train)
    cards = {}
    for place, name in enumerate(names):
        told(place / (len(names) + 1), name)
        cards[name] = train_member(workspace, name, config, source, report=_part(told, place, len(names) + 1, name))
    told(len(names) / (len(names) + 1), "joining")
    key = key_of(
        part=ENSEMBLE,
        members={name: card.version for name, card in cards.items()},
        ensemble=asdict(config.ensemble),
        popularity=config.data.popularity,
    )
    return job.done(ENSEMBLE, key) or _joined(job, cards, left_out, key)


def members_for(config: RankingConfig, train: Lists) -> tuple[list[str], dict[str, str]]:
    """The members of the ensemble that can learn from `train`, and for each of the others why not.

    Raises DataError when none is left.
    """
    left_out = {}
    for name in dict.fromkeys(config.ensemble.members):
        if RANKERS.load(name).needs_histories and train.histories is None:
            left_out[name] = "it reads what users did before, and these lists have no histories"
            logger.warning("%s is left out: %s", name, left_out[name])
    names = [name for name in dict.fromkeys(config.ensemble.members) if name not in left_out]
    if not names:
        said = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "ensemble.members is empty"
        raise DataError(f"No member can learn from these lists ({said}).")
    return names, left_out


def _joined(job: Job, cards: Cards, left_out: Mapping[str, str], key: str) -> Card:
    """Fit the ensemble on what the members said of valid, measure it, and keep it with all of them."""
    prepared, config = job.source.prepared, job.config.ensemble
    folders = {name: job.store.open(KIND, name, card.version) for name, card in cards.items()}
    kept = {name: load_scores(folder) for name, folder in folders.items()}
    valid, test = ({name: own[part] for name, own in kept.items()} for part in MEASURED)
    costs = {name: card.metrics[COST] for name, card in cards.items()}
    ensemble = Ensemble.fit(valid, prepared.valid, config, costs=costs)
    base = baselines(job.workspace, job.config, job.source)
    chances = ensemble.probabilities(test, prepared.test)
    own = {**asdict(config), "weights": ensemble.weights}
    run = job.measured(ENSEMBLE, ensemble.combine(test, prepared.test), chances, own)
    said = {
        "key": key,
        "members": {name: card.version for name, card in cards.items()},
        "weights": ensemble.weights,
        "off": dict(ensemble.off),
        "left_out": dict(left_out),
        "baselines": measure_baselines(job.workspace, job.source, base, seed=job.seed),
        "runs": {name: card.config["run"] for name, card in cards.items()},
        "balance": next(iter(cards.values())).config["balance"],
        "run": run.id,
    }

    def write(folder: Path) -> None:
        ensemble.save(folder)
        save_columns(folder, prepared.test.columns)
        save_scores(folder, {f"{part} {name}": own[part] for name, own in (kept | base).items() for part in MEASURED})
        for name, place in folders.items():
            shutil.copytree(place, folder / MEMBERS / name)

    card = job.save(ENSEMBLE, write, said=said, figures=_figures(job, ensemble, valid, costs))
    for name, reason in ensemble.off.items():
        logger.info("%s is off: %s", name, reason)
    logger.info("%s: weights %s", ENSEMBLE, ", ".join(f"{n} {w:.3f}" for n, w in ensemble.weights.items()))
    return card


def _figures(
    job: Job, ensemble: Ensemble, scores: Mapping[str, Floats], costs: Mapping[str, float]
) -> dict[str, float]:
    """The ensemble's figures on valid, those of each way of joining where it wasn't fitted, and what it costs."""
    valid = job.source.prepared.valid
    found = figures_on_valid(valid, ensemble.combine(scores, valid), ensemble.probabilities(scores, valid))
    ways = compare_ways(scores, valid, job.config.ensemble)
    found |= {f"ndcg@10 of {way}": value for way, value in ways.items()}
    return found | {COST: sum(costs[name] for name in ensemble.active)}


def _part(report: Report, place: int, n: int, name: str) -> Report:
    return lambda share, words: report((place + share) / n, words or name)
