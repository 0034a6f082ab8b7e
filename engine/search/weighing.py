"""Which keywords of an item's reviews its document holds: those that many of its reviews and few other items say.

    score = ln(1 + reviews that say it) · mean over its words of ln(items / items that say the word)

the form of tf·idf (Salton and Buckley, 1988) over items instead of documents. Keywords that say the same count
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
    """

    most: int = 40
    letters: int = 600
    context: int = 8


@dataclass
class WordCounts:
    """In how many items' reviews each word is, by hash."""

    items: int = 0
    counts: NDArray[np.int32] = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int32))

    @classmethod
    def of(cls, rows: Iterable[ReviewKeywords]) -> WordCounts:
        """Count over the reviews of all items, which come sorted by item."""
        made = cls()
        for _, reviews in by_item(rows):
            words = {word for review in reviews for keyword in review.keywords.all for word in meaning(keyword)}
            made.counts[list(map(_bucket, words))] += 1
            made.items += 1
        return made

    def weight(self, said: Meaning) -> float:
        """How telling the words of a keyword are, on average."""
        logs = [math.log((1 + self.items) / (1 + int(self.counts[_bucket(word)]))) for word in said]
        return sum(logs) / len(logs) if logs else 0.0


@dataclass
class Heard:
    """What the reviews of one item say: for each meaning how many reviews, and the wordings."""

    counts: WordCounts
    config: KeywordConfig
    reviews: Counter[Meaning] = field(default_factory=Counter)
    wordings: defaultdict[Meaning, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    context: set[Meaning] = field(default_factory=set)
    ranked: list[Ranked] = field(default_factory=list)

    @classmethod
    def of(cls, reviews: Iterable[Keywords], counts: WordCounts, config: KeywordConfig) -> Heard:
        """Hear every review out."""
        made = cls(counts, config)
        for said in reviews:
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
        for context, room in ((True, self.config.context), (False, self.config.most)):
            for _, wording, said in ranked:
                if len(chosen) >= room:
                    break
                fits = letters + len(wording) <= self.config.letters
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
            wordings = self.wordings[said] - (without or Counter())
            wording = min(wordings, key=lambda keyword: (-wordings[keyword], len(keyword), keyword))
            yield -math.log1p(n) * self.counts.weight(said), wording, said


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
