"""Open a ranker that serves: one member alone, or the ensemble with all of its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.artifacts import ArtifactStore, Card
from engine.errors import ArtifactError
from engine.rank.base import Floats, Ranker, check_features
from engine.rank.ensemble import Ensemble
from engine.rank.lists import Feature, Lists
from engine.rank.prepared import load_columns
from engine.rank.registry import RANKERS
from engine.ranking.cache import ENSEMBLE, KIND, MEASURED, MEMBERS, load_scores
from engine.workspace import Workspace


@dataclass(frozen=True)
class ServedRanker:
    """A ranker as it serves.

    members: by name, those that count, or all of them when they were asked for; ensemble: what joins their scores, of
    a single member its calibration; columns: the features that lists must have.
    """

    name: str
    card: Card
    members: Mapping[str, Ranker]
    ensemble: Ensemble
    columns: tuple[Feature, ...]

    def left_out(self, lists: Lists) -> dict[str, str]:
        """Members that can't score `lists`, and why."""
        if lists.histories is not None:
            return {}
        reason = "it reads what users did before, and these lists have no histories"
        return {name: reason for name, member in self.members.items() if member.needs_histories}

    def member_scores(self, lists: Lists) -> dict[str, Floats]:
        """What each member that can says of the candidates, (n_rows,) by member.

        Raises ArtifactError when the lists have other features than those it was trained on.
        """
        check_features(self.name, self.columns, lists.columns)
        left_out = self.left_out(lists)
        return {name: member.scores(lists) for name, member in self.members.items() if name not in left_out}

    def scores(self, lists: Lists) -> Floats:
        """(n_rows,) what candidates are ordered by. Raises DataError when no member that counts can score them."""
        return self.ensemble.combine(self.member_scores(lists), lists)

    def probabilities(self, lists: Lists) -> Floats:
        """(n_rows,) the chance that each candidate is wanted."""
        return self.ensemble.final.probabilities(self.scores(lists))


@dataclass(frozen=True)
class KeptScores:
    """What was said of the lists of one part when they were measured, (n_rows,) each.

    members: by member; baselines: by name, such as "recommend" (its own order).
    """

    members: Mapping[str, Floats]
    baselines: Mapping[str, Floats]


def open_ranker(workspace: Workspace, name: str = ENSEMBLE, *, every: bool = False) -> ServedRanker:
    """The version of `name` that serves; `every`: members without a weight, too.

    Raises NotBuiltError with the command, ArtifactError naming the file that is damaged, MissingExtraError when a
    member needs a library that isn't installed.
    """
    card, folder = open_folder(workspace, name)
    ensemble = Ensemble.load(folder)
    names = ensemble.members if every else ensemble.active
    places = {member: folder / MEMBERS / member if name == ENSEMBLE else folder for member in names}
    members: dict[str, Ranker] = {member: _loaded(member, place) for member, place in places.items()}
    return ServedRanker(name, card, members, ensemble, load_columns(folder))


def open_scores(workspace: Workspace, part: str = "test") -> KeptScores:
    """What the ensemble that serves kept of valid or test: scores in the order of the lists that `reopen` gives."""
    card, folder = open_folder(workspace, ENSEMBLE)
    if part not in MEASURED:
        raise ArtifactError(f"Scores are kept of {' and '.join(MEASURED)} only, not of {part}.")
    kept = {key.removeprefix(f"{part} "): own for key, own in load_scores(folder).items() if key.startswith(f"{part} ")}
    members = card.config["members"]
    return KeptScores(
        {name: own for name, own in kept.items() if name in members},
        {name: own for name, own in kept.items() if name not in members},
    )


def open_folder(workspace: Workspace, name: str) -> tuple[Card, Path]:
    """The card and the folder of the ranker `name` that serves."""
    store = ArtifactStore(workspace)
    version = store.current(KIND, name, command=train_command(workspace, name))
    return store.card(KIND, name, version), store.open(KIND, name, version)


def train_command(workspace: Workspace, name: str = ENSEMBLE) -> str:
    """What a person runs to train a ranker."""
    return f".venv/bin/python scripts/train_ranker.py --workspace {workspace.name} --model {name}"


def _loaded(name: str, folder: Path) -> Ranker:
    ranker: Ranker = RANKERS.load(name).load(folder)
    return ranker
