"""Train rankers on prepared lists: members alone, and the ensemble of them; measured on test, then kept to serve."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.artifacts import ArtifactStore, Card, library_versions, new_version
from engine.atomic import remove
from engine.errors import DataError
from engine.rank.balance import Balanced, balance
from engine.rank.base import Ranker, Training
from engine.rank.config import Smote
from engine.rank.ensemble import Ensemble
from engine.rank.evaluation import micros_per_candidate
from engine.rank.lists import Lists
from engine.rank.prepared import save_columns
from engine.rank.registry import RANKERS
from engine.rank.ways import compare_ways
from engine.ranking.cache import (
    COST,
    ENSEMBLE,
    KIND,
    MEASURED,
    MEMBERS,
    drop_old,
    find_trained,
    key_of,
    load_scores,
    save_scores,
)
from engine.ranking.config import RankingConfig
from engine.ranking.measuring import figures_on_valid, measure, measure_baselines
from engine.ranking.own_order import baselines
from engine.ranking.source import Source, described, seed_of
from engine.runs import LIBRARIES, RunStore
from engine.workspace import Workspace

Report = Callable[[float, str], None]
logger = logging.getLogger("engine.ranking")


def train_member(
    workspace: Workspace, name: str, config: RankingConfig, source: Source, *, report: Report | None = None
) -> Card:
    """Train the ranker `name` on train, stop it by valid, measure it once on test, and let it serve.

    One with the same settings and lists is taken as it is. A stopped training goes on where it was. Raises
    UnknownNameError, MissingExtraError, DataError when it can't learn from these lists: what served before still does.
    """
    store, settings = ArtifactStore(workspace), config.of(name)
    needs_histories = bool(RANKERS.load(name).needs_histories)
    how = balancing(config.smote, needs_histories)
    key = key_of(
        name=name, settings=asdict(settings), mark=source.mark, smote=asdict(how), seed=seed_of(config), part=MEMBERS
    )
    found = find_trained(store, KIND, name, key) if config.cache.use else None
    if found and found.config["run"] in {run.id for run in RunStore(workspace).list("rank")}:
        logger.info("%s: unchanged, version %s is taken", name, found.version)
        return found
    work = workspace.path / ".training" / key
    ranker, balanced, seconds = _fitted(name, config, source, how, work, report or (lambda share, words: None))
    scores = {part: ranker.scores(source.prepared.part(part)) for part in MEASURED}
    valid = source.prepared.valid
    alone = Ensemble.fit({name: scores["valid"]}, valid, replace(config.ensemble, how="weights"))
    chances = {part: alone.calibrations[name].probabilities(own) for part, own in scores.items()}
    figures = figures_on_valid(valid, scores["valid"], chances["valid"])
    figures |= {"seconds": seconds, COST: micros_per_candidate(ranker.scores, valid)}
    run = measure(
        workspace,
        source,
        name,
        scores["test"],
        chances["test"],
        config={**asdict(settings), "smote": how.how},
        seed=seed_of(config),
    )
    said = {"key": key, "settings": asdict(settings), "balance": _told(balanced), "run": run.id}

    def write(folder: Path) -> None:
        ranker.save(folder)
        save_columns(folder, valid.columns)
        alone.save(folder)
        save_scores(folder, scores)

    card = _save(store, name, config, source, write, said, figures)
    remove(work)
    logger.info("%s: %s", name, ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items()))
    return card


def train_ensemble(
    workspace: Workspace,
    config: RankingConfig,
    source: Source,
    *,
    report: Report | None = None,
) -> Card:
    """Train every member that can learn from these lists, join them on valid, measure the whole once on test.

    The scores of all members and baselines are kept beside it. Raises DataError when no member is left.
    """
    store, told = ArtifactStore(workspace), report or (lambda share, words: None)
    names, left_out = members_for(config, source.prepared.train)
    cards = {}
    for place, name in enumerate(names):
        told(place / (len(names) + 1), name)
        cards[name] = train_member(workspace, name, config, source, report=_part(told, place, len(names) + 1, name))
    told(len(names) / (len(names) + 1), "joining")
    key = key_of(
        members={name: card.version for name, card in cards.items()},
        ensemble=asdict(config.ensemble),
        popularity=config.data.popularity,
        part=ENSEMBLE,
    )
    found = find_trained(store, KIND, ENSEMBLE, key) if config.cache.use else None
    if found and found.config["run"] in {run.id for run in RunStore(workspace).list("rank")}:
        logger.info("%s: unchanged, version %s is taken", ENSEMBLE, found.version)
        return found
    return _joined(workspace, config, source, cards, key=key, left_out=left_out)


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


def _joined(
    workspace: Workspace,
    config: RankingConfig,
    source: Source,
    cards: Mapping[str, Card],
    *,
    key: str,
    left_out: Mapping[str, str],
) -> Card:
    store, prepared = ArtifactStore(workspace), source.prepared
    base = baselines(workspace, config, source)
    folders = {name: store.open(KIND, name, card.version) for name, card in cards.items()}
    kept = {name: load_scores(folder) for name, folder in folders.items()}
    valid, test = ({name: own[part] for name, own in kept.items()} for part in MEASURED)
    ensemble = Ensemble.fit(
        valid, prepared.valid, config.ensemble, costs={n: c.metrics[COST] for n, c in cards.items()}
    )
    figures = figures_on_valid(
        prepared.valid, ensemble.combine(valid, prepared.valid), ensemble.probabilities(valid, prepared.valid)
    )
    figures |= {
        f"ndcg@10 of {way}": value for way, value in compare_ways(valid, prepared.valid, config.ensemble).items()
    }
    figures[COST] = sum(cards[name].metrics[COST] for name in ensemble.active)
    run = measure(
        workspace,
        source,
        ENSEMBLE,
        ensemble.combine(test, prepared.test),
        ensemble.probabilities(test, prepared.test),
        config={**asdict(config.ensemble), "weights": ensemble.weights},
        seed=seed_of(config),
    )
    said = {
        "key": key,
        "members": {name: card.version for name, card in cards.items()},
        "weights": ensemble.weights,
        "off": dict(ensemble.off),
        "left_out": dict(left_out),
        "baselines": measure_baselines(workspace, source, base, seed=seed_of(config)),
        "runs": {name: card.config["run"] for name, card in cards.items()},
        "balance": next(iter(cards.values())).config["balance"],
        "run": run.id,
    }

    def write(folder: Path) -> None:
        ensemble.save(folder)
        save_columns(folder, prepared.test.columns)
        scores = {f"{part} {name}": own[part] for name, own in {**kept, **base}.items() for part in MEASURED}
        save_scores(folder, scores)
        for name, place in folders.items():
            shutil.copytree(place, folder / MEMBERS / name)

    card = _save(store, ENSEMBLE, config, source, write, said, figures)
    for name, reason in ensemble.off.items():
        logger.info("%s is off: %s", name, reason)
    logger.info("%s: weights %s", ENSEMBLE, ", ".join(f"{n} {w:.3f}" for n, w in ensemble.weights.items()))
    return card


def _fitted(
    name: str, config: RankingConfig, source: Source, how: Smote, work: Path, report: Report
) -> tuple[Ranker, Balanced, float]:
    """The fitted ranker, what it learned from, and the seconds that learning took."""
    train, seed = source.prepared.train, seed_of(config)
    balanced = balance(train, how=how.how, neighbours=how.neighbours, seed=seed)
    logger.info("%s: learning from %s lists, %s candidates; %s", name, len(train), len(train.items), balanced.note)
    folder = work if config.training.resume else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    training = Training(seed=seed, weights=balanced.weights, folder=folder, progress=report)
    begun = time.perf_counter()
    ranker: Ranker = RANKERS.load(name)(config.of(name)).fit(balanced.lists, source.prepared.valid, training)
    return ranker, balanced, time.perf_counter() - begun


def balancing(smote: Smote, needs_histories: bool) -> Smote:
    """New candidates between near ones have no user and no history, so members that read those get weights instead."""
    return replace(smote, how="weights") if smote.how == "smote" and needs_histories else smote


def _told(balanced: Balanced) -> dict[str, Any]:
    return {
        "how": balanced.how,
        "before": [int(count) for count in balanced.before],
        "after": [int(count) for count in balanced.after],
        "note": balanced.note,
    }


def _part(report: Report, place: int, n: int, name: str) -> Report:
    return lambda share, words: report((place + share) / n, words or name)


def _save(
    store: ArtifactStore,
    name: str,
    config: RankingConfig,
    source: Source,
    write: Callable[[Path], None],
    said: Mapping[str, Any],
    figures: Mapping[str, float],
) -> Card:
    card = Card(
        kind=KIND,
        name=name,
        version=new_version(),
        config={**described(config, source), **said},
        data_hash=source.mark,
        split=source.split,
        seed=seed_of(config),
        metrics={key: float(value) for key, value in figures.items() if np.isfinite(value)},
        libraries=library_versions(*LIBRARIES, *_libraries([name])),
    )
    stored = store.save(card, write)
    drop_old(store, KIND, name, config.cache.keep)
    return stored


def _libraries(names: Sequence[str]) -> list[str]:
    networks = {"transformer": ("torch",), "gat": ("torch", "torch-geometric"), "xgboost": ("xgboost-cpu",)}
    return [library for name in names for library in networks.get(name, (name,))]
