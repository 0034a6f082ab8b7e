"""Open the ranking lab: the ensemble that serves, with the lists that it was measured on and what was kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.artifacts import ArtifactStore, Card
from engine.errors import ArtifactError, DataError, MissingExtraError, SettingsError, UnknownNameError
from engine.rank.base import Floats
from engine.rank.lists import Lists
from engine.rank.panel import Panel
from engine.ranking import kept
from engine.ranking.cache import COST, ENSEMBLE, KIND
from engine.ranking.lab import Lab, measured
from engine.ranking.measuring import POPULARITY, popularity
from engine.ranking.own_order import OWN
from engine.ranking.serving import ServedRanker, open_ranker, open_scores, train_command
from engine.ranking.source import Source, reopen
from engine.workspace import Workspace


@dataclass(frozen=True)
class Counts:
    """Candidates of train: those that were wanted, and the others."""

    wanted: int
    others: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.wanted + self.others


@dataclass(frozen=True)
class Balance:
    """How train was balanced: candidates before and after, and what was done in words."""

    before: Counts
    after: Counts
    note: str


@dataclass(frozen=True)
class Opening:
    """What the lab needs of the ensemble that serves.

    train: what the members learned from, read when asked for; micros: microseconds per candidate, by ranker; missing:
    members that can't be opened here, and why; current: whether its lists are of the tables as they are.
    """

    lab: Lab
    card: Card
    source: Source
    balance: Balance
    micros: Mapping[str, float]
    missing: Mapping[str, str]
    current: bool

    @property
    def train(self) -> Lists:
        """The lists that the members learned from."""
        return self.source.prepared.train


def lab_version(workspace: Workspace) -> str:
    """The version of the ensemble that serves. Raises NotBuiltError with the command."""
    return ArtifactStore(workspace).current(KIND, ENSEMBLE, command=train_command(workspace))


def open_lab(workspace: Workspace) -> Opening:
    """The ensemble that serves, on the lists of test.

    Raises NotBuiltError with the command, ArtifactError when files are damaged or the lists are no longer there.
    """
    served, missing = _opened(workspace)
    source, scores = _source(workspace, served.card), open_scores(workspace)
    test = source.prepared.test
    base_name, base = _base(source, scores.baselines)
    members = {name: scores.members[name] for name in served.members}
    if any(len(own) != len(test.items) for own in (*members.values(), base)):
        raise ArtifactError("The scores that were kept are of other lists; train the ensemble again.")
    lists, kept_scores = measured(test, {**members, OWN: base})
    base = kept_scores.pop(OWN)
    lab = Lab(lists, Panel(served.members, served.ensemble), kept_scores, base, base_name)
    card = served.card
    return Opening(lab, card, source, _balance(card), _micros(workspace, card), missing, _current(workspace, card))


def _source(workspace: Workspace, card: Card) -> Source:
    try:
        return reopen(workspace, card)
    except (UnknownNameError, SettingsError, DataError) as error:
        said = f"The configuration that the ensemble was trained with can't be read any more ({error})"
        raise ArtifactError(f"{said}; train it again.") from None


def _opened(workspace: Workspace) -> tuple[ServedRanker, dict[str, str]]:
    """The ensemble with all its members; without those that have no weight where one of them can't be opened."""
    try:
        return open_ranker(workspace, every=True), {}
    except MissingExtraError as error:
        served = open_ranker(workspace)
        gone = [name for name in served.ensemble.members if name not in served.members]
        return served, dict.fromkeys(gone, str(error))


def _base(source: Source, baselines: Mapping[str, Floats]) -> tuple[str, Floats]:
    """Recommend's own order where it was kept, else popularity, else no order: all alike."""
    if OWN in baselines:
        return OWN, baselines[OWN]
    found = popularity(source, "item_popularity")
    return POPULARITY, found["test"] if found else np.zeros(len(source.prepared.test.items))


def _balance(card: Card) -> Balance:
    said = card.config["balance"]
    before, after = (Counts(*(int(count) for count in said[part])) for part in ("before", "after"))
    return Balance(before, after, str(said["note"]))


def _micros(workspace: Workspace, card: Card) -> dict[str, float]:
    store, found = ArtifactStore(workspace), {ENSEMBLE: card.metrics[COST]}
    for name, version in card.config["members"].items():
        if version in store.versions(KIND, name):
            found[name] = store.card(KIND, name, version).metrics[COST]
    return found


def _current(workspace: Workspace, card: Card) -> bool:
    version = card.config["lists"].get("version")
    if version is None:
        return True  # lists of a file, whose content `reopen` has compared
    return ArtifactStore(workspace).card(kept.KIND, kept.NAME, version).data_hash == workspace.data_hash(*kept.TABLES)
