"""The stacked tagger: two judges over some forty signals for each pair of item and tag.

Stacking (D. Wolpert, Stacked generalization, 1992): the signals that the judges learn from come from models that have
not seen the item's tags, fold by fold. Boosted trees share among tags what a signal means, which is what helps rare
ones; a logistic regression with weights of each tag's own is calibrated per tag as far as items allow. Their log-odds
count alike. Thresholds come from judges that have not seen the item either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ArtifactError
from engine.metrics.classification import micro_f1
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.tags.booster import Booster, Trees
from engine.tags.judges import Judges
from engine.tags.labels import joined, label_matrix, sampled, vocabulary
from engine.tags.pieces import Reader, Texts
from engine.tags.signals import Alike, Signals
from engine.tags.storage import reading, write_model
from engine.tags.tagwise import Tagwise
from engine.tags.tfidf import Tfidf, characters, words
from engine.tags.thresholds import choose_thresholds

Floats = NDArray[np.float64]
Signed = NDArray[np.float32]
Mask = NDArray[np.bool_]
BATCH = 256  # items scored at once: keeps memory flat
SEED = 0


@dataclass(frozen=True)
class StackedConfig:
    """Settings of the stacked tagger. The defaults were chosen by cross-validation inside train of the Lamoda data.

    min_support: how many items of train a tag needs to be learned; 2 is enough for tags whose words reviews use
    max_items: how many items are learned from at most, drawn at random; time grows with the cube of it
    word_items, char_items: how many items must use a word stem or a character n-gram for it to count
    char_shortest, char_longest: the lengths of character n-grams
    folds: in how many parts items are held out for their signals
    candidates: how many tags of an item each of four sources may propose to the judges
    rounds, leaves, rate, least: how many trees, leaves of each, how much each counts, pairs in a leaf at least
    tag_shrinkage: with how many tagged items a tag's own threshold counts as much as the global one
    """

    min_support: int = 5
    max_items: int = 4000
    word_items: int = 2
    char_items: int = 3
    char_shortest: int = 3
    char_longest: int = 5
    folds: int = 10
    candidates: int = 60
    rounds: int = 150
    leaves: int = 15
    rate: float = 0.05
    least: int = 40
    tag_shrinkage: float = 1000.0

    @property
    def trees(self) -> Trees:
        """How the trees are grown."""
        return Trees(self.rounds, self.leaves, self.rate, self.least)


@dataclass(frozen=True)
class HeldOut:
    """The pairs of all items with signals from models that had not seen the item: what the judges learn from.

    mask: (n_items, n_labels), which pairs are candidates; signals: (n_pairs, n_signals) and true: (n_pairs,), both in
    the mask's order; folds: (n_items,), in which fold each item was held out.
    """

    mask: Mask
    signals: Signed
    true: Mask
    folds: NDArray[np.int64]

    def probabilities(self, trees: Trees, groups: int = 3) -> Floats:
        """(n_items, n_labels) from judges that have not seen the item; 0 where a pair is no candidate."""
        of_pair = np.broadcast_to((self.folds % groups)[:, None], self.mask.shape)[self.mask]
        likely, labels = np.zeros(len(self.true)), np.nonzero(self.mask)[1]
        for group in np.unique(of_pair):
            here = of_pair == group
            judges = Judges.fit(self.signals[~here], labels[~here], self.true[~here], self.mask.shape[1], trees)
            likely[here] = judges.probabilities(self.signals[here], labels[here])
        found = np.zeros(self.mask.shape)
        found[self.mask] = likely
        return found

    def judges(self, trees: Trees) -> Judges:
        """Judges that have learned from all pairs."""
        return Judges.fit(self.signals, np.nonzero(self.mask)[1], self.true, self.mask.shape[1], trees)


def held_out(labels: list[str], reader: Reader, texts: Texts, true: Mask, config: StackedConfig) -> HeldOut:
    """Signals of every item from a model of the items in the other folds."""
    n_items = len(true)
    folds = np.random.default_rng(SEED).permutation(n_items) % min(config.folds, n_items)
    alike, mask = Alike.of(texts, texts), np.zeros(true.shape, dtype=bool)
    found: dict[int, Signed] = {}
    for fold in np.unique(folds):
        here, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        model = Signals.fit(labels, reader, texts.take(rest), true[rest], alike.take(rest, rest))
        some = texts.take(here)
        signals = model.read(some, alike.take(here, rest))
        mask[here] = model.candidates(some, signals, config.candidates)
        found |= {int(row): signals[place][mask[row]] for place, row in enumerate(here)}
    return HeldOut(mask, np.concatenate([found[row] for row in range(n_items)]), true[mask], folds)


class StackedTagger:
    """Reads reviews. An item without text gets its category's prior; an unknown category may get any tag."""

    name: ClassVar[str] = "stacked"
    Config: ClassVar[type[StackedConfig]] = StackedConfig

    def __init__(self, config: StackedConfig | None = None) -> None:
        self.config = config or StackedConfig()
        self.thresholds: Floats = np.empty(0)
        self.valid_f1 = float("nan")
        self._parts: tuple[Signals, Judges] | None = None

    @property
    def tags(self) -> Sequence[str]:
        """The label vocabulary, sorted; empty before fit."""
        return self._parts[0].labels if self._parts else []

    @property
    def categories(self) -> Sequence[str]:
        """The categories that it knows, sorted."""
        return self._fitted[0].prior.names

    def fit(self, train: TaggedItems, valid: TaggedItems) -> Self:
        """Learn from train and valid by folds; thresholds come from all items as they were held out.

        Raises DataError when no tag has enough items.
        """
        labels = self._vocabulary(train, valid)
        data = sampled(joined(train, valid), self.config.max_items)
        reader, true = self._reader(data.items), label_matrix(data.tags, labels)
        texts = reader.read(data.items)
        pairs = held_out(labels, reader, texts, true, self.config)
        likely = pairs.probabilities(self.config.trees)
        chosen = choose_thresholds(labels, true, likely, shrinkage=self.config.tag_shrinkage)
        signals = Signals.fit(labels, reader, texts, true, Alike.of(texts, texts))
        self._parts = signals, pairs.judges(self.config.trees)
        self.thresholds = chosen.of(labels)
        ids = {item.item_id for item in valid.items}
        rows = [place for place, item in enumerate(data.items) if item.item_id in ids]
        self.valid_f1 = micro_f1(true[rows], likely[rows] >= self.thresholds) if rows else chosen.micro_f1
        return self

    def probabilities(self, items: Sequence[ItemText]) -> Floats:
        """(n_items, n_tags); a tag that the item's category never had in train has 0, and so has no candidate."""
        blocks = [self._block(items[start : start + BATCH]) for start in range(0, len(items), BATCH)]
        return np.vstack([np.empty((0, len(self._fitted[0].labels))), *blocks])

    def save(self, folder: Path) -> None:
        """Write model.json, arrays.npz and booster.txt."""
        signals, judges = self._fitted
        said = {
            "model": self.name,
            "config": asdict(self.config),
            "labels": signals.labels,
            "categories": signals.prior.names,
            "words": list(signals.reader.words.columns),
            "characters": list(signals.reader.characters.columns),
            "valid_f1": self.valid_f1,
            "booster": judges.booster.save(folder),
        }
        reader = {"words.idf": signals.reader.words.idf, "characters.idf": signals.reader.characters.idf}
        arrays = {**signals.arrays(), **judges.tagwise.arrays(), **reader, "thresholds": self.thresholds}
        write_model(folder, said, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; ArtifactError when it isn't whole."""
        with reading(folder, cls.name) as stored:
            tagger = cls(StackedConfig(**stored.said["config"]))
            analyse = characters(tagger.config.char_shortest, tagger.config.char_longest)
            reader = Reader(Tfidf.restore(words(), stored, "words"), Tfidf.restore(analyse, stored, "characters"))
            signals = Signals.restore(stored, reader)
            tagwise = Tagwise.restore(stored.arrays, n_labels=len(signals.labels))
            tagger._parts = signals, Judges(Booster.load(folder, expected=stored.said["booster"]), tagwise)
            tagger.thresholds, tagger.valid_f1 = stored.thresholds, float(stored.said["valid_f1"])
        return tagger

    @property
    def _fitted(self) -> tuple[Signals, Judges]:
        if self._parts is None:
            raise ArtifactError("This stacked tagger has learned nothing yet; call fit or load first.")
        return self._parts

    def _vocabulary(self, train: TaggedItems, valid: TaggedItems) -> list[str]:
        """Tags with enough items in both together that train has at all: what valid alone has can't be judged."""
        seen = {tag for tags in train.tags for tag in tags}
        return [tag for tag in vocabulary(joined(train, valid), min_support=self.config.min_support) if tag in seen]

    def _reader(self, items: Sequence[ItemText]) -> Reader:
        analyse = characters(self.config.char_shortest, self.config.char_longest)
        return Reader(
            Tfidf.fit(words(), items, min_items=self.config.word_items),
            Tfidf.fit(analyse, items, min_items=self.config.char_items),
        )

    def _block(self, items: Sequence[ItemText]) -> Floats:
        signals, judges = self._fitted
        texts = signals.reader.read(items)
        found = signals.read(texts, signals.alike(texts))
        candidates = signals.candidates(texts, found, self.config.candidates)
        likely = np.zeros(candidates.shape)
        likely[candidates] = judges.probabilities(found[candidates], np.nonzero(candidates)[1])
        allowed = signals.prior.allow_list.mask(texts.categories, len(signals.labels))
        prior = np.where(allowed, signals.prior.rates(texts.categories), 0.0)
        return np.where(texts.readable[:, None], likely, prior)
