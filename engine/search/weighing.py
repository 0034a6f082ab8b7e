"""Which keywords of an item's reviews its document holds: those that many of its reviews and few other items say.

    score = reviews that say it · mean over its words of ln(items / items that say the word) · n / (n + 1)

which is tf·idf (Salton and Buckley, 1988) over items instead of documents, n being the reviews of all items that have
the word: what a single one says is often a slip of the pen. Keywords that say the same count
together, under their most frequent wording, and one whose words better ones hold already is left out.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge

import numpy as np
from numpy.typing import NDArray

from engine.search.keyword_store import ReviewKeywords
from engine.search.keywords import Keywords, meaning

BUCKETS = 1 << 20  # counts of words are kept by hash, so that their memory doesn't grow; few words share one
Meaning = frozenset[str]
Ranked = tuple[float, str, Meaning]  # minus its score, so that the best comes first; its wording; what it says


@dataclass(frozen=True)
class KeywordConfig:
    """How many keywords a document holds.

    most:      at most so many, letters: and so many characters together
    context:   of them, at most so many that say who or when, which come first
    per_mention: for every so many reviews of an item, one more must say who or when before it counts
    """

    most: int = 40
    letters: int = 600
    context: int = 8
    per_mention: int = 20


@dataclass
class WordCounts:
    """In how many items' reviews each word is, and in how many reviews, by hash."""

    n_items: int = 0
    items: NDArray[np.int32] = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int32))
    reviews: NDArray[np.int32] = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int32))

    @classmethod
    def of(cls, rows: Iterable[ReviewKeywords]) -> WordCounts:
        """Count over the reviews of all items, which come sorted by item."""
        made = cls()
        for _, reviews in by_item(rows):
            words = [{word for keyword in review.keywords.all for word in meaning(keyword)} for review in reviews]
            made.items[list(map(_bucket, set().union(*words)))] += 1
            for said in words:
                made.reviews[list(map(_bucket, said))] += 1
            made.n_items += 1
        return made

    def weight(self, said: Meaning) -> float:
        """How telling the words of a keyword are, on average."""
        return sum(map(self._weight, map(_bucket, said))) / max(1, len(said))

    def _weight(self, bucket: int) -> float:
        reviews = int(self.reviews[bucket])
        return math.log((1 + self.n_items) / (1 + int(self.items[bucket]))) * reviews / (1 + reviews)


@dataclass
class Heard:
    """What the reviews of one item say: for each meaning how many reviews, and the wordings."""

    counts: WordCounts
    config: KeywordConfig
    reviews: Counter[Meaning] = field(default_factory=Counter)
    wordings: defaultdict[Meaning, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    context: set[Meaning] = field(default_factory=set)
    ranked: list[Ranked] = field(default_factory=list)
    n_reviews: int = 0

    @classmethod
    def of(cls, reviews: Iterable[Keywords], counts: WordCounts, config: KeywordConfig) -> Heard:
        """Hear every review out."""
        made = cls(counts, config)
        for said in reviews:
            made.n_reviews += 1
            for keyword in said.all:
                made.wordings[meaning(keyword)][keyword] += 1
            made.reviews.update({meaning(keyword) for keyword in said.all})
            made.context.update(meaning(keyword) for keyword in (*said.who, *said.when))
        made.ranked = sorted(made._scored(made.reviews))
        return made

    def best(self, *, known: Meaning = frozenset(), without: Keywords | None = None) -> tuple[str, ...]:
        """The keywords for the document: who and when first, then the others, each best first.

        known: words that the document holds already, such as its title's; without: a review to leave out, as if it had
        never been written.
        """
        ranked = self._ranked_without(without) if without else self.ranked
        held, letters, chosen = set(known), 0, list[str]()
        least = 1 + self.n_reviews // self.config.per_mention
        for context, room in ((True, self.config.context), (False, self.config.most)):
            for _, wording, said in ranked:
                if len(chosen) >= room:
                    break
                fits = letters + len(wording) <= self.config.letters
                if context and self.reviews[said] < least:
                    continue
                if fits and (said in self.context) is context and not said <= held:
                    chosen.append(wording)
                    held |= said
                    letters += len(wording) + 2
        return tuple(chosen)

    def _ranked_without(self, review: Keywords) -> list[Ranked]:
        own = {meaning(keyword) for keyword in review.all}
        left = {said: self.reviews[said] - 1 for said in own if self.reviews[said] > 1}
        others = (entry for entry in self.ranked if entry[2] not in own)
        return list(merge(others, sorted(self._scored(left, Counter(review.all)))))

    def _scored(self, reviews: Mapping[Meaning, int], without: Counter[str] | None = None) -> Iterator[Ranked]:
        for said, n in reviews.items():
            wordings = self.wordings[said] - without if without else self.wordings[said]
            wording = (
                next(iter(wordings))
                if len(wordings) == 1
                else min(wordings, key=lambda keyword: (-wordings[keyword], len(keyword), keyword))
            )
            yield -n * self.counts.weight(said), wording, said


def by_item(rows: Iterable[ReviewKeywords]) -> Iterator[tuple[str, Sequence[ReviewKeywords]]]:
    """The reviews of each item; `rows` come sorted by item."""
    item, reviews = None, list[ReviewKeywords]()
    for row in rows:
        if row.item_id != item and reviews:
            yield reviews[0].item_id, reviews
            reviews = []
        item = row.item_id
        reviews.append(row)
    if reviews:
        yield reviews[0].item_id, reviews


def _bucket(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) % BUCKETS
