"""Train one member: balanced train, stopped by valid, measured once on test beside its scores of both."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine.artifacts import Card
from engine.atomic import remove
from engine.rank.balance import Balanced, balance
from engine.rank.base import Ranker, Training
from engine.rank.config import Smote
from engine.rank.ensemble import Ensemble
from engine.rank.evaluation import micros_per_candidate
from engine.rank.prepared import save_columns
from engine.rank.registry import RANKERS
from engine.ranking.cache import COST, MEASURED, MEMBERS, key_of, save_scores
from engine.ranking.config import RankingConfig
from engine.ranking.job import Job
from engine.ranking.measuring import figures_on_valid
from engine.ranking.source import Source
from engine.workspace import Workspace

Report = Callable[[float, str], None]
logger = logging.getLogger("engine.ranking")


@dataclass(frozen=True)
class _Fitted:
    """A ranker, what it learned from, and the seconds that took."""

    ranker: Ranker
    balanced: Balanced
    seconds: float


def train_member(
    workspace: Workspace, name: str, config: RankingConfig, source: Source, *, report: Report | None = None
) -> Card:
    """Train the ranker `name` on train, stop it by valid, measure it once on test, and let it serve.

    One with the same settings and lists is taken as it is. A stopped training goes on where it was. Raises
    UnknownNameError, MissingExtraError, DataError when it can't learn from these lists: what served before still does.
    """
    job, settings = Job(workspace, config, source), config.of(name)
    how = balancing(config.smote, bool(RANKERS.load(name).needs_histories))
    key = key_of(
        part=MEMBERS,
        name=name,
        settings=asdict(settings),
        mark=source.mark,
        smote=asdict(how),
        calibration=config.ensemble.calibration,
        seed=job.seed,
    )
    found = job.done(name, key)
    if found:
        return found
    work = workspace.path / ".training" / key
    fitted = _fit(job, name, how, work, report or (lambda share, words: None))
    card = _kept(job, name, fitted, key)
    remove(work)
    return card


def balancing(smote: Smote, needs_histories: bool) -> Smote:
    """New candidates between near ones have no user and no history, so members that read those get weights instead."""
    return replace(smote, how="weights") if smote.how == "smote" and needs_histories else smote


def _fit(job: Job, name: str, how: Smote, work: Path, report: Report) -> _Fitted:
    train = job.source.prepared.train
    balanced = balance(train, how=how.how, neighbours=how.neighbours, seed=job.seed)
    logger.info("%s: learning from %s lists, %s candidates; %s", name, len(train), len(train.items), balanced.note)
    folder = work if job.config.training.resume else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    training = Training(seed=job.seed, weights=balanced.weights, folder=folder, progress=report)
    begun = time.perf_counter()
    ranker: Ranker = RANKERS.load(name)(job.config.of(name))
    ranker.fit(balanced.lists, job.source.prepared.valid, training)
    return _Fitted(ranker, balanced, time.perf_counter() - begun)


def _kept(job: Job, name: str, fitted: _Fitted, key: str) -> Card:
    """Calibrate, measure and keep what was fitted."""
    ranker, valid, settings = fitted.ranker, job.source.prepared.valid, asdict(job.config.of(name))
    scores = {part: ranker.scores(job.source.prepared.part(part)) for part in MEASURED}
    alone = Ensemble.fit({name: scores["valid"]}, valid, replace(job.config.ensemble, how="weights"))
    chances = {part: alone.calibrations[name].probabilities(own) for part, own in scores.items()}
    figures = figures_on_valid(valid, scores["valid"], chances["valid"])
    figures |= {"seconds": fitted.seconds, COST: micros_per_candidate(ranker.scores, valid)}
    balanced = fitted.balanced
    run = job.measured(name, scores["test"], chances["test"], {**settings, "smote": balanced.how})
    told = {
        "how": balanced.how,
        "before": [int(count) for count in balanced.before],
        "after": [int(count) for count in balanced.after],
        "note": balanced.note,
    }

    def write(folder: Path) -> None:
        ranker.save(folder)
        save_columns(folder, valid.columns)
        alone.save(folder)
        save_scores(folder, scores)

    said = {"key": key, "settings": settings, "balance": told, "run": run.id}
    card = job.save(name, write, said=said, figures=figures)
    logger.info("%s: %s", name, ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items()))
    return card
