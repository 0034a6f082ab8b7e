"""Why a tagger gives a tag: each review sentence is left out in turn; what that changes is its effect.

All variants of an item go through the model in one batch, so any tagger can be asked. What remains of a review stays
in place, so an effect is that of the sentence alone, and sentences that say the same share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from engine.errors import UnknownNameError
from engine.schema import Evidence, ItemText, Sentence, SentenceEffect
from engine.tags.base import Tagger
from engine.text import sentences

Floats = NDArray[np.float64]
STANDS_OUT, LEAST, ENOUGH = 4.0, 0.05, 0.5
"""A sentence supports a tag when leaving it out lowers the tag's log-odds by 4 times what the item's sentences do at
the median, by 0.05 at least; 0.5 is always enough. Below that it is mostly the rest of the text weighing a little more
or less, and the more sentences an item has, the less each can do. Log-odds, because two sentences that say the same
each leave the probability of a near-certain tag where it is. benchmarks/evidence_demo.py says how often that is right.
"""
LEAST_DOUBT = 0.01
"""A sentence opposes a tag when it lowers the log-odds by 0.5 and the probability by 0.01: one that only keeps a
near-certain tag from being more certain doesn't."""
EDGE = 1e-9


def item_sentences(item: ItemText) -> list[Sentence]:
    """The sentences of an item's reviews, in order."""
    return [
        Sentence(place, start, end, review[start:end])
        for place, review in enumerate(item.reviews)
        for start, end in sentences(review)
    ]


def explain(tagger: Tagger, item: ItemText, tags: Sequence[str]) -> list[Evidence]:
    """The evidence for each of `tags`, in their order; sentences strongest first, in reading order among equals.

    A tag that rests on the category alone has no supporting sentence. Raises UnknownNameError for a tag that the
    tagger doesn't have.
    """
    columns = [_column(tagger, tag) for tag in tags]
    found = item_sentences(item)
    probabilities = tagger.probabilities([item, *(without(item, sentence) for sentence in found)])[:, columns]
    return [_evidence(tag, probabilities[:, place], found, len(item.reviews)) for place, tag in enumerate(tags)]


def without(item: ItemText, sentence: Sentence) -> ItemText:
    """`item` without that sentence; a review of which nothing is left goes too."""
    review = item.reviews[sentence.review]
    rest = review[: sentence.start] + review[sentence.end :]
    kept = (rest,) if rest.strip() else ()
    return replace(item, reviews=item.reviews[: sentence.review] + kept + item.reviews[sentence.review + 1 :])


def _column(tagger: Tagger, tag: str) -> int:
    try:
        return list(tagger.tags).index(tag)
    except ValueError:
        raise UnknownNameError("tag of this tagger", tag, tagger.tags) from None


def _evidence(tag: str, probabilities: Floats, found: Sequence[Sentence], n_reviews: int) -> Evidence:
    """Row 0 is the whole item, row i + 1 the item without sentence i."""
    odds = logit(np.clip(probabilities, EDGE, 1 - EDGE))
    change, effect = np.round(odds[0] - odds[1:], 4), probabilities[0] - probabilities[1:]
    effects = [SentenceEffect(sentence, float(value)) for sentence, value in zip(found, effect, strict=True)]
    bar = float(np.clip(STANDS_OUT * np.median(np.abs(change)), LEAST, ENOUGH)) if found else ENOUGH
    supporting = tuple(effects[at] for at in np.argsort(-change, kind="stable") if change[at] >= bar)
    opposing = tuple(
        effects[at] for at in np.argsort(change, kind="stable") if change[at] <= -ENOUGH and effect[at] <= -LEAST_DOUBT
    )
    reviews = {one.sentence.review for one in supporting}
    return Evidence(tag, float(probabilities[0]), supporting, opposing, len(reviews), n_reviews)
