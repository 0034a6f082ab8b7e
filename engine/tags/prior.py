"""The category prior: how often a category's items have each tag. The baseline that reads no review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.schema import ItemText
from engine.tags.allowlist import AllowList
from engine.tags.base import TaggedItems
from engine.tags.labels import joined, label_matrix, vocabulary
from engine.tags.storage import Stored, reading, write_model
from engine.tags.thresholds import choose_thresholds

Floats = NDArray[np.float64]
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


@dataclass(frozen=True)
class CategoryPrior:
    """Smoothed tag frequencies per category.

    rate = (n with the tag in the category + strength * global rate) / (n in the category + strength): a category with
    few items looks like the whole catalogue. `counts` is (n_categories, n_labels), `sizes` (n_categories,).
    """

    names: tuple[str, ...]
    counts: Floats
    sizes: Floats
    strength: float

    @classmethod
    def learn(cls, categories: Sequence[str], labels: NDArray[np.bool_]) -> CategoryPrior:
        """Count, and choose the strength under which each item is most likely given all the others."""
        names = tuple(sorted(set(categories)))
        of = np.array(categories, dtype=object)
        counts = np.array([labels[of == name].sum(axis=0) for name in names], dtype=np.float64)
        sizes = np.array([(of == name).sum() for name in names], dtype=np.float64)
        likelihoods = [_left_out_likelihood(counts, sizes, strength) for strength in STRENGTHS]
        return cls(names, counts, sizes, STRENGTHS[int(np.argmax(likelihoods))])

    @property
    def overall(self) -> Floats:
        """(n_labels,) the rate in the whole catalogue, which is also that of an unknown category."""
        rate: Floats = (self.counts.sum(axis=0) + 0.5) / (self.sizes.sum() + 1)
        return rate

    @property
    def table(self) -> Floats:
        """(n_categories, n_labels) smoothed rates."""
        rates: Floats = (self.counts + self.strength * self.overall) / (self.sizes + self.strength)[:, None]
        return rates

    def rates(self, categories: Sequence[str]) -> Floats:
        """(n_items, n_labels) the rate of each tag in each item's category, strictly between 0 and 1."""
        place = {name: row for row, name in enumerate(self.names)}
        rows = [place.get(category, len(self.names)) for category in categories]
        return np.vstack([self.table, self.overall])[rows]

    @property
    def allow_list(self) -> AllowList:
        """For each category the tags that one of its items had."""
        return AllowList(dict(zip(self.names, self.counts > 0, strict=True)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `restore` needs besides the names of the categories."""
        return {"prior.counts": self.counts, "prior.sizes": self.sizes, "prior.strength": np.array(self.strength)}

    @classmethod
    def restore(cls, stored: Stored) -> CategoryPrior:
        """The prior whose `arrays` and names were stored; ValueError when their shapes don't fit."""
        counts, sizes, strength = (stored.arrays[f"prior.{name}"] for name in ("counts", "sizes", "strength"))
        names = tuple(stored.said["categories"])
        if counts.shape != (len(names), len(stored.said["labels"])) or sizes.shape != (len(names),):
            raise ValueError("the prior's arrays don't fit the categories and labels")
        return cls(names, counts, sizes, float(strength))


def _left_out_likelihood(counts: Floats, sizes: Floats, strength: float) -> float:
    """The log likelihood of every item's tags under the rates that all other items give."""
    total, others = counts.sum(axis=0), sizes.sum() - 1
    rest = (sizes - 1 + strength)[:, None]
    with_tag = (counts - 1 + strength * (total - 0.5) / (others + 1)) / rest
    without = (counts + strength * (total + 0.5) / (others + 1)) / rest
    with_tag, without = np.clip(with_tag, 1e-9, 1), np.clip(without, 0, 1 - 1e-9)
    return float((counts * np.log(with_tag) + (sizes[:, None] - counts) * np.log1p(-without)).sum())


@dataclass(frozen=True)
class PriorConfig:
    """Settings of the category prior.

    min_support: how many items of train a tag needs to be learned
    top_k: how many of its most frequent tags a category offers; the others get probability 0
    tag_shrinkage: with how many items in valid a tag's own threshold counts as much as the global one
    """

    min_support: int = 5
    top_k: int = 50
    tag_shrinkage: float = 100.0


class PriorTagger:
    """Gives every item the frequent tags of its category. An unknown category gets those of the whole catalogue."""

    name: ClassVar[str] = "prior"
    Config: ClassVar[type[PriorConfig]] = PriorConfig

    def __init__(self, config: PriorConfig | None = None) -> None:
        self.config = config or PriorConfig()
        self._labels: list[str] = []
        self.thresholds: Floats = np.empty(0)
        self.valid_f1 = float("nan")
        self._prior: CategoryPrior | None = None

    @property
    def tags(self) -> Sequence[str]:
        """The label vocabulary, sorted."""
        return self._labels

    @property
    def categories(self) -> Sequence[str]:
        """The categories that it knows, sorted."""
        return self._fitted.names

    def fit(self, train: TaggedItems, valid: TaggedItems) -> Self:
        """Count on train, choose thresholds on valid, then count on both. Raises DataError without a tag to learn."""
        self._learn(train)
        true = label_matrix(valid.tags, self._labels)
        likely = self.probabilities(valid.items)
        chosen = choose_thresholds(self._labels, true, likely, shrinkage=self.config.tag_shrinkage)
        self._learn(joined(train, valid))
        self.thresholds, self.valid_f1 = chosen.of(self._labels), chosen.micro_f1
        return self

    def probabilities(self, items: Sequence[ItemText]) -> Floats:
        """(n_items, n_tags): the smoothed frequency in the category; 0 outside its top k and for what it never had."""
        categories = [item.category for item in items]
        allowed = self._fitted.allow_list.mask(categories, len(self._labels))
        rates = np.where(allowed, self._fitted.rates(categories), 0.0)
        unlikely = np.argsort(np.argsort(-rates, axis=1, kind="stable"), axis=1) >= self.config.top_k
        rates[unlikely] = 0.0
        return rates

    def save(self, folder: Path) -> None:
        """Write model.json and arrays.npz."""
        prior = self._fitted
        said = {
            "model": self.name,
            "config": asdict(self.config),
            "labels": self._labels,
            "categories": prior.names,
            "valid_f1": self.valid_f1,
        }
        write_model(folder, said, {**prior.arrays(), "thresholds": self.thresholds})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it isn't whole."""
        with reading(folder, cls.name) as stored:
            tagger = cls(PriorConfig(**stored.said["config"]))
            tagger._labels = list(stored.said["labels"])
            tagger._prior = CategoryPrior.restore(stored)
            tagger.thresholds, tagger.valid_f1 = stored.thresholds, float(stored.said["valid_f1"])
        return tagger

    @property
    def _fitted(self) -> CategoryPrior:
        if self._prior is None:
            raise ArtifactError("This prior tagger has learned nothing yet; call fit or load first.")
        return self._prior

    def _learn(self, items: TaggedItems) -> None:
        self._labels = vocabulary(items, min_support=self.config.min_support)
        labels = label_matrix(items.tags, self._labels)
        self._prior = CategoryPrior.learn([item.category for item in items.items], labels)
