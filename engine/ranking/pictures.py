"""The pictures of a training: from what was kept of it to tables, and from those to files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from engine.artifacts import ArtifactStore, Card
from engine.figures import FORMATS, Spec
from engine.metrics.definitions import label
from engine.metrics.measures import measures
from engine.rank.base import Ranker
from engine.rank.lists import Lists
from engine.rank.plots import (
    calibration,
    class_balance,
    comparison,
    contributions,
    importance,
    learning_curves,
    save_plot,
    study,
)
from engine.ranking.cache import ENSEMBLE, KIND
from engine.ranking.lines import figure, reliability_of
from engine.ranking.measuring import METRICS
from engine.ranking.serving import open_ranker
from engine.ranking.source import reopen
from engine.ranking.tuning import last_searches, search_history
from engine.runs import RunStore
from engine.workspace import Workspace

SAMPLED = 400  # candidates whose contributions are drawn
logger = logging.getLogger("engine.ranking")


def save_pictures(workspace: Workspace, folder: Path, formats: Iterable[str] = FORMATS) -> list[Path]:
    """Draw the ensemble that serves and its members, and the last searches of settings; the files that were written.

    Raises NotBuiltError with the command when there is no ensemble, ArtifactError when what it learned from is gone.
    """
    formats = list(formats)
    if not formats:
        return []
    made = []
    for name, spec in _specs(workspace).items():
        made += save_plot(folder, name, spec, formats)
        logger.info("picture %s", name)
    return made


def _specs(workspace: Workspace) -> dict[str, Spec]:
    served = open_ranker(workspace, every=True)
    cards = _cards(workspace, served.card)
    runs = {ENSEMBLE: served.card.config["run"], **served.card.config["runs"], **served.card.config["baselines"]}
    rows = {name: RunStore(workspace).rows(run) for name, run in runs.items()}
    found: dict[str, Spec] = {
        "class_balance": class_balance(balance_table(cards)),
        "calibration": calibration(calibration_table({name: rows[name] for name in (ENSEMBLE, *cards)})),
        "comparison": comparison(comparison_table(rows)),
    }
    shares, curves = importance_table(served.members), curve_table(served.members)
    found |= {"importance": importance(shares)} if len(shares) else {}
    found |= {"learning_curves": learning_curves(curves)} if len(curves) else {}
    test = reopen(workspace, served.card).prepared.test
    for name, member in served.members.items():
        if member.additive and member.columns:
            found[f"shap_{name}"] = contributions(contribution_table(member, test), name)
    for name, search in last_searches(workspace).items():
        if search["mark"] == served.card.config["mark"]:
            found[f"study_{name}"] = study(search_history(workspace, name), name, str(search["metric"]))
    return found


def balance_table(cards: Mapping[str, Card]) -> pd.DataFrame:
    """Candidates of train by member and stage, wanted and not; weighed ones count as what they weigh."""
    return pd.DataFrame(
        {"member": f"{name} ({card.config['balance']['how']})", "stage": stage, "wanted": wanted, "n": n}
        for name, card in cards.items()
        for stage in ("before", "after")
        for wanted, n in zip(("yes", "no"), card.config["balance"][stage], strict=True)
    )


def importance_table(members: Mapping[str, Ranker]) -> pd.DataFrame:
    """Shares of importance by member and feature, of members that read features."""
    rows = [
        {"member": name, "feature": feature, "share": share}
        for name, member in members.items()
        for feature, share in member.importance().items()
    ]
    return pd.DataFrame(rows, columns=["member", "feature", "share"])


def curve_table(members: Mapping[str, Ranker]) -> pd.DataFrame:
    """What each member measured while learning, a row for each round."""
    rows = [
        {"member": name, "curve": curve, "round": number, "value": float(value)}
        for name, member in members.items()
        for curve, values in member.curves.items()
        for number, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=["member", "curve", "round", "value"])


def contribution_table(member: Ranker, lists: Lists, n: int = SAMPLED) -> pd.DataFrame:
    """What each feature added to the scores of about `n` candidates of whole lists, and where its value stands."""
    every = max(len(lists.items) // n, 1)
    sample = lists.take(np.arange(0, len(lists), every))
    told = member.explain(sample)
    frames = []
    for column, name in enumerate(sample.names):
        values = sample.features[:, column]
        known = np.isfinite(values)
        standing = np.full(len(values), np.nan)
        standing[known] = (pd.Series(values[known]).rank().to_numpy() - 0.5) / max(int(known.sum()), 1)
        added = np.array([each.get(name, 0.0) for each in told])
        spread = np.sin(np.arange(len(values)) * 12.9898)  # scattered, and the same each time
        frames.append(
            pd.DataFrame({"feature": name, "contribution": added, "standing": standing, "spread": 0.8 * spread})
        )
    return pd.concat(frames, ignore_index=True)


def calibration_table(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Chances and what came of them, in bins, by ranker."""
    return pd.DataFrame(
        {"member": name, "said": part.said, "wanted": part.wanted, "n": part.n}
        for name, own in rows.items()
        for part in reliability_of(own)
    )


def comparison_table(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every figure of every ranker with its interval, the best ranker first."""
    found = []
    for name, own in rows.items():
        for metric, measure in measures("rank", own, METRICS).items():
            told = figure(measure, seed=0)
            found.append(
                {"member": name, "metric": label(metric), "value": told.value, "low": told.low, "high": told.high}
            )
    frame = pd.DataFrame(found)
    best = frame[frame["metric"] == label(METRICS[0])].set_index("member")["value"]
    order = frame["member"].map(best.rank(ascending=False))
    return frame.iloc[np.lexsort((np.arange(len(frame)), order))].reset_index(drop=True)


def _cards(workspace: Workspace, card: Card) -> dict[str, Card]:
    store = ArtifactStore(workspace)
    return {
        name: store.card(KIND, name, version)
        for name, version in card.config["members"].items()
        if version in store.versions(KIND, name)
    }
