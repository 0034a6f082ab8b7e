"""Affinity: how near an item's place in the category tree is to what a user dealt with, level by level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.recommend.catalogue import UNKNOWN, Catalogue
from engine.recommend.topk import Floats


def profiles(weights: sparse.csr_array, catalogue: Catalogue) -> sparse.csr_array:
    """(n_users, n_categories) each user's share of weight in each category; the shares of a level add up to 1.

    A category's weight includes that of the categories below it. Rows of users without a history are empty.
    """
    found = sparse.csr_array(weights @ catalogue.membership)
    totals = np.asarray(weights.sum(axis=1)).ravel()
    found.data /= np.repeat(np.maximum(totals, 1e-12), np.diff(found.indptr)).astype(np.float32)
    return found


def affinity(shares: Floats, users: NDArray[np.int64], items: NDArray[np.int64], catalogue: Catalogue) -> Floats:
    """(n_pairs,) the mean over the item's levels of the user's share in its category there, in [0, 1].

    shares: (n_users, n_categories) dense profiles; users, items: (n_pairs,) rows of both.
    """
    levels = catalogue.levels[items]
    known = levels != UNKNOWN
    total = np.zeros(len(items), dtype=np.float32)
    for level in range(levels.shape[1]):
        there = known[:, level]
        total[there] += shares[users[there], levels[there, level]]
    mean: Floats = total / np.maximum(known.sum(axis=1), 1).astype(np.float32)
    return mean
