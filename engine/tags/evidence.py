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
from engine.tags.text import sentences

Floats = NDArray[np.float64]
LEAST_ODDS, LEAST_EFFECT = 0.1, 0.001
"""A sentence counts when leaving it out changes the odds of the tag by about 10 % or more, and the probability by
0.001: below that it is mostly the rest of the text weighing a little more or less."""
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
    change, effect = odds[0] - odds[1:], probabilities[0] - probabilities[1:]
    counts = (np.abs(change) >= LEAST_ODDS) & (np.abs(effect) >= LEAST_EFFECT)
    strongest = [int(place) for place in np.argsort(-np.abs(effect), kind="stable") if counts[place]]
    effects = [SentenceEffect(found[place], float(effect[place])) for place in strongest]
    supporting = tuple(one for one in effects if one.effect > 0)
    opposing = tuple(one for one in effects if one.effect < 0)
    reviews = {one.sentence.review for one in supporting}
    return Evidence(tag, float(probabilities[0]), supporting, opposing, len(reviews), n_reviews)
