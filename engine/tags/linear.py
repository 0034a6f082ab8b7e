"""The linear tagger: what the reviews say, through linear machines, the tag's own words and the category's prior.

Each (item, tag) gets four pieces of evidence: the margin of a linear SVM over TF-IDF of word stems and character
n-grams, the log-odds of the tag in the category, and how far the reviews use the tag's own words (two figures). One
calibration on valid weighs them into a probability; an allow-list per category says which tags can be meant at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from engine.errors import ArtifactError
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.tags.calibration import Calibration
from engine.tags.labels import joined, label_matrix, sampled, vocabulary
from engine.tags.mentions import Mentions
from engine.tags.prior import CategoryPrior
from engine.tags.storage import Stored, reading, write_model
from engine.tags.svm import LeastSquaresSvm
from engine.tags.tfidf import TextFeatures, Tfidf, characters, words
from engine.tags.thresholds import choose_thresholds

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
BATCH = 256  # items scored at once: keeps memory flat


@dataclass(frozen=True)
class LinearConfig:
    """Settings of the linear tagger. The defaults were chosen by cross-validation inside train of the Lamoda data.

    min_support: how many items of train a tag needs to be learned
    max_items: how many items are learned from at most, drawn at random; time grows with the cube of it
    word_items, char_items: how many items must use a word stem or a character n-gram for it to count
    char_shortest, char_longest: the lengths of character n-grams
    char_share: how much character n-grams count against word stems, 0 to 1
    ridge: how strongly the machines are held back from fitting single items; higher is smoother
    affinity: how much more alike two items of one category are
    tag_shrinkage: with how many items in valid a tag's own threshold counts as much as the global one
    """

    min_support: int = 5
    max_items: int = 8000
    word_items: int = 2
    char_items: int = 3
    char_shortest: int = 3
    char_longest: int = 5
    char_share: float = 0.5
    ridge: float = 0.5
    affinity: float = 2.0
    tag_shrinkage: float = 100.0


@dataclass(frozen=True)
class _Scorer:
    """Everything learned from items alone: it turns an item into evidence, (n_items, n_labels, 4)."""

    labels: list[str]
    text: TextFeatures
    svm: LeastSquaresSvm
    prior: CategoryPrior
    mentions: Mentions

    @classmethod
    def fit(cls, given: TaggedItems, config: LinearConfig) -> _Scorer:
        data = sampled(given, config.max_items)
        labels = vocabulary(data, min_support=config.min_support)
        true, categories = label_matrix(data.tags, labels), [item.category for item in data.items]
        text = TextFeatures(
            Tfidf.fit(words(), data.items, min_items=config.word_items),
            Tfidf.fit(characters(config.char_shortest, config.char_longest), data.items, min_items=config.char_items),
            config.char_share,
        )
        features = text.read(data.items).features
        return cls(
            labels,
            text,
            LeastSquaresSvm.fit(features, categories, true, ridge=config.ridge, affinity=config.affinity),
            CategoryPrior.learn(categories, true),
            Mentions.of(labels, text.words),
        )

    def evidence(self, items: Sequence[ItemText]) -> tuple[Floats, Mask]:
        """The evidence, and (n_items,) whether an item has any text that says something to the model."""
        categories = [item.category for item in items]
        read = self.text.read(items)
        margins = self.svm.scores(read.features, categories)
        share, log_reviews = self.mentions.count(read)
        evidence = np.stack([margins, logit(self.prior.rates(categories)), share, log_reviews], axis=-1)
        return evidence, np.diff(read.features.indptr) > 0

    def mask(self, items: Sequence[ItemText]) -> Mask:
        return self.prior.allow_list.mask([item.category for item in items], len(self.labels))


class LinearTagger:
    """Reads reviews. An item without text gets its category's prior; an unknown category may get any tag."""

    name: ClassVar[str] = "linear"
    Config: ClassVar[type[LinearConfig]] = LinearConfig

    def __init__(self, config: LinearConfig | None = None) -> None:
        self.config = config or LinearConfig()
        self.thresholds: Floats = np.empty(0)
        self.valid_f1 = float("nan")
        self._scorer: _Scorer | None = None
        self._calibration: Calibration | None = None

    @property
    def tags(self) -> Sequence[str]:
        """The label vocabulary, sorted; empty before fit."""
        return self._scorer.labels if self._scorer else []

    @property
    def categories(self) -> Sequence[str]:
        """The categories that it knows, sorted."""
        return self._fitted[0].prior.names

    def fit(self, train: TaggedItems, valid: TaggedItems) -> Self:
        """Learn from train, weigh the evidence and choose thresholds on valid, then learn from both.

        Raises DataError when no tag has enough items, or valid has none of the tags.
        """
        draft = _Scorer.fit(train, self.config)
        true, allowed = label_matrix(valid.tags, draft.labels), draft.mask(valid.items)
        evidence, _ = draft.evidence(valid.items)
        self._scorer, self._calibration = draft, Calibration.fit(evidence, true, allowed)
        likely = self.probabilities(valid.items)
        chosen = choose_thresholds(draft.labels, true, likely, shrinkage=self.config.tag_shrinkage)
        self._scorer = _Scorer.fit(joined(train, valid), self.config)
        self.thresholds, self.valid_f1 = chosen.of(self._scorer.labels), chosen.micro_f1
        return self

    def probabilities(self, items: Sequence[ItemText]) -> Floats:
        """(n_items, n_tags); a tag that the item's category never had in train has 0."""
        blocks = [self._block(items[start : start + BATCH]) for start in range(0, len(items), BATCH)]
        return np.vstack([np.empty((0, len(self.tags))), *blocks])

    def save(self, folder: Path) -> None:
        """Write model.json and arrays.npz."""
        scorer, calibration = self._fitted
        said = {
            "model": self.name,
            "config": asdict(self.config),
            "labels": scorer.labels,
            "categories": scorer.prior.names,
            "words": list(scorer.text.words.columns),
            "characters": list(scorer.text.characters.columns),
            "valid_f1": self.valid_f1,
            "calibration": {"weights": calibration.weights.tolist(), "bias": calibration.bias},
        }
        arrays: dict[str, NDArray[Any]] = {
            **scorer.svm.arrays(),
            **scorer.prior.arrays(),
            "words.idf": scorer.text.words.idf,
            "characters.idf": scorer.text.characters.idf,
            "thresholds": self.thresholds,
        }
        write_model(folder, said, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it isn't whole."""
        with reading(folder, cls.name) as stored:
            tagger = cls(LinearConfig(**stored.said["config"]))
            tagger._scorer = _restore(stored, tagger.config)
            weights = np.array(stored.said["calibration"]["weights"], dtype=np.float64)
            tagger._calibration = Calibration(weights, float(stored.said["calibration"]["bias"]))
            tagger.thresholds, tagger.valid_f1 = stored.thresholds, float(stored.said["valid_f1"])
        return tagger

    @property
    def _fitted(self) -> tuple[_Scorer, Calibration]:
        if self._scorer is None or self._calibration is None:
            raise ArtifactError("This linear tagger has learned nothing yet; call fit or load first.")
        return self._scorer, self._calibration

    def _block(self, items: Sequence[ItemText]) -> Floats:
        scorer, calibration = self._fitted
        evidence, has_text = scorer.evidence(items)
        allowed = scorer.mask(items)
        prior = np.where(allowed, scorer.prior.rates([item.category for item in items]), 0.0)
        return np.where(has_text[:, None], calibration.probabilities(evidence, allowed), prior)


def _restore(stored: Stored, config: LinearConfig) -> _Scorer:
    labels = list(stored.said["labels"])
    text = TextFeatures(
        Tfidf.restore(words(), stored, "words"),
        Tfidf.restore(characters(config.char_shortest, config.char_longest), stored, "characters"),
        config.char_share,
    )
    svm = LeastSquaresSvm.restore(stored, affinity=config.affinity)
    if len(svm.mean) != len(labels) or svm.items.shape[0] != len(text.words.columns) + len(text.characters.columns):
        raise ValueError("its machines don't fit the labels and features")
    return _Scorer(labels, text, svm, CategoryPrior.restore(stored), Mentions.of(labels, text.words))
