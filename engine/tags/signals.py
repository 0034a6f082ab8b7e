"""What speaks for each pair of item and tag: some forty signals, learned from items alone.

Three kernel machines over the whole item, the same machine asked about each review and sentence, the tags of the
nearest items, log odds of words, how far the reviews use the tag's own words or deny them, and how usual the tag is.
Signals of an item that a model has learned from know its tags already: take those of held-out items to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.special import logit

from engine.tags.mentions import Mentions
from engine.tags.pieces import Pieces, Reader, Texts
from engine.tags.prior import CategoryPrior
from engine.tags.storage import Stored, pack_sparse, unpack_sparse
from engine.tags.svm import products
from engine.tags.tfidf import Tfidf
from engine.text import NOT, terms

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
RIDGES = (0.5, 0.3, 0.1)  # of the machines: words and characters, characters alone, radial
AFFINITY = 2.0  # how much more alike two items of one category are
TELLING, LEAST_Z = 20, 3.0  # how many words tell a label, and how surely
NEAR = (10, 40)  # how many nearest items are asked
MARGIN, NEAREST, OWN_WORDS, DENIED = 0, 4, 21, 28  # places of some signals: OWN_WORDS in the sentence with most of them
USUAL = (32, 33, 34)  # places of what is counted over all items learned from, the same for all items of a category
DECIMALS = 4  # signals are rounded, so that the last bits of a sum can't send a pair down another branch


@dataclass(frozen=True)
class Alike:
    """(n_items, n_others) how alike items are: `words` and `characters` are cosines, `same` is whether by category."""

    words: Floats
    characters: Floats
    same: Mask

    @classmethod
    def of(cls, texts: Texts, others: Texts) -> Alike:
        """Each of `texts` with each of `others`."""
        same = np.array(texts.categories, dtype=object)[:, None] == np.array(others.categories, dtype=object)[None, :]
        words = products(texts.words, others.words.T.tocsr())
        return cls(words, products(texts.characters, others.characters.T.tocsr()), same.astype(bool))

    def take(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Alike:
        """Some items with some others."""
        chosen = np.ix_(rows, columns)
        return Alike(self.words[chosen], self.characters[chosen], self.same[chosen])

    @property
    def kernels(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """One for each machine."""
        both, closer = (self.words + self.characters) / 2, 1 + np.float32(AFFINITY) * self.same.astype(np.float32)
        radial = np.exp(2 * (both - 1)) * closer / np.float32(1 + AFFINITY)
        return np.asarray(both * closer), np.asarray(self.characters * closer), np.asarray(radial)


@dataclass(frozen=True)
class Signals:
    """Fitted on items: `words` and `characters` are theirs (n_train, ·), `true` (n_train, n_labels) their tags.

    machines: (3, n_train, n_labels), the weight of each training item in each machine.
    """

    labels: list[str]
    reader: Reader
    categories: list[str]
    words: sparse.csr_array
    characters: sparse.csr_array
    true: Mask
    machines: Floats
    prior: CategoryPrior

    @classmethod
    def fit(cls, labels: list[str], reader: Reader, texts: Texts, true: Mask, alike: Alike) -> Signals:
        """Learn from `texts` with the tags `true`; `alike` is each of them with each other."""
        centred = true - true.mean(axis=0)
        machines = []
        for kernel, ridge in zip(alike.kernels, RIDGES, strict=True):
            system = kernel.astype(np.float64)
            system[np.diag_indices_from(system)] += ridge
            machines.append(linalg.solve(system, centred, assume_a="pos", overwrite_a=True).astype(np.float32))
        prior = CategoryPrior.learn(texts.categories, true)
        return cls(labels, reader, texts.categories, texts.words, texts.characters, true, np.stack(machines), prior)

    def alike(self, texts: Texts) -> Alike:
        """Each of `texts` with each training item."""
        same = np.array(texts.categories, dtype=object)[:, None] == np.array(self.categories, dtype=object)[None, :]
        words, characters = self._columns
        return Alike(products(texts.words, words), products(texts.characters, characters), same.astype(bool))

    def read(self, texts: Texts, alike: Alike) -> Floats:
        """(n_items, n_labels, n_signals); the last two are the tag's and the category's codes."""
        machines = [self.mean + kernel @ weights for kernel, weights in zip(alike.kernels, self.machines, strict=True)]
        signals = [*machines, *self._near(alike), texts.words.astype(bool).astype(np.float32) @ self._odds]
        signals += [*self._of_pieces(texts), *self._own_words(texts), *self._usual(texts), *_places(machines[0])]
        signals += self._codes(texts)
        shape = (len(texts.categories), len(self.labels))
        return np.stack([np.round(np.broadcast_to(one, shape).astype(np.float32), DECIMALS) for one in signals], -1)

    def candidates(self, texts: Texts, signals: Floats, most: int) -> Mask:
        """(n_items, n_labels): which tags are worth a closer look.

        Those that the category may have and that are among the `most` best by one of four: the machine, the nearest
        items, the tag's own words in one sentence, the category's prior.
        """
        allowed = self.prior.allow_list.mask(texts.categories, len(self.labels))
        if len(self.labels) <= most:
            return allowed
        named = signals[:, :, OWN_WORDS]
        sources: list[NDArray[Any]] = [
            signals[:, :, MARGIN],
            signals[:, :, NEAREST],
            self.prior.rates(texts.categories),
        ]
        chosen = np.any([_among_best(one, most) for one in sources], axis=0) | (_among_best(named, most) & (named > 0))
        return np.asarray(allowed & chosen)

    @cached_property
    def mean(self) -> Floats:
        """(n_labels,) the share of the training items that have each label."""
        return np.asarray(self.true.mean(axis=0), dtype=np.float32)

    @cached_property
    def _columns(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        return self.words.T.tocsr(), self.characters.T.tocsr()

    @cached_property
    def _of_features(self) -> tuple[Floats, Floats]:
        """What each word and n-gram adds to the first machine's score, (n_features, n_labels)."""
        return self.words.T @ self.machines[0] / 2, self.characters.T @ self.machines[0] / 2

    @cached_property
    def _odds(self) -> Floats:
        """(n_words, n_labels) how much likelier a word is in items with the label, in log odds."""
        has = self.words.astype(bool).astype(np.float64)
        n_with = has.T @ self.true.astype(np.float64)
        n_without = np.asarray(has.sum(axis=0))[:, None] - n_with
        n_true = self.true.sum(axis=0)
        odds = np.log((n_with + 1) / (n_true + 2)) - np.log((n_without + 1) / (len(self.true) - n_true + 2))
        return np.asarray(odds, dtype=np.float32)

    @cached_property
    def _telling(self) -> sparse.csr_array:
        """(n_words, n_labels) the words that tell each label: the 20 that are oftener with it than chance lets expect.

        By the z-score of the number of its items that have the word, 3 at least.
        """
        has = self.words.astype(bool).astype(np.float64)
        share = self.true.mean(axis=0)
        n_having = np.asarray(has.sum(axis=0))[:, None]
        over = has.T @ self.true.astype(np.float64) - n_having * share
        z = over / np.sqrt(n_having * share * (1 - share) + 1)
        bar = np.partition(z, max(len(z) - TELLING, 0), axis=0)[max(len(z) - TELLING, 0)]
        return sparse.csr_array((z >= np.maximum(bar, LEAST_Z)).astype(np.float64))

    @cached_property
    def _named(self) -> tuple[Mentions, sparse.csr_array, sparse.csr_array]:
        """Where the labels' own words are: as they stand, denied, and as characters."""
        words = self.reader.words
        return Mentions.of(self.labels, words), _denials(self.labels, words), self.reader.of_labels(self.labels)

    def _near(self, alike: Alike) -> list[Floats]:
        """The share of the nearest training items that have each label, weighted by how near they are."""
        kernel, true = alike.kernels[0], self.true.astype(np.float32)
        found = []
        for most in NEAR:
            k = min(most, kernel.shape[1])
            nearest = np.argpartition(-kernel, k - 1, axis=1)[:, :k]
            weights = np.take_along_axis(kernel, nearest, axis=1)
            weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
            rows = np.repeat(np.arange(len(kernel)), k)
            found.append(sparse.csr_array((weights.ravel(), (rows, nearest.ravel())), shape=kernel.shape) @ true)
        return found

    def _of_pieces(self, texts: Texts) -> list[Floats]:
        """The first machine's score of single reviews and sentences, and how alike sentences are to the tag's words."""
        mentions, _, letters = self._named
        said = [texts.reviews.best(self._score(texts.reviews)), texts.sentences.best(self._score(texts.sentences))]
        has = texts.sentences.counts.astype(bool).astype(np.float32)
        said.append(texts.sentences.best((texts.sentences.characters @ letters.T).toarray()))
        said.append(texts.sentences.best((has @ mentions.shares).toarray().astype(np.float32)))
        return [one[:, :, at] for one in said for at in range(one.shape[2])]

    def _score(self, pieces: Pieces) -> Floats:
        words, characters = self._of_features
        scores: Floats = pieces.words @ words + pieces.characters @ characters
        return scores

    def _own_words(self, texts: Texts) -> list[NDArray[Any]]:
        """How far the item uses the tag's own words; in how many reviews they all are, are denied, or words tell it."""
        mentions, denials, _ = self._named
        reviews = texts.reviews
        share, log_reviews = mentions.count_in(reviews.counts, reviews.of_item)
        has = reviews.counts.astype(bool).astype(np.float64)
        denied = reviews.of_item @ ((has @ denials) > 0).astype(np.float64)
        n_reviews = np.maximum(texts.n_reviews, 1)[:, None]
        told = reviews.of_item @ ((has @ self._telling) > 0).astype(np.float64).toarray()
        shares = [np.expm1(log_reviews) / n_reviews, told / n_reviews]
        return [share, log_reviews, np.log1p(denied.toarray()), np.log1p(told), *shares]

    def _usual(self, texts: Texts) -> list[NDArray[Any]]:
        """How usual the label is in the category and everywhere, in log odds, of how many items, and how much is said.

        The number of items counts the category's; an unknown category has none.
        """
        place = {name: row for row, name in enumerate(self.prior.names)}
        rows = [place.get(category, len(place)) for category in texts.categories]
        counts = np.vstack([self.prior.counts, np.zeros(len(self.labels))])[rows]
        usual = logit(self.prior.rates(texts.categories)), logit(self.prior.overall)[None, :]
        return [*usual, np.log1p(counts), np.log1p(texts.n_reviews)[:, None]]

    def _codes(self, texts: Texts) -> list[NDArray[Any]]:
        place = {name: row for row, name in enumerate(self.prior.names)}
        of_category = np.array([place.get(category, -1) for category in texts.categories])
        return [np.arange(len(self.labels))[None, :], of_category[:, None]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `restore` needs besides labels, categories and the reader."""
        names = list(self.prior.names)
        return {
            **pack_sparse("items.words", self.words),
            **pack_sparse("items.characters", self.characters),
            **self.prior.arrays(),
            "items.true": self.true,
            "items.categories": np.array([names.index(name) for name in self.categories]),
            "machines": self.machines,
        }

    @classmethod
    def restore(cls, stored: Stored, reader: Reader) -> Signals:
        """What was stored; ValueError when its shapes don't fit."""
        arrays, labels, prior = stored.arrays, list(stored.said["labels"]), CategoryPrior.restore(stored)
        words, characters = unpack_sparse("items.words", arrays), unpack_sparse("items.characters", arrays)
        true, machines, codes = arrays["items.true"], arrays["machines"], arrays["items.categories"]
        n_features = (words.shape[1], characters.shape[1])
        if n_features != (len(reader.words.columns), len(reader.characters.columns)):
            raise ValueError("its items don't fit the features")
        shape = (words.shape[0], len(labels))
        if true.shape != shape or machines.shape != (len(RIDGES), *shape) or codes.shape != shape[:1]:
            raise ValueError("its machines don't fit the labels and items")
        categories = [prior.names[code] for code in codes]
        return cls(labels, reader, categories, words, characters, true, machines, prior)


def _places(margins: Floats) -> list[Floats]:
    """How a label's score stands among the item's: its place from the top, and the sum and the best of all scores."""
    order = np.argsort(np.argsort(-np.round(margins, DECIMALS), axis=1, kind="stable"), axis=1, kind="stable")
    return [order.astype(np.float32), margins.sum(axis=1, keepdims=True), margins.max(axis=1, keepdims=True)]


def _among_best(scores: NDArray[Any], most: int) -> Mask:
    """Which entries are at least as high as their row's `most`-th highest."""
    least = np.partition(scores, scores.shape[1] - most, axis=1)[:, -most][:, None]
    return np.asarray(scores >= least)


def _denials(labels: Sequence[str], words: Tfidf) -> sparse.csr_array:
    """(n_words, n_labels): the words that deny one of a label's: "¬мягк" for "мягкий", "мягк" for "не мягкий"."""
    rows, columns = [], []
    for column, label in enumerate(labels):
        for stem in sorted(set(terms(label))):
            denied = stem.removeprefix(NOT) if stem.startswith(NOT) else NOT + stem
            if denied in words.columns:
                rows.append(words.columns[denied])
                columns.append(column)
    shape = (len(words.columns), len(labels))
    return sparse.csr_array((np.ones(len(rows), dtype=np.float64), (rows, columns)), shape=shape)
