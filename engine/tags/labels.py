"""The label vocabulary: which tags a tagger can give, and items' tags as a matrix over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.tags.base import TaggedItems


def vocabulary(items: TaggedItems, *, min_support: int) -> list[str]:
    """Tags that at least `min_support` items have, sorted. Raises DataError when there is none."""
    support = Counter(tag for tags in items.tags for tag in set(tags))
    found = sorted(tag for tag, count in support.items() if count >= min_support)
    if not found:
        most = max(support.values(), default=0)
        need = f"a tag needs {min_support} items in train to be learned, and the most frequent one has {most}"
        raise DataError(f"There is no tag to learn among {len(items.items)} items: {need}; add tagged items.")
    return found


def label_matrix(tags: Sequence[Collection[str]], labels: Sequence[str]) -> NDArray[np.bool_]:
    """(n_items, n_labels): whether each item has each label. Tags outside `labels` are left out."""
    column = {label: place for place, label in enumerate(labels)}
    matrix = np.zeros((len(tags), len(labels)), dtype=bool)
    for row, given in enumerate(tags):
        matrix[row, [column[tag] for tag in given if tag in column]] = True
    return matrix


def joined(first: TaggedItems, second: TaggedItems) -> TaggedItems:
    """The items of both, in order."""
    return TaggedItems([*first.items, *second.items], [*first.tags, *second.tags])


def sampled(items: TaggedItems, most: int) -> TaggedItems:
    """`items`, or `most` of them drawn at random (the same ones each time), in order."""
    if len(items.items) <= most:
        return items
    drawn = np.sort(np.random.default_rng(0).choice(len(items.items), size=most, replace=False))
    return TaggedItems([items.items[place] for place in drawn], [items.tags[place] for place in drawn])
