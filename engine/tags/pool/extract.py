"""The embedded maker of tags: opinion phrases of the reviews, chosen by support and by KeyBERT. It asks nobody.

How many reviews say a phrase counts first; where more phrases are left than an SKU may have tags, KeyBERT (Grootendorst
2020) ranks them by how near they are to the whole text, and MMR keeps them different.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from engine.schema import ItemText
from engine.tags.pool.lexicon import listed
from engine.tags.pool.opinions import opinions
from engine.tags.pool.polarity import signature
from engine.tags.pool.quality import MAX_TAGS, Cleaned, clean, content, fault, generic_roots, tidy
from engine.tags.pool.roots import root

MAX_CANDIDATES = 40  # phrases of one SKU that are ranked
MAX_REVIEWS = 500  # of one SKU that are read
MANY = 20  # reviews from which a phrase of one review alone is too little
MOST_ONCE = 6  # tags of an SKU that one review alone says
DIVERSITY = 0.3  # of KeyBERT's MMR: 0 takes the nearest phrases, 1 the most different ones
Meaning = tuple[frozenset[str], frozenset[str]]


class ExtractedTags:
    """Extracts tags with patterns and the embedded encoder."""

    source, id, at_once = "extracted", "opinion patterns 2, KeyBERT over all-MiniLM-L6-v2", 1

    async def tags(self, item: ItemText) -> Cleaned:
        """The best phrases, those of more reviews first."""
        supported = phrases(item.reviews)
        # The encoder costs far more than the patterns, so it is asked only where there is something to choose.
        near = _nearness(list(supported), item.reviews) if len(supported) > MAX_TAGS else {}
        ranked = sorted(supported, key=lambda phrase: (-supported[phrase], -near.get(phrase, 0.0)))
        once = [phrase for phrase in ranked if supported[phrase] == 1]
        return clean([*ranked[: len(ranked) - len(once)], *once[:MOST_ONCE]], most=MAX_TAGS)

    async def close(self) -> None:
        """Nothing to close."""


def phrases(reviews: Sequence[str]) -> dict[str, int]:
    """The usable opinion phrases and the number of reviews that say each; of equal meanings the commonest form."""
    forms: dict[Meaning, Counter[str]] = {}
    for review in reviews[:MAX_REVIEWS]:
        said = {_meaning(phrase): phrase for phrase in map(tidy, opinions(review)) if _usable(phrase)}
        for meaning, phrase in said.items():
            forms.setdefault(meaning, Counter())[phrase] += 1
    least = 2 if len(reviews) >= MANY else 1
    usual = {min(form, key=lambda text: (-form[text], text)): form.total() for form in forms.values()}
    counted = {phrase: count for phrase, count in usual.items() if count >= least}
    return dict(sorted(counted.items(), key=lambda pair: -pair[1])[:MAX_CANDIDATES])


def _usable(phrase: str) -> bool:
    """Whether a phrase is a tag; praise of the thing itself ("great bag") is none, praise of an aspect of it is."""
    said = set(content(phrase))
    return fault(phrase) is None and not (said & generic_roots() and said - generic_roots() - aspect_roots())


@cache
def aspect_roots() -> frozenset[str]:
    """Roots of what praise may be about: colour, fit, seams, …"""
    return frozenset(map(root, listed("aspects")))


def _meaning(phrase: str) -> Meaning:
    return frozenset(content(phrase)), signature(phrase)


def _nearness(candidates: Sequence[str], reviews: Sequence[str]) -> dict[str, float]:
    """KeyBERT's score of each candidate that it takes."""
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(analyzer=lambda _: candidates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about an analyzer that takes the place of its tokeniser
        found = _keybert().extract_keywords(
            "\n".join(reviews[:MAX_REVIEWS])[:20_000],
            vectorizer=vectorizer,
            top_n=min(len(candidates), 2 * MAX_TAGS),
            use_mmr=True,
            diversity=DIVERSITY,
        )
    return {str(phrase): float(score) for phrase, score in found}


@cache
def _keybert() -> Any:
    from keybert import KeyBERT

    from engine.models.embedded import encoder

    return KeyBERT(encoder())
