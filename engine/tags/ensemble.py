"""The ensemble: several taggers' probabilities joined into one, by weights that valid decides.

log-odds = bias + sum of weight * log-odds of the member, with weights of 0 or more: a member that adds nothing to the
others gets 0 (a logistic pool; L. Breiman, Stacked regressions, 1996, says why weights shouldn't be negative).

A tagger that was trained before can't be a member: it has learned from valid in the end, so valid would trust it too
much. Members are therefore trained here, twice: on a part of train to be weighed on valid, then on everything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from engine.errors import ArtifactError, DataError, SettingsError
from engine.schema import ItemText
from engine.tags.base import TaggedItems, Tagger
from engine.tags.labels import label_matrix
from engine.tags.registry import TAGGERS
from engine.tags.storage import reading, write_model
from engine.tags.thresholds import choose_thresholds

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
EDGE = 1e-4  # probabilities are kept that far from 0 and 1: a member may be sure, not certain
HELD_BACK = 8  # one in so many items of train is the members' own valid while they are weighed
MEMBERS = "members"


@dataclass(frozen=True)
class EnsembleConfig:
    """Settings of the ensemble.

    members: names of at least two different taggers; each is trained with its own defaults, which takes twice the
        time of training it alone
    min_support: how many items of train a tag needs to be learned, by every member
    tag_shrinkage: with how many items in valid a tag's own threshold counts as much as the global one
    """

    members: tuple[str, ...] = ("linear", "stacked")
    min_support: int = 5
    tag_shrinkage: float = 100.0


@dataclass(frozen=True)
class Pool:
    """Fitted weights (n_members,) and the bias."""

    weights: Floats
    bias: float

    @classmethod
    def fit(cls, said: Floats, true: Mask) -> Pool:
        """The likeliest weights of 0 or more; `said` (n_members, n_items, n_labels) probabilities, `true` the labels.

        Only entries that a member finds possible count. Raises DataError when they hold no true label or no false one.
        """
        possible = said.max(axis=0) > 0
        odds, answers = _odds(said)[:, possible], true[possible].astype(np.float64)
        if not 0 < answers.sum() < len(answers):
            raise DataError(f"The {len(true)} items of valid can't weigh the members; use more items or another seed.")

        def loss(values: Floats) -> tuple[float, Floats]:
            scores = values[:-1] @ odds + values[-1]
            wrong = (expit(scores) - answers) / len(answers)
            return float(np.mean(np.logaddexp(0, scores) - answers * scores)), np.append(odds @ wrong, wrong.sum())

        start = np.append(np.full(len(said), 1 / len(said)), 0.0)
        bounds = [(0, None)] * len(said) + [(None, None)]
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
        return cls(found[:-1], float(found[-1]))

    def probabilities(self, said: Floats) -> Floats:
        """(n_items, n_labels) from `said` (n_members, n_items, n_labels); 0 where every member says 0."""
        joined = expit(np.tensordot(self.weights, _odds(said), axes=1) + self.bias)
        return np.where(said.max(axis=0) > 0, joined, 0.0)


def _odds(said: Floats) -> Floats:
    return np.asarray(logit(np.clip(said, EDGE, 1 - EDGE)), dtype=np.float64)


class EnsembleTagger:
    """Asks every member. Its vocabulary is what all members know."""

    name: ClassVar[str] = "ensemble"
    Config: ClassVar[type[EnsembleConfig]] = EnsembleConfig

    def __init__(self, config: EnsembleConfig | None = None) -> None:
        self.config = config or EnsembleConfig()
        self._labels: list[str] = []
        self.thresholds: Floats = np.empty(0)
        self.valid_f1 = float("nan")
        self._members: list[Tagger] = []
        self._pool: Pool | None = None

    @property
    def tags(self) -> Sequence[str]:
        """The label vocabulary, sorted; empty before fit."""
        return self._labels

    @property
    def categories(self) -> Sequence[str]:
        """The categories that its members know, sorted."""
        return sorted({name for member in self._fitted[0] for name in member.categories})

    @property
    def weights(self) -> dict[str, float]:
        """How much each member's log-odds count."""
        return dict(zip(self.config.members, self._fitted[1].weights.tolist(), strict=True))

    def fit(self, train: TaggedItems, valid: TaggedItems) -> Self:
        """Weigh members that have not seen valid, then train them on both.

        Raises SettingsError or UnknownNameError for members that can't be, and what members raise.
        """
        drafts = [member.fit(*_parted(train)) for member in self._new()]
        labels = _common(drafts)
        said, true = _ask(drafts, valid.items, labels), label_matrix(valid.tags, labels)
        pool = Pool.fit(said, true)
        chosen = choose_thresholds(labels, true, pool.probabilities(said), shrinkage=self.config.tag_shrinkage)
        del drafts
        members = [member.fit(train, valid) for member in self._new()]
        self._members, self._pool, self._labels = members, pool, _common(members)
        self.thresholds, self.valid_f1 = chosen.of(self._labels), chosen.micro_f1
        return self

    def probabilities(self, items: Sequence[ItemText]) -> Floats:
        """(n_items, n_tags); a tag that no member finds possible for the category has 0."""
        members, pool = self._fitted
        return pool.probabilities(_ask(members, items, self._labels))

    def save(self, folder: Path) -> None:
        """Write model.json, arrays.npz, and each member into a folder of its own."""
        members, pool = self._fitted
        for name, member in zip(self.config.members, members, strict=True):
            place = folder / MEMBERS / name
            place.mkdir(parents=True)
            member.save(place)
        said = {
            "model": self.name,
            "config": asdict(self.config),
            "labels": self._labels,
            "valid_f1": self.valid_f1,
            "bias": pool.bias,
        }
        write_model(folder, said, {"weights": pool.weights, "thresholds": self.thresholds})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it isn't whole."""
        with reading(folder, cls.name) as stored:
            config = dict(stored.said["config"])
            tagger = cls(EnsembleConfig(**{**config, "members": tuple(config["members"])}))
            names, weights = tagger.config.members, stored.arrays["weights"]
            tagger._members = [TAGGERS.load(name).load(folder / MEMBERS / name) for name in _checked(names)]
            tagger._labels, tagger.thresholds = list(stored.said["labels"]), stored.thresholds
            if weights.shape != (len(names),) or not set(tagger._labels) <= set(_common(tagger._members)):
                raise ValueError("its members don't fit the labels and weights")
            tagger._pool = Pool(weights, float(stored.said["bias"]))
            tagger.valid_f1 = float(stored.said["valid_f1"])
        return tagger

    @property
    def _fitted(self) -> tuple[list[Tagger], Pool]:
        if self._pool is None:
            raise ArtifactError("This ensemble has learned nothing yet; call fit or load first.")
        return self._members, self._pool

    def _new(self) -> list[Tagger]:
        """Members that have learned nothing yet."""
        kinds = [TAGGERS.load(name) for name in _checked(self.config.members)]
        return [kind(replace(kind.Config(), min_support=self.config.min_support)) for kind in kinds]


def _checked(names: Sequence[str]) -> Sequence[str]:
    """`names` as they are; SettingsError when they can't be an ensemble's members."""
    if len(set(names)) < 2 or len(set(names)) < len(names) or EnsembleTagger.name in names:
        given = json.dumps(list(names), ensure_ascii=False)
        raise SettingsError(f"An ensemble needs two or more different taggers, none an ensemble, and got {given}.")
    return names


def _parted(items: TaggedItems) -> tuple[TaggedItems, TaggedItems]:
    """Train and valid for members that are only weighed: every eighth item, drawn at random, is valid."""
    order = np.random.default_rng(0).permutation(len(items.items))
    last = max(1, len(order) // HELD_BACK)
    parts = [sorted(order[last:].tolist()), sorted(order[:last].tolist())]
    train, valid = (TaggedItems([items.items[at] for at in p], [items.tags[at] for at in p]) for p in parts)
    return train, valid


def _common(members: Sequence[Tagger]) -> list[str]:
    """The tags that every member knows, sorted."""
    return sorted(set.intersection(*(set(member.tags) for member in members)))


def _ask(members: Sequence[Tagger], items: Sequence[ItemText], labels: Sequence[str]) -> Floats:
    """(n_members, n_items, n_labels): what each member says."""
    said = []
    for member in members:
        place = {tag: column for column, tag in enumerate(member.tags)}
        said.append(member.probabilities(items)[:, [place[label] for label in labels]])
    return np.stack(said)
