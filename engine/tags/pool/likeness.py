"""How alike two tags are in what they are made of: shared letters of roots, or vectors of an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.tags.pool.quality import content
from engine.tags.pool.roots import is_russian

Floats = NDArray[np.float32]


def lexical_vectors(tags: Sequence[str]) -> Floats:
    """(n_tags, n_ngrams) rows of length 1: runs of 2 to 4 letters of its roots, in any word order."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    roots = [" ".join(sorted(set(content(tag)))) or tag for tag in tags]
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32)
    return np.asarray(vectors.fit_transform(roots).toarray(), dtype=np.float32)


def likeness(tags: Sequence[str], vectors: Floats | None = None) -> Floats:
    """(n_tags, n_tags) cosines in [0, 1]: of the roots' letters, or of `vectors` where they are higher."""
    lexical = lexical_vectors(tags)
    alike = lexical @ lexical.T
    if vectors is not None:
        alike = np.maximum(alike, vectors @ vectors.T)
    clipped: Floats = np.clip(alike, 0.0, 1.0)
    return clipped


async def embedded_vectors(tags: Sequence[str]) -> Floats | None:
    """The embedded encoder's vectors of English tags, zeros for others; None when no tag is English.

    On Lamoda's raw pools the encoder's cosines above 0.91 held 40 % opposites and pairs such as "brown colour" and
    "universal colour" in Russian, where letters of roots gave hardly any: it was trained on English.
    """
    foreign = np.array([any(map(is_russian, tag.split())) for tag in tags], dtype=bool)
    if foreign.all():
        return None
    from engine.models.embedded import encode

    vectors: Floats = np.where(foreign[:, None], np.float32(0), encode(tags))
    return vectors
